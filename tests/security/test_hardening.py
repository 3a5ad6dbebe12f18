"""What the gateway says to browsers, which names it answers to, and how long it waits for a request."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import ASGITransport, AsyncClient

from infra.settings import Settings
from services.gateway.app import create_app
from services.gateway.client_address import ClientAddresses
from tests.gateway import ORIGIN, Gateway, assert_refused
from tests.gateway_fixtures import CONSOLE
from tests.gateway_processes import gateway_environment, gateway_process, serving

PATIENCE_SECONDS = 30
PATHS = ("/", "/health", "/docs", "/openapi.json", "/metrics", "/me", "/api/nothing", "/static/swagger-ui.css")


async def test_every_answer_tells_browsers_what_they_may_do_with_it(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        for path in PATHS:
            headers = (await client.get(path)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "geolocation=()" in headers["Permissions-Policy"]
            assert "Strict-Transport-Security" not in headers


async def test_what_is_for_one_user_is_kept_by_no_cache(gateway: Gateway) -> None:
    async with gateway.user() as client, gateway.anonymous() as stranger:
        for answer in (
            await client.get("/me"),
            await client.get("/api/blocks"),
            await client.get("/api/graphs/nothing"),
            await stranger.get("/me"),
            await stranger.get("/api/nothing"),
        ):
            assert answer.headers["Cache-Control"] == "no-store"


async def test_the_documents_load_nothing_from_elsewhere(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        page = await client.get("/docs")
        assert not re.search(r"https?://|<script>|javascript:|\son\w+=", page.text)
        for name in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert (await client.get(f"/{name}")).status_code == 200, name
        started = await client.get("/static/swagger-start.js")
        assert "SwaggerUIBundle" in started.text
        for name in ("../main.py", "%2e%2e%2fmain.py", "nothing.js", "swagger-ui.css%00"):
            assert (await client.get(f"/static/{name}")).status_code in (404, 422)


async def test_in_production_browsers_that_came_encrypted_stay_so(gateway: Gateway) -> None:
    container = gateway.container
    app = create_app(_with(container, production=True, addresses=ClientAddresses(["10.0.0.0/8"])))
    for peer, scheme, told, expected in (
        ("203.0.113.7", "https", None, True),
        ("203.0.113.7", "http", None, False),
        ("203.0.113.7", "http", "https", False),
        ("10.0.0.1", "http", "https", True),
        ("10.0.0.1", "http", "http", False),
    ):
        headers = {"X-Forwarded-Proto": told} if told else {}
        base = ORIGIN.replace("http", scheme)
        transport = ASGITransport(app=app, client=(peer, 1))
        async with AsyncClient(transport=transport, base_url=base, headers=headers) as client:
            answer = await client.get("/health")
        assert ("Strict-Transport-Security" in answer.headers) is expected, (peer, scheme, told)


def _with(container: Any, **changes: Any) -> Any:
    names = type(container).__dataclass_fields__
    return type(container)(**{**{name: getattr(container, name) for name in names}, **changes})


BAD_HOSTS = (
    "evil.example.com",
    "gateway.example.com.evil.example.com",
    "evilgateway.example.com",
    "gateway.example.com@evil.example.com",
    "localhost",
    "",
    "[::1]",
)


@pytest.mark.parametrize("host", BAD_HOSTS)
async def test_other_names_are_not_answered(gateway: Gateway, host: str) -> None:
    async with gateway.user() as client:
        for path in ("/me", "/docs", "/openapi.json", "/"):
            assert_refused(await client.get(path, headers={"Host": host}), 400, "INVALID_REQUEST")
        assert (await client.get("/health", headers={"Host": host})).status_code == 200
        assert (await client.get("/me", headers={"Host": "Gateway.Example.COM:8443"})).status_code == 200


async def test_two_names_are_none(gateway: Gateway) -> None:
    headers = [("Host", "gateway.example.com"), ("Host", "evil.example.com")]
    async with gateway.anonymous() as client:
        assert_refused(await client.get("/me", headers=headers), 400, "INVALID_REQUEST")


async def test_without_a_list_only_names_that_no_dns_can_give_are_answered(gateway: Gateway) -> None:
    app = create_app(_with(gateway.container, trusted_hosts=()))
    async with AsyncClient(transport=ASGITransport(app=app), base_url=ORIGIN) as client:
        for host, status in (
            ("localhost:8000", 401),
            ("127.0.0.1", 401),
            ("[::1]:8000", 401),
            ("192.168.1.7:8000", 401),
            ("localhost.evil.example.com", 400),
            ("127.0.0.1.evil.example.com", 400),
        ):
            assert (await client.get("/me", headers={"Host": host})).status_code == status, host


async def test_all_names_below_one_may_be_listed(gateway: Gateway) -> None:
    app = create_app(_with(gateway.container, trusted_hosts=("*.example.com",)))
    async with AsyncClient(transport=ASGITransport(app=app), base_url=ORIGIN) as client:
        for host, status in (("a.example.com", 401), ("a.b.example.com", 401), ("example.com.evil.org", 400)):
            assert (await client.get("/me", headers={"Host": host})).status_code == status, host


async def test_a_websocket_to_another_name_is_closed(gateway: Gateway) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "headers": [(b"host", b"evil.example.com")], "query_string": b""}
    await gateway.app(scope | {"scheme": "ws", "client": ("10.0.0.1", 1), "subprotocols": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


HOSTILE_ORIGINS = (
    "https://evil.example.com",
    "null",
    "http://console.example.com",
    "https://console.example.com:444",
    "https://console.example.com.evil.org",
    "https://evilconsole.example.com",
    "HTTPS://CONSOLE.EXAMPLE.COM ",
    "*",
)


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
async def test_no_origin_is_reflected(gateway: Gateway, origin: str) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with gateway.user() as client:
        for answer in (
            await client.get("/me", headers={"Origin": origin}),
            await client.options("/api/graphs", headers={"Origin": origin, **preflight}),
        ):
            assert "Access-Control-Allow-Origin" not in answer.headers
        if origin != "null":
            assert (await client.options("/api/graphs", headers={"Origin": origin, **preflight})).status_code == 400


async def test_a_listed_origin_may_send_credentials_and_nothing_unusual(gateway: Gateway) -> None:
    async with gateway.user() as client:
        allowed = (await client.get("/me", headers={"Origin": CONSOLE})).headers
        assert allowed["Access-Control-Allow-Origin"] == CONSOLE
        assert allowed["Access-Control-Allow-Credentials"] == "true"
        assert "Origin" in allowed["Vary"]
        assert "X-RateLimit-Remaining" in allowed["Access-Control-Expose-Headers"]
        preflight = {"Origin": CONSOLE, "Access-Control-Request-Method": "POST"}
        asked = {**preflight, "Access-Control-Request-Headers": "authorization,x-csrf-token,content-type"}
        assert (await client.options("/api/graphs", headers=asked)).status_code == 200
        for refused in (
            {**preflight, "Access-Control-Request-Headers": "x-something-else"},
            {**preflight, "Access-Control-Request-Method": "TRACE"},
        ):
            assert (await client.options("/api/graphs", headers=refused)).status_code == 400


async def test_any_origin_gets_no_credentials(gateway: Gateway) -> None:
    app = create_app(_with(gateway.container, cors_origins=("*",)))
    async with AsyncClient(transport=ASGITransport(app=app), base_url=ORIGIN) as client:
        answer = await client.get("/me", headers={"Origin": "https://any.example.com"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty(gateway_settings: Settings) -> AsyncIterator[int]:
    """The port of a gateway that waits for nothing long."""
    limits = {"REQUEST_HEAD_SECONDS": "1", "REQUEST_BODY_SECONDS": "1", "MAX_HEADER_BYTES": "8192"}
    async with serving(gateway_settings, **limits) as port:
        yield port


async def _say(port: int, *pieces: bytes) -> bytes:
    """All that the gateway answers to these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read()
    finally:
        writer.close()


