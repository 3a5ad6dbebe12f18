"""The cookies of a session: one that only the browser reads, and one from which our pages take the CSRF token."""

from typing import Final, Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.gateway.auth.csrf import csrf_token
from services.gateway.auth.settings import AuthOptions

SESSION_COOKIE: Final = "perdure_session"
CSRF_COOKIE: Final = "perdure_csrf"
_MAX_CHARACTERS: Final = 128
_LAX: Final[Literal["lax"]] = "lax"


def session_secret_of(connection: HTTPConnection) -> str | None:
    """What the session cookie holds, if it may be one of ours."""
    secret = connection.cookies.get(SESSION_COOKIE)
    return secret if secret and len(secret) <= _MAX_CHARACTERS else None


def set_session_cookies(response: Response, secret: str, options: AuthOptions) -> None:
    # The server decides when a session ends, which sliding puts off; the browser keeps its cookie for the longest time.
    longest = int(options.sessions.absolute_lifetime.total_seconds())
    for name, value, hidden in ((SESSION_COOKIE, secret, True), (CSRF_COOKIE, csrf_token(secret), False)):
        response.set_cookie(
            name,
            value,
            max_age=longest,
            path="/",
            domain=options.cookie_domain,
            secure=options.cookie_secure,
            httponly=hidden,
            samesite=_LAX,
        )
    response.headers["Cache-Control"] = "no-store"


def clear_session_cookies(response: Response, options: AuthOptions) -> None:
    for name, hidden in ((SESSION_COOKIE, True), (CSRF_COOKIE, False)):
        response.delete_cookie(
            name,
            path="/",
            domain=options.cookie_domain,
            secure=options.cookie_secure,
            httponly=hidden,
            samesite=_LAX,
        )
