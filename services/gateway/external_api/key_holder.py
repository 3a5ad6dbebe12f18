"""Who may call the external API: programs with an API key."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security

from models.api_keys import Permission
from models.errors import UnauthenticatedError
from models.users import User
from services.gateway.auth.dependencies import PERMISSIONS_ATTRIBUTE, api_key_scheme
from services.gateway.auth.identification import API_KEY_HEADER, identify
from services.gateway.container import container_of


def key_holder(*permissions: Permission) -> Callable[..., Awaitable[User]]:
    """A dependency: the user of an API key that has all of `permissions`.

    The key comes as `X-API-Key`, or as a bearer; tokens and sessions of people are for the API of the console.
    """

    async def check(request: Request, _api_key: Annotated[str | None, Security(api_key_scheme)]) -> User:
        container = container_of(request)
        identification = await identify(request, container)
        if identification.principal is None and not _sent(request):
            raise UnauthenticatedError("Missing API key")
        principal = identification.demand()
        if principal.api_key_id is None and container.auth.enabled:
            raise UnauthenticatedError("Missing API key")
        principal.demand(*permissions)
        return principal.user

    setattr(check, PERMISSIONS_ATTRIBUTE, permissions)
    return check


def _sent(request: Request) -> bool:
    return API_KEY_HEADER in request.headers or "Authorization" in request.headers
