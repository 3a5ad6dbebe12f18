"""What routes declare to say who may call them."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from models.api_keys import Permission
from models.errors import ForbiddenError, UnauthenticatedError
from models.ids import UserId
from models.users import User
from services.gateway.auth.cookies import SESSION_COOKIE
from services.gateway.auth.csrf import CSRF_HEADER
from services.gateway.auth.identification import API_KEY_HEADER, identify
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.principal import Principal
from services.gateway.auth.tokens import ADMIN_REQUIRED
from services.gateway.container import container_of

PERMISSIONS_ATTRIBUTE: Final = "required_permissions"
"""Of the checks that `permitted` makes: what the OpenAPI document says of a route comes from there."""

bearer_scheme = HTTPBearer(
    bearerFormat="jwt", scheme_name="HTTPBearerJWT", auto_error=False, description="A user's token, or an API key."
)
api_key_scheme = APIKeyHeader(name=API_KEY_HEADER, scheme_name="APIKeyHeader", auto_error=False)


session_scheme = APIKeyCookie(
    name=SESSION_COOKIE,
    scheme_name="SessionCookie",
    auto_error=False,
    description=f"A browser's session; whoever changes something sends its token in {CSRF_HEADER} too.",
)


async def authenticated(
    request: Request,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)],
    _api_key: Annotated[str | None, Security(api_key_scheme)],
    _session: Annotated[str | None, Security(session_scheme)],
) -> Principal:
    """The parameters only tell the OpenAPI document which credentials there are: see `identify`."""
    return (await identify(request, container_of(request))).demand()


async def get_jwt_payload(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)]
) -> dict[str, Any]:
    """The claims of the bearer token, which are verified; for routes that need more of them than who the user is.

    Raises:
        UnauthenticatedError: with the reason.
    """
    if credentials is None:
        raise UnauthenticatedError("Authorization header is missing")
    try:
        return await container_of(request).tokens.parse_jwt_token(credentials.credentials)
    except ValueError as error:
        raise UnauthenticatedError(str(error)) from error


async def requires_user(principal: Annotated[Principal, Depends(authenticated)]) -> User:
    """Whoever has a valid credential."""
    return principal.user


async def requires_person(principal: Annotated[Principal, Depends(authenticated)]) -> Principal:
    """Somebody who has logged in. Raises ForbiddenError for API keys."""
    if not principal.is_person:
        raise ForbiddenError("An API key cannot do this. Log in instead.")
    return principal


async def get_user_id(user: Annotated[User, Depends(requires_user)]) -> UserId:
    return user.id


def permitted(*permissions: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that lets an API key pass only if it has all of `permissions`."""

    async def check(principal: Annotated[Principal, Depends(authenticated)]) -> Principal:
        principal.demand(*permissions)
        return principal

    setattr(check, PERMISSIONS_ATTRIBUTE, permissions)
    return check


async def requires_admin_user(principal: Annotated[Principal, Depends(authenticated)]) -> User:
    """An administrator, not through an API key: those are given to programs.

    Raises:
        ForbiddenError
    """
    if principal.permissions is not None or not principal.user.is_admin:
        raise ForbiddenError(ADMIN_REQUIRED)
    return principal.user


def _user_of(check: Callable[[Principal], Awaitable[Principal]]) -> Callable[[Principal], Awaitable[User]]:
    async def user(principal: Annotated[Principal, Depends(check)]) -> User:
        return principal.user

    return user


async def _origin(request: Request) -> RequestOrigin:
    return RequestOrigin.of(request)


Origin = Annotated[RequestOrigin, Depends(_origin)]
"""Where the request comes from."""

Caller = Annotated[Principal, Depends(authenticated)]
"""Whoever has a valid credential, and which."""

Person = Annotated[Principal, Depends(requires_person)]
AnyUser = Annotated[User, Depends(_user_of(permitted()))]
"""Whoever has a valid credential."""

Admin = Annotated[User, Depends(requires_admin_user)]
IdentityOwner = Annotated[User, Depends(_user_of(permitted(Permission.IDENTITY)))]
GraphReader = Annotated[User, Depends(_user_of(permitted(Permission.READ_GRAPH)))]
GraphWriter = Annotated[User, Depends(_user_of(permitted(Permission.WRITE_GRAPH)))]
GraphExecutor = Annotated[User, Depends(_user_of(permitted(Permission.EXECUTE_GRAPH)))]
BlockReader = Annotated[User, Depends(_user_of(permitted(Permission.READ_BLOCK)))]
BlockExecutor = Annotated[User, Depends(_user_of(permitted(Permission.EXECUTE_BLOCK)))]
ApiKeyManager = Annotated[Principal, Depends(permitted(Permission.MANAGE_API_KEYS))]
"""The whole principal: what a key may give away depends on what it has."""
