"""Holds requests against their limits once it is known who makes them, and before anything else is done for them."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.auth.identification import identify
from services.gateway.container import Container


class RateLimiting:
    """Raises RateLimitExceededError. Whoever has no valid credential is counted by address."""

    def __init__(self, app: ASGIApp, *, container: Container) -> None:
        self._app = app
        self._container = container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gate = self._container.rate_gate
        if scope["type"] == "http" and (rule := gate.rule_for(scope)) is not None:
            connection = HTTPConnection(scope)
            identification = await identify(connection, self._container)
            await gate.admit(connection, identification.principal, rule)
        await self._app(scope, receive, send)
