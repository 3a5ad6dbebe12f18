"""The part of a request before its body: how large and how slow it may be. uvicorn's own parser sets no limit."""

import asyncio
from typing import Any, Final

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_TOO_LARGE: Final = (431, "Request Header Fields Too Large")
_TOO_LATE: Final = (408, "Request Timeout")


def bounded_http_protocol(*, max_head_bytes: int, head_seconds: float) -> type[HttpToolsProtocol]:
    """uvicorn's protocol that answers 431 to a larger head, and 408 to one that takes longer."""

    class BoundedHttpProtocol(HttpToolsProtocol):
        _head_bytes = 0
        _in_head = True
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                # If this piece completes the head, the exact size is known there.
                self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > max_head_bytes:
                self._refuse(_TOO_LARGE)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._arm()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._disarm()
            if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > max_head_bytes:
                self._refuse(_TOO_LARGE)
                raise HttpParserError("The head of the request is too large")
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._in_head, self._head_bytes = True, 0

        def send_400_response(self, msg: str) -> None:
            if not self.transport.is_closing():
                super().send_400_response(msg)

        def _arm(self) -> None:
            self._disarm()
            self._timer = self.loop.call_later(head_seconds, self._refuse, _TOO_LATE)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, why: tuple[int, str]) -> None:
            self._disarm()
            if self.transport.is_closing():
                return
            # While an earlier request of the connection is being answered, nothing can be said.
            earlier: RequestResponseCycle | None = getattr(self, "cycle", None)
            if earlier is None or earlier.response_complete:
                status, reason = why
                body = reason.encode()
                head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\n"
                self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
            self.transport.close()

    return BoundedHttpProtocol
