"""Which requests with a session cookie may change something."""

import pytest
from starlette.requests import HTTPConnection

from services.gateway.auth.csrf import CsrfError, check_csrf, csrf_token
from services.gateway.auth.settings import AuthOptions

SECRET = "what-the-cookie-holds"
OPTIONS = AuthOptions(trusted_origins=("https://console.example.com",))


def connection(kind: str, method: str = "POST", **headers: str) -> HTTPConnection:
    named = {"host": "api.example.com", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    scope = {"type": kind, "headers": raw, **({"method": method} if kind == "http" else {})}
    return HTTPConnection(scope)


def passes(asked: HTTPConnection) -> bool:
    try:
        check_csrf(asked, SECRET, OPTIONS)
    except CsrfError:
        return False
    return True


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_needs_no_token(method: str) -> None:
    assert passes(connection("http", method, origin="https://evil.example.org"))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "FROB"])
def test_changing_needs_the_token_of_the_session(method: str) -> None:
    assert not passes(connection("http", method))
    assert not passes(connection("http", method, x_csrf_token=csrf_token("another")))
    assert passes(connection("http", method, x_csrf_token=csrf_token(SECRET)))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://api.example.com", True),
        ("https://console.example.com", True),
        ("http://console.example.com", False),
        ("https://console.example.com.evil.example.org", False),
        ("https://evil.example.org", False),
        ("https://evil.example.org/https://api.example.com", False),
        ("null", False),
        ("http://[eyJ-", False),
        ("", False),
    ],
)
def test_pages_of_other_sites_are_refused_also_on_websockets(origin: str, allowed: bool) -> None:
    assert passes(connection("http", origin=origin, x_csrf_token=csrf_token(SECRET))) is allowed
    assert passes(connection("websocket", origin=origin)) is allowed


def test_a_websocket_of_a_program_is_let_in() -> None:
    assert passes(connection("websocket"))


def test_the_token_does_not_give_the_secret_away() -> None:
    assert SECRET not in csrf_token(SECRET)
    assert csrf_token(SECRET) == csrf_token(SECRET) != csrf_token(SECRET + "x")
