"""Answers only to the names it is known by, so that no page of another name can reach it through DNS."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import InvalidRequestError

ANY: Final = "*"
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
"""Load balancers ask for them by address."""

_POLICY_VIOLATION: Final = 1008


class TrustedHosts:
    """Raises InvalidRequestError for other hosts; WebSockets are closed.

    Args:
        hosts: names without port; `*.example.com` stands for all names below; none: localhost and addresses, which
            nobody else's DNS can give to us.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self._app = app
        self._any = ANY in hosts
        self._exact = frozenset(host.lower() for host in hosts)
        self._below = tuple(host[1:].lower() for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in _PROBES or self._is_trusted(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            raise InvalidRequestError("Invalid host header: set TRUSTED_HOSTS to the names of this server.")

    def _is_trusted(self, scope: Scope) -> bool:
        given = Headers(scope=scope).getlist("host")
        if len(given) != 1:
            return False
        host = _without_port(given[0].lower())
        if self._any:
            return True
        if not self._exact:
            return host == "localhost" or _is_address(host)
        return host in self._exact or host.endswith(self._below)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
