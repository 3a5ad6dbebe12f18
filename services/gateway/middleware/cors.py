"""Browser origins: exact ones for the API, and the Temporal Web UI alone for the codec routes."""

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

CODEC_PATH: Final = "/codec/"
ANY_ORIGIN: Final = "*"


class CorsByPath:
    """Two policies, told apart by path, because a preflight is answered before any route is known.

    Cookies and other credentials go to exact origins only: with `*`, which is for development, to none.
    """

    def __init__(self, app: ASGIApp, *, api_origins: Sequence[str], codec_origins: Sequence[str]) -> None:
        self._api = CORSMiddleware(
            app,
            allow_origins=api_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                *("Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-CSRF-Token", "X-Request-ID"),
            ],
            allow_credentials=ANY_ORIGIN not in api_origins,
            expose_headers=[
                *("X-Request-ID", "X-Total-Count", "Retry-After"),
                *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Degraded"),
            ],
        )
        self._codec = CORSMiddleware(
            app,
            allow_origins=codec_origins,
            allow_methods=["POST"],
            # The Web UI sends the namespace and, depending on its settings, credentials of its own.
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
            allow_credentials=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self._codec if scope.get("path", "").startswith(CODEC_PATH) else self._api
        await chosen(scope, receive, send)
