"""What routes declare to say who may call them."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from models.api_keys import Permission
from models.errors import ForbiddenError
from models.users import User
from services.gateway.auth.identification import API_KEY_HEADER, identify
from services.gateway.auth.principal import Principal
from services.gateway.container import container_of

PERMISSIONS_ATTRIBUTE: Final = "required_permissions"
"""Of the checks that `permitted` makes: what the OpenAPI document says of a route comes from there."""

bearer_scheme = HTTPBearer(
    bearerFormat="jwt", scheme_name="HTTPBearerJWT", auto_error=False, description="A user's token, or an API key."
)
api_key_scheme = APIKeyHeader(name=API_KEY_HEADER, scheme_name="APIKeyHeader", auto_error=False)


async def authenticated(
    request: Request,
    _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)],
    _api_key: Annotated[str | None, Security(api_key_scheme)],
) -> Principal:
    """The parameters only tell the OpenAPI document which credentials there are: see `identify`."""
    return (await identify(request, container_of(request))).demand()


def permitted(*permissions: Permission) -> Callable[[Principal], Principal]:
    """A dependency that lets an API key pass only if it has all of `permissions`."""

    def check(principal: Annotated[Principal, Depends(authenticated)]) -> Principal:
        principal.demand(*permissions)
        return principal

    setattr(check, PERMISSIONS_ATTRIBUTE, permissions)
    return check


def requires_admin_user(principal: Annotated[Principal, Depends(authenticated)]) -> User:
    """An administrator, not through an API key: those are given to programs.

    Raises:
        ForbiddenError
    """
    if principal.permissions is not None or not principal.user.is_admin:
        raise ForbiddenError("Admin access required")
    return principal.user


def _user_of(check: Callable[[Principal], Principal]) -> Callable[[Principal], User]:
    def user(principal: Annotated[Principal, Depends(check)]) -> User:
        return principal.user

    return user


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
