"""Credentials: which are accepted, what a refusal says, what a key permits."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient

from models.api_keys import DEFAULT_PERMISSIONS, APIKeyManager, ApiKeyStatus, Permission
from models.ids import UserId
from models.pages import PageRequest
from tests.gateway import Gateway, assert_refused, echo_graph_body

OPEN_ROUTES = {
    "GET /health",
    "GET /ready",
    "POST /api/events/{token}",
    "POST /api/auth/register",
    "POST /api/auth/login",
    "POST /api/auth/setup",
    "GET /api/auth/oidc/login",
    "GET /api/auth/oidc/callback",
    "POST /api/auth/refresh",
    "POST /api/auth/logout",
    "POST /api/auth/password/reset-request",
    "POST /api/auth/password/reset",
    "POST /api/auth/email/verification-request",
    "POST /api/auth/email/verify",
    "POST /api/auth/session",
    "DELETE /api/auth/session",
}
"""They take no credential, or one in the body."""

PAST = datetime.now(UTC) - timedelta(minutes=5)


def unsigned(**claims: Any) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


async def refusal(gateway: Gateway, **headers: str) -> str:
    async with gateway.anonymous(**headers) as client:
        response = await client.get("/api/user")
    body = assert_refused(response, 401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert body["error"]["message"] == body["detail"]
    return body["detail"]


async def test_refusals_say_why_in_the_known_words(gateway: Gateway) -> None:
    def bearer(**claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {gateway.token('somebody', **claims)}"}

    assert await refusal(gateway) == "Authorization header is missing"
    assert await refusal(gateway, Authorization="Basic abc") == "Authorization header is missing"
    assert await refusal(gateway, **bearer(exp=PAST)) == "Token has expired"
    assert await refusal(gateway, **bearer(aud="other")) == "Invalid token audience"
    assert await refusal(gateway, **bearer(aud=None)) == "Invalid token audience"
    assert await refusal(gateway, **bearer(key="another-key-of-more-than-32-characters!")) == "Invalid token signature"
    assert await refusal(gateway, **bearer(sub=None)) == "User ID not found in token"
    assert await refusal(gateway, **bearer(email=None)) == "Invalid user data in token"
    assert await refusal(gateway, **bearer(email="nobody@localhost")) == "Invalid user data in token"
    assert (await refusal(gateway, Authorization="Bearer garbage")).startswith("Invalid token: ")
    assert (await refusal(gateway, **bearer(exp=None))).startswith("Invalid token: ")
    assert (await refusal(gateway, **bearer(nbf=datetime.now(UTC) + timedelta(hours=1)))).startswith("Invalid token: ")


@pytest.mark.parametrize("subject", ["nul\x00", " ", "x" * 300, "line\nbreak"])
async def test_strange_subjects_are_refused(gateway: Gateway, subject: str) -> None:
    reason = await refusal(gateway, Authorization=f"Bearer {gateway.token(subject)}")
    assert reason in ("Invalid user data in token", "User ID not found in token")


async def test_tokens_without_or_with_another_algorithm_are_refused(gateway: Gateway) -> None:
    token = unsigned(sub="somebody", aud="authenticated", email="a@example.com", exp=4_000_000_000)
    assert (await refusal(gateway, Authorization=f"Bearer {token}")).startswith("Invalid token: ")
    assert (await refusal(gateway, Authorization=f"Bearer {'a' * 50_000}")).startswith("Invalid token: ")


async def test_a_refusal_never_quotes_the_credential(gateway: Gateway) -> None:
    canary = "canary-credential-4711"
    for headers in ({"Authorization": f"Bearer {canary}"}, {"X-API-Key": f"agpt_{canary}"}):
        assert canary not in await refusal(gateway, **headers)


async def test_the_first_token_makes_the_user_also_when_it_comes_often_at_once(gateway: Gateway) -> None:
    claims = {
        "user_metadata": {"name": "Ada"},
        "last_sign_in_at": "2026-01-02T03:04:05Z",
        "created_at": "not a date",
        "email": "ada@example.com",
    }
    async with gateway.user("first-sight", **claims) as client:
        answers = await asyncio.gather(*(client.get("/api/user") for _ in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    user = answers[0].json()
    assert (user["name"], user["email"], user["timezone"]) == ("Ada", "ada@example.com", "not-set")
    assert user["last_login"] == "2026-01-02T03:04:05Z"
    assert "key_id" not in user


async def test_a_later_token_updates_the_role_but_not_what_the_user_has_changed(gateway: Gateway) -> None:
    async with gateway.user("changing", email="old@example.com") as client:
        await client.get("/api/user")
        await client.put("/api/user", json={"email": "new@example.com"})
    async with gateway.user("changing", email="old@example.com", role="admin") as client:
        user = (await client.get("/api/user")).json()
    assert (user["email"], user["role"]) == ("new@example.com", "admin")


async def test_a_key_works_in_its_own_header_and_as_bearer(gateway: Gateway) -> None:
    async with gateway.user("key-owner") as client:
        await client.get("/api/user")
    raw = await gateway.api_key("key-owner", *DEFAULT_PERMISSIONS)
    for headers in ({"X-API-Key": raw}, {"Authorization": f"Bearer {raw}"}):
        async with gateway.anonymous(**headers) as client:
            assert (await client.get("/me")).json()["user_id"] == "key-owner"
            assert (await client.post("/api/graphs", json=echo_graph_body())).status_code == 200


async def test_keys_that_are_unknown_malformed_or_taken_back_are_refused(gateway: Gateway) -> None:
    async with gateway.user("key-loser") as client:
        await client.get("/api/user")
    revoked = await gateway.api_key("key-loser", status=ApiKeyStatus.REVOKED)
    suspended = await gateway.api_key("key-loser", status=ApiKeyStatus.SUSPENDED)
    assert await refusal(gateway, **{"X-API-Key": revoked}) == "API key is revoked"
    assert await refusal(gateway, Authorization=f"Bearer {suspended}") == "API key is suspended"
    for raw in (APIKeyManager().generate_api_key().raw, "agpt_", revoked[:-1], "x"):
        assert await refusal(gateway, **{"X-API-Key": raw}) == "Invalid API key"


@pytest.mark.parametrize(
    ("needed", "method", "path"),
    [
        (Permission.READ_GRAPH, "GET", "/api/graphs"),
        (Permission.WRITE_GRAPH, "POST", "/api/graphs"),
        (Permission.EXECUTE_GRAPH, "POST", "/api/graphs/any/execute"),
        (Permission.READ_GRAPH, "GET", "/api/executions"),
        (Permission.READ_BLOCK, "GET", "/api/blocks"),
        (Permission.EXECUTE_BLOCK, "POST", "/api/blocks/echo/execute"),
        (Permission.IDENTITY, "PUT", "/api/user"),
        (Permission.MANAGE_API_KEYS, "GET", "/api/api-keys"),
    ],
)
async def test_a_key_may_do_only_what_it_permits(gateway: Gateway, needed: Permission, method: str, path: str) -> None:
    async with gateway.user("limited") as client:
        await client.get("/api/user")
    lacking = await gateway.api_key("limited", *(set(Permission) - {needed}))
    having = await gateway.api_key("limited", needed)
    body = echo_graph_body() if path == "/api/graphs" else {}

    async def call(raw: str) -> Any:
        async with gateway.anonymous(**{"X-API-Key": raw}) as client:
            return await client.request(method, path, json=body if method != "GET" else None)

    refused = assert_refused(await call(lacking), 403, "FORBIDDEN")
    assert refused["detail"] == f"Missing required permission(s): {needed}"
    assert (await call(having)).status_code in (200, 404)


async def test_the_last_use_of_a_key_is_noted_at_most_once_a_minute(gateway: Gateway) -> None:
    async with gateway.user("noted") as client:
        await client.get("/api/user")
    raw = await gateway.api_key("noted", Permission.IDENTITY)

    async def last_used(client: AsyncClient) -> datetime | None:
        await client.get("/me")
        async with gateway.container.units() as unit:
            (key,) = (await unit.api_keys.list_of_user(UserId("noted"), PageRequest())).items
        return key.last_used_at

    async with gateway.anonymous(**{"X-API-Key": raw}) as client:
        first = await last_used(client)
        assert first is not None
        assert await last_used(client) == first


async def test_the_document_tells_of_401_on_every_secured_route(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        document = (await client.get("/openapi.json")).json()
    shared = document["components"]["responses"]["HTTP401NotAuthenticatedError"]
    assert shared["description"] == "Authentication required"
    assert shared["content"]["application/json"]["schema"]["properties"] == {"detail": {"type": "string"}}
    schemes = document["components"]["securitySchemes"]
    assert schemes["HTTPBearerJWT"]["bearerFormat"] == "jwt"
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert {name for name, operation in operations.items() if "security" not in operation} == OPEN_ROUTES
    for name, operation in operations.items():
        assert operation["operationId"]
        if name not in OPEN_ROUTES:
            assert operation["responses"]["401"] == {"$ref": "#/components/responses/HTTP401NotAuthenticatedError"}


async def test_every_secured_route_refuses_without_a_credential(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        document = (await client.get("/openapi.json")).json()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if "security" in operation:
                    response = await client.request(method, path.replace("{version}", "1"), json={"name": "x"})
                    assert response.status_code == 401, (method, path, response.text)
