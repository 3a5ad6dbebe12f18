"""Outermost layer: a request id, one log line per request, and an answer for whatever nobody foresaw."""

import re
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.ids import new_id
from services.gateway.errors import error_response

REQUEST_ID_HEADER: Final = "X-Request-ID"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_QUIET_ROUTES: Final = frozenset({"/health", "/ready"})

_log = structlog.get_logger(__name__)


class RequestContext:
    """Takes a well-formed `X-Request-ID` of the caller or makes one; answers carry it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        started = time.monotonic()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            response = error_response(error, accept_language=headers.get("accept-language", ""))
            if status:
                raise
            await response(scope, receive, send_with_id)
        finally:
            _log_request(scope, status, time.monotonic() - started)


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    """The route's template, not its path: paths hold ids and, for one route, a token."""
    route = getattr(scope.get("route"), "path", "unmatched")
    log = _log.debug if route in _QUIET_ROUTES else _log.info
    log("request", method=scope["method"], route=route, status=status, milliseconds=round(seconds * 1000, 1))
