"""The cookie of a browser between the way to the identity provider and back."""

from typing import Final, Literal

from fastapi import Request, Response

from services.gateway.auth.settings import AuthOptions
from services.gateway.features.oidc.service import LOGIN_LIFETIME

LOGIN_COOKIE: Final = "perdure_login"
_MAX_CHARACTERS: Final = 128
_LAX: Final[Literal["lax"]] = "lax"
"""The way back is a navigation from another site, with which stricter cookies would not be sent."""


def login_cookie_name(options: AuthOptions) -> str:
    """With this prefix browsers take the cookie from this host alone, so that a neighbouring one cannot plant it."""
    return f"__Host-{LOGIN_COOKIE}" if options.cookie_secure else LOGIN_COOKIE


def login_cookie_of(request: Request, options: AuthOptions) -> str | None:
    browser = request.cookies.get(login_cookie_name(options))
    return browser if browser and len(browser) <= _MAX_CHARACTERS else None


def set_login_cookie(response: Response, browser: str, options: AuthOptions) -> None:
    response.set_cookie(
        login_cookie_name(options),
        browser,
        max_age=int(LOGIN_LIFETIME.total_seconds()),
        path="/",
        secure=options.cookie_secure,
        httponly=True,
        samesite=_LAX,
    )
    response.headers["Cache-Control"] = "no-store"


def clear_login_cookie(response: Response, options: AuthOptions) -> None:
    response.delete_cookie(
        login_cookie_name(options), path="/", secure=options.cookie_secure, httponly=True, samesite=_LAX
    )
