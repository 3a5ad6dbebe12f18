"""Knows no path with a control character: routes and limits must not read one path in two ways."""

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import NotFoundError

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class PlainPaths:
    """Raises NotFoundError. The patterns of routes would let a path end with a line break."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _CONTROL.search(scope["path"]):
            raise NotFoundError("Not Found")
        await self._app(scope, receive, send)
