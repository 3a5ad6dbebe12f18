"""Limits over HTTP: who is counted, what answers say, and what happens while the counts cannot be read."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from pydantic import SecretStr
from starlette.requests import HTTPConnection

from infra.embedded.ports import free_port
from infra.settings import GatewaySettings, RateLimitSettings, RedisSettings, Settings
from models.api_keys import DEFAULT_PERMISSIONS
from models.errors import RateLimitExceededError
from models.ids import UserId, new_id
from models.users import User
from services.gateway.auth.principal import Principal
from tests.gateway import ORIGIN, Gateway, assert_refused, open_gateway
from tests.gateway_processes import serving

PROXY = "10.0.0.1"
LIMIT = 5


@asynccontextmanager
async def limited(settings: Settings, **limits: Any) -> AsyncIterator[Gateway]:
    """A gateway with small limits, behind a proxy at `PROXY`."""
    async with open_gateway(
        Settings(
            **{
                **vars(settings),
                "gateway": GatewaySettings(
                    **{**settings.gateway.model_dump(), "trusted_proxies": "10.0.0.0/8", "max_request_bytes": 1024}
                ),
                "rate_limits": RateLimitSettings(**{"rate_limit_requests_per_minute": LIMIT, **limits}),
            }
        )
    ) as gateway:
        yield gateway


@asynccontextmanager
async def caller(gateway: Gateway, **headers: str) -> AsyncIterator[AsyncClient]:
    """Somebody at an address of their own, unless `X_Forwarded_For` says another."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    given.setdefault("X-Forwarded-For", f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1")
    transport = ASGITransport(app=gateway.app, client=(PROXY, 4711))
    async with AsyncClient(transport=transport, base_url=ORIGIN, headers=given) as client:
        yield client


def bearer(gateway: Gateway, user_id: str | None = None, **claims: Any) -> str:
    return f"Bearer {gateway.token(user_id or f'user-{uuid4()}', **claims)}"


def figures(response: Response) -> tuple[int, int]:
    now = time.time()
    assert now - 1 <= int(response.headers["X-RateLimit-Reset"]) <= now + 61
    assert "X-RateLimit-Degraded" not in response.headers
    return int(response.headers["X-RateLimit-Limit"]), int(response.headers["X-RateLimit-Remaining"])


async def test_answers_carry_the_figures_and_the_one_too_many_is_refused(gateway_settings: Settings) -> None:
    async with limited(gateway_settings) as gateway, caller(gateway, Authorization=bearer(gateway)) as client:
        paths = ("/me", "/api/graphs/nothing", "/api/nothing", "/api/graphs?page=0")
        answers = [await client.get(path) for path in paths] + [await client.post("/api/graphs", content=b" " * 2000)]
        assert [answer.status_code for answer in answers] == [200, 404, 404, 422, 413]
        assert [figures(answer) for answer in answers] == [(LIMIT, left) for left in (4, 3, 2, 1, 0)]
        refused = await client.get("/me")
        body = assert_refused(refused, 429, "RATE_LIMIT_EXCEEDED")
        assert figures(refused) == (LIMIT, 0)
        reset = int(refused.headers["X-RateLimit-Reset"])
        assert body["detail"] == {
            "error": "Rate limit exceeded",
            "message": "Too many requests. Please try again later.",
            "limit": LIMIT,
            "remaining": 0,
            "reset": reset,
        }
        assert body["error"]["message"] == "Too many requests. Please try again later."
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["Cache-Control"] == "no-store"


async def test_what_is_needed_to_operate_is_never_limited(gateway_settings: Settings) -> None:
    async with limited(gateway_settings, rate_limit_requests_per_minute=1) as gateway, caller(gateway) as client:
        for path in ("/health", "/ready", "/openapi.json", "/docs", "/metrics", "/", "/static/x"):
            for _ in range(3):
                answer = await client.get(path)
                assert answer.status_code != 429
                assert "X-RateLimit-Limit" not in answer.headers


