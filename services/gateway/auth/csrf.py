"""Keeps other sites from using a browser's session: a token that only our pages can read, and a look at the origin."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from models.errors import ForbiddenError
from services.gateway.auth.settings import AuthOptions

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class CsrfError(ForbiddenError):
    code = "csrf_failed"


def csrf_token(session_secret: str) -> str:
    """The token of one session: it follows from what the cookie holds, and does not give that away."""
    digest = hmac.digest(session_secret.encode(errors="replace"), b"perdure csrf token", sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_csrf(connection: HTTPConnection, session_secret: str, options: AuthOptions) -> None:
    """Lets a request that a cookie authenticates change something only if one of our pages sent it.

    Raises:
        CsrfError
    """
    if connection.scope["type"] == "websocket":
        # Browsers let pages of any site connect, send cookies with it, and allow no header of ours.
        check_origin(connection, options)
        return
    if connection.scope["method"] in _SAFE:
        return
    check_origin(connection, options)
    given = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(errors="replace"), csrf_token(session_secret).encode()):
        raise CsrfError(f"CSRF token missing or invalid. Send that of the session in the header {CSRF_HEADER}.")


def check_origin(connection: HTTPConnection, options: AuthOptions) -> None:
    """Raises CsrfError if a browser says that a page of another site makes the request."""
    origin = connection.headers.get("Origin")
    if origin is None:
        if connection.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise CsrfError("Requests of other sites are refused.")
        return
    if origin not in options.trusted_origins and _host_of(origin) != connection.headers.get("Host"):
        raise CsrfError("Requests of other sites are refused.")


def _host_of(origin: str) -> str:
    """With the port; empty, which no host is, for what is no origin."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