async def test_a_head_that_never_ends_is_not_waited_for(hasty: int) -> None:
    for begun in (b"", b"GET ", b"GET /me HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "):
        answer = await _say(hasty, begun)
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_never_ends_is_not_waited_for(hasty: int, gateway: Gateway) -> None:
    head = (
        f"POST /api/graphs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {gateway.token('slow')}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    for begun in (head + b"Content-Length: 100\r\n\r\n{", head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
        answer = await _say(hasty, begun)
        assert answer.startswith(b"HTTP/1.1 408 ")
        top, _, body = answer.partition(b"\r\n\r\n")
        assert json.loads(body)["error"]["error_code"] == "REQUEST_TIMEOUT"
        assert b"connection: close" in top.lower()
        assert b"x-ratelimit-remaining" in top.lower()


async def test_a_head_over_the_limit_is_refused(hasty: int) -> None:
    start = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for head in (
        start + b"X-Long: " + b"a" * 10_000,
        start + b"X-Long: " + b"a" * 10_000 + b"\r\n\r\n",
        start + b"".join(b"X-%d: a\r\n" % number for number in range(2_000)),
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ):
        assert (await _say(hasty, head)).startswith(b"HTTP/1.1 431 ")


async def test_requests_one_after_another_on_a_connection_are_each_within_limits(hasty: int) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 5_000 + b"\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await _say(hasty, request * 3 + last)).count(b"HTTP/1.1 200 ") == 4
    body = b"POST /api/auth/user HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000\r\n\r\n" + b" " * 20_000
    assert (await _say(hasty, body + last)).count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize(
    ("named", "changes"),
    [
        ("TRUSTED_HOSTS", {"TRUSTED_HOSTS": ""}),
        ("CORS_ORIGINS", {"CORS_ORIGINS": "*"}),
        ("ENABLE_AUTH", {"ENABLE_AUTH": "false"}),
        ("AUTH_COOKIE_SECURE", {"AUTH_COOKIE_SECURE": "false"}),
    ],
)
async def test_production_does_not_start_with_it(
    gateway_settings: Settings, named: str, changes: dict[str, str]
) -> None:
    safe = {"ENVIRONMENT": "production", "TRUSTED_HOSTS": "gateway.example.com"}
    environment = gateway_environment(gateway_settings, **{**safe, **changes})
    async with gateway_process(environment) as process:
        printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 1
    assert named in printed.decode()


@pytest.mark.parametrize("path", ["/api/auth/login%0A", "/api/auth/login%0D%0A", "/api/graphs/%00", "/health%7F"])
async def test_a_path_with_a_control_character_is_no_path(gateway: Gateway, path: str) -> None:
    async with gateway.anonymous() as client:
        answer = await client.post(path, json={"email": "a@example.com", "password": "p"})
    assert_refused(answer, 404, "NOT_FOUND")