async def test_keys_users_and_addresses_are_counted_apart(gateway_settings: Settings) -> None:
    async with limited(gateway_settings) as gateway, caller(gateway) as first:
        user_id = f"user-{uuid4()}"
        token = bearer(gateway, user_id)
        by_token = [await first.get("/me", headers={"Authorization": token}) for _ in range(2)]
        keys = [await gateway.api_key(user_id, *DEFAULT_PERMISSIONS) for _ in range(2)]
        by_key = [await first.get("/me", headers={"X-API-Key": key}) for key in (keys[0], keys[0], keys[1])]
        as_bearer = await first.get("/me", headers={"Authorization": f"Bearer {keys[0]}"})
        other_token = await first.get("/me", headers={"Authorization": bearer(gateway, user_id)})
        assert [figures(a)[1] for a in (*by_token, *by_key, as_bearer, other_token)] == [4, 3, 4, 3, 4, 2, 2]
        # Who cannot be verified is counted by address, with or without a credential.
        strangers = [
            await first.get("/me"),
            await first.get("/me", headers={"Authorization": "Bearer wrong"}),
            await first.get("/me", headers={"X-API-Key": "agpt_wrong"}),
        ]
        assert [answer.status_code for answer in strangers] == [401] * 3
        assert [figures(answer)[1] for answer in strangers] == [4, 3, 2]
        async with caller(gateway) as elsewhere:
            assert figures(await elsewhere.get("/me"))[1] == 4


async def test_guessing_credentials_is_stopped_by_address_and_spares_users(gateway_settings: Settings) -> None:
    async with limited(gateway_settings) as gateway, caller(gateway) as client:
        guesses = [await client.get("/me", headers={"X-API-Key": f"agpt_{n}"}) for n in range(LIMIT + 1)]
        assert [guess.status_code for guess in guesses] == [401] * LIMIT + [429]
        assert (await client.get("/me", headers={"Authorization": bearer(gateway)})).status_code == 200


async def test_an_address_cannot_be_made_up_and_ipv6_networks_are_one(gateway_settings: Settings) -> None:
    async with limited(gateway_settings) as gateway:
        network = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}:"
        left: list[int] = []
        for made_up, real in (("1.1.1.1", "1"), ("2.2.2.2", "2"), ("3.3.3.3", "ffff")):
            async with caller(gateway, X_Forwarded_For=f"{made_up}, {network}:{real}") as client:
                left.append(figures(await client.get("/me"))[1])
        assert left == [4, 3, 2]


async def test_logins_have_a_limit_of_their_own(gateway_settings: Settings) -> None:
    async with (
        limited(gateway_settings, rate_limit_auth_requests_per_minute=2) as gateway,
        caller(gateway, Authorization=bearer(gateway)) as client,
    ):
        attempts = [await client.post("/api/auth/login", json={}) for _ in range(3)]
        assert attempts[-1].status_code == 429
        assert [figures(attempt) for attempt in attempts] == [(2, 1), (2, 0), (2, 0)]
        assert figures(await client.post("/api/auth/user")) == (LIMIT, 4)


