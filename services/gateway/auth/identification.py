"""Who makes a request. It is asked once per request, by whichever layer comes first: the rate limit or the route."""

from dataclasses import dataclass
from typing import Final

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Scope

from models.errors import AppError, UnauthenticatedError
from services.gateway.auth.cookies import session_secret_of
from services.gateway.auth.csrf import check_csrf, check_origin
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.principal import Principal
from services.gateway.container import Container

API_KEY_HEADER: Final = "X-API-Key"
_STATE: Final = "identification"


@dataclass(frozen=True, slots=True)
class Identification:
    """Exactly one of the two is there: who it is, or why that is not known."""

    principal: Principal | None = None
    failure: AppError | None = None

    def demand(self) -> Principal:
        """The principal. Raises AppError: there is none, or something needed to know does not answer."""
        if self.principal is None:
            raise self.failure or UnauthenticatedError("Authorization header is missing")
        return self.principal


async def identify(connection: HTTPConnection, container: Container) -> Identification:
    """What the credentials of a request or of a WebSocket say; nothing is raised for bad ones."""
    known: Identification | None = getattr(connection.state, _STATE, None)
    if known is None:
        known = await _ask(connection, container)
        setattr(connection.state, _STATE, known)
    return known


async def _ask(connection: HTTPConnection, container: Container) -> Identification:
    scheme, _, credentials = connection.headers.get("Authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    api_key = connection.headers.get(API_KEY_HEADER)
    secret = session_secret_of(connection)
    try:
        if not container.auth.enabled:
            check_origin(connection, container.auth)
        principal = await container.authenticator.authenticate(
            bearer=bearer or None, api_key=api_key, session=secret, origin=lambda: RequestOrigin.of(connection)
        )
        if principal.session is not None and secret is not None:
            check_csrf(connection, secret, container.auth)
    except AppError as error:
        return Identification(failure=error)
    structlog.contextvars.bind_contextvars(user_id=principal.user.id)
    return Identification(principal=principal)


def is_identified(scope: Scope) -> bool:
    """Whether somebody known makes the request, as far as it was asked."""
    known: Identification | None = scope.get("state", {}).get(_STATE)
    return known is not None and known.principal is not None
