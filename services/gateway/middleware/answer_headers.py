"""Outermost layer: where the request comes from, and what every answer says: browsers' rules, the caller's quota."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.auth.identification import is_identified
from services.gateway.client_address import ClientAddresses
from services.gateway.rate_limit.gate import verdict_of

_ALWAYS: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_PRIVATE: Final = (b"cache-control", b"no-store")


class AnswerHeaders:
    """A header that an answer has already stays as it is.

    Args:
        hsts: tell browsers that came over HTTPS to use nothing else.
    """

    def __init__(self, app: ASGIApp, *, addresses: ClientAddresses, hsts: bool) -> None:
        self._app = app
        self._addresses = addresses
        self._hsts = hsts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            # Every layer and route below reads the address with `address_of`.
            self._addresses.of(scope)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._missing(scope, message)]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _missing(self, scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in message.get("headers", ())}
        added = [header for header in _ALWAYS if header[0] not in there]
        if self._hsts and self._addresses.uses_tls(scope):
            added.append(_HSTS)
        if _PRIVATE[0] not in there and (is_identified(scope) or message["status"] >= 400):
            added.append(_PRIVATE)
        if (verdict := verdict_of(scope)) is not None:
            added += ((name.encode(), value.encode()) for name, value in verdict.headers.items())
        return added