async def test_without_bursts_a_sixth_of_the_window_takes_a_part_of_the_quota(gateway_settings: Settings) -> None:
    limits = {"rate_limit_requests_per_minute": 60, "rate_limit_burst": False, "rate_limit_burst_requests": 3}
    async with (
        limited(gateway_settings, **limits) as gateway,
        caller(gateway, Authorization=bearer(gateway)) as client,
    ):
        answers = [await client.get("/me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10


async def test_waiting_as_told_is_enough(gateway_settings: Settings) -> None:
    limits = {"rate_limit_requests_per_minute": 120, "rate_limit_window_seconds": 1}
    async with (
        limited(gateway_settings, **limits) as gateway,
        caller(gateway, Authorization=bearer(gateway)) as client,
    ):
        answers = await asyncio.gather(*(client.get("/me") for _ in range(20)))
        told = [int(answer.headers["Retry-After"]) for answer in answers if answer.status_code == 429]
        assert told
        await asyncio.sleep(max(told))
        assert (await client.get("/me")).status_code == 200


async def test_administrators_read_and_reset_counts(gateway_settings: Settings) -> None:
    async with limited(gateway_settings) as gateway, caller(gateway) as client:
        user_id = f"user-{uuid4()}"
        user = {"Authorization": bearer(gateway, user_id)}
        for _ in range(LIMIT + 1):
            last = await client.get("/me", headers=user)
        assert last.status_code == 429
        for prefix in ("/rate-limit", "/api/rate-limit"):
            admin = {"Authorization": bearer(gateway, role="admin")}
            info = await client.get(f"{prefix}/user:{user_id}", headers=admin)
            assert info.json() == {
                "limit": LIMIT,
                "remaining": 0,
                "reset": int(last.headers["X-RateLimit-Reset"]),
                "current": LIMIT,
                "window_size": 60,
            }
            auth = await client.get(f"{prefix}/user:{user_id}", params={"rule": "auth"}, headers=admin)
            assert auth.json()["current"] == 0
            stranger = {"Authorization": bearer(gateway)}
            assert_refused(await client.get(f"{prefix}/user:{user_id}", headers=stranger), 403, "FORBIDDEN")
            assert_refused(await client.post(f"{prefix}/user:{user_id}/reset", headers=stranger), 403, "FORBIDDEN")
            assert (await client.post(f"{prefix}/user:{user_id}/reset", headers=admin)).status_code == 204
            assert figures(await client.get("/me", headers=user))[1] == LIMIT - 1
            for _ in range(LIMIT - 1):
                last = await client.get("/me", headers=user)


async def test_connects_of_websockets_are_counted(gateway_settings: Settings) -> None:
    async with limited(gateway_settings) as gateway:
        user = User.model_validate(
            {
                "id": UserId(f"user-{uuid4()}"),
                "email": "a@example.com",
                "role": "user",
                "timezone": "UTC",
                "key_id": "0123456789abcdef",
                "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
            }
        )

        async def connect() -> None:
            scope = {"type": "websocket", "path": "/ws", "headers": [], "client": (PROXY, 1), "scheme": "ws"}
            await gateway.container.rate_gate.admit_connect(HTTPConnection(scope), Principal(user=user))

        for _ in range(LIMIT):
            await connect()
        with pytest.raises(RateLimitExceededError):
            await connect()


async def test_without_redis_requests_pass_marked_and_logins_stay_limited(
    gateway_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"))
    settings = Settings(**{**vars(gateway_settings), "redis": nowhere})
    async with (
        limited(settings, rate_limit_auth_requests_per_minute=2) as gateway,
        caller(gateway, Authorization=bearer(gateway)) as client,
    ):
        answers = [await client.get("/me") for _ in range(LIMIT * 2)]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers["X-RateLimit-Degraded"] for answer in answers} == {"true"}
        assert {answer.headers["X-RateLimit-Remaining"] for answer in answers} == {"0"}
        attempts = [await client.post("/api/auth/login", json={}) for _ in range(3)]
        assert attempts[-1].status_code == 429
        assert attempts[-1].headers["X-RateLimit-Degraded"] == "true"
        info = await client.get("/rate-limit/user:x", headers={"Authorization": bearer(gateway, role="admin")})
        assert_refused(info, 503, "SERVICE_UNAVAILABLE")
        counted = (await client.get("/metrics")).text
        assert 'perdure_rate_limit_checks_total{outcome="degraded",rule="default"} 11.0' in counted
        assert 'perdure_rate_limit_checks_total{outcome="refused",rule="auth"} 1.0' in counted
    assert "rate limits are not kept" in "".join(capsys.readouterr())


async def test_two_gateways_let_exactly_the_limit_pass(gateway_settings: Settings, gateway: Gateway) -> None:
    """200 requests at once over two processes that share a Redis, at the default limit."""
    user_id = f"user-{new_id()}"
    headers = {"Authorization": bearer(gateway, user_id)}
    async with gateway.anonymous(**headers) as client:
        await client.get("/me")
    headers = {"X-API-Key": await gateway.api_key(user_id, *DEFAULT_PERMISSIONS)}
    async with (
        serving(gateway_settings) as first,
        serving(gateway_settings) as second,
        AsyncClient(base_url=f"http://127.0.0.1:{first}", headers=headers, timeout=60) as one,
        AsyncClient(base_url=f"http://127.0.0.1:{second}", headers=headers, timeout=60) as other,
    ):
        answers = await asyncio.gather(*((one, other)[number % 2].get("/me") for number in range(200)))
    assert not [answer.headers for answer in answers if "X-RateLimit-Degraded" in answer.headers]
    assert Counter(answer.status_code for answer in answers) == {200: 60, 429: 140}
    left = sorted(int(answer.headers["X-RateLimit-Remaining"]) for answer in answers if answer.status_code == 200)
    assert left == list(range(60))
