"""Logins of browsers: cookies, CSRF tokens, lists of sessions, and what looks as if somebody else had one."""

from collections.abc import AsyncIterator
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient
from redis.asyncio import Redis

from infra.settings import IdentitySettings, RedisSettings, Settings
from models.identity import secret_hash
from tests.accounts import SECURE_ORIGIN, Person, browser, log_in
from tests.gateway import Gateway, assert_refused, open_gateway

CONSOLE = "https://console.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def person(gateway: Gateway) -> Person:
    return await Person.register(gateway)


async def refusal(client: AsyncClient) -> dict[str, Any]:
    return assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")


async def test_a_browser_logs_in_works_and_logs_out(gateway: Gateway, person: Person) -> None:
    async with browser(gateway) as client:
        made = await log_in(client, person)
        assert (await client.get("/me")).json()["email"] == person.email
        current = (await client.get("/api/auth/session")).json()
        assert current["csrf_token"] == made["csrf_token"]
        assert current["session"]["id"] == made["session"]["id"]
        assert (await client.put("/api/user", json={"name": "At a browser"})).status_code == 200
        kept = dict(client.cookies)
        assert (await client.delete("/api/auth/session")).status_code == 204
        assert not client.cookies
        client.cookies.update(kept)
        body = await refusal(client)
        assert (body["detail"], body["error"]["details"]["reason"]) == ("Session not found", "session_not_found")


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(gateway: Gateway, person: Person) -> None:
    async with browser(gateway) as client:
        body = {"email": person.email, "password": person.password}
        response = await client.post("/api/auth/session", json=body)
        cookies = SimpleCookie("".join(f"{line}; \r\n" for line in response.headers.get_list("Set-Cookie")[:1]))
        second = SimpleCookie(response.headers.get_list("Set-Cookie")[1])
    session, csrf = cookies["perdure_session"], second["perdure_csrf"]
    assert (session["httponly"], session["secure"], session["samesite"], session["path"]) == (True, True, "lax", "/")
    assert (csrf["httponly"], csrf["secure"], csrf["samesite"]) == ("", True, "lax")
    assert response.headers["Cache-Control"] == "no-store"
    assert session.value not in response.text


async def test_redis_holds_only_a_hash(gateway: Gateway, person: Person, redis_url: str) -> None:
    async with browser(gateway) as client:
        await log_in(client, person)
        secret = client.cookies["perdure_session"]
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        kept = await redis.hgetall(f"session:{secret_hash(secret)}")
        assert kept
        assert secret not in str(kept)
        assert not await redis.exists(f"session:{secret}")


async def test_a_bearer_token_becomes_a_session_and_a_key_does_not(gateway: Gateway) -> None:
    token = gateway.token("from-elsewhere")
    async with browser(gateway, Authorization=f"Bearer {token}") as client:
        assert (await client.post("/api/auth/session")).status_code == 200
        del client.headers["Authorization"]
        assert (await client.get("/me")).json()["user_id"] == "from-elsewhere"
    raw = await gateway.api_key("from-elsewhere")
    for headers in ({"Authorization": f"Bearer {raw}"}, {"X-API-Key": raw}):
        async with browser(gateway, **headers) as client:
            assert (await client.post("/api/auth/session")).status_code in (401, 403)
            assert "perdure_session" not in client.cookies
    async with browser(gateway) as client:
        assert (await client.post("/api/auth/session")).status_code == 401
        assert (await client.post("/api/auth/session", json={"email": "a@example.com"})).status_code == 400


async def test_a_session_does_not_become_another_one(gateway: Gateway, person: Person) -> None:
    async with browser(gateway) as client:
        made = await log_in(client, person)
        again = await client.post("/api/auth/session", headers={"Authorization": "Basic eDp5"})
        assert_refused(again, 401, "UNAUTHENTICATED")
        assert (await client.get("/api/auth/session")).json()["session"]["id"] == made["session"]["id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "x" * 43}, 403),
        ({"Origin": SECURE_ORIGIN}, 200),
        ({"Origin": CONSOLE}, 200),
        ({"Origin": "https://evil.example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"{SECURE_ORIGIN}.evil.example.org"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_other_sites_cannot_use_a_session(
    gateway: Gateway, person: Person, headers: dict[str, str], status: int
) -> None:
    async with browser(gateway) as client:
        await log_in(client, person)
        answer = await client.post("/api/auth/user/timezone", json={"timezone": "UTC"}, headers=headers)
        assert answer.status_code == status, answer.text
        assert (await client.get("/me", headers=headers)).status_code == 200


async def test_the_csrf_token_of_another_session_is_refused(gateway: Gateway, person: Person) -> None:
    async with browser(gateway) as one, browser(gateway) as other:
        await log_in(one, person)
        await log_in(other, person)
        one.headers["X-CSRF-Token"] = other.headers["X-CSRF-Token"]
        answer = await one.post("/api/auth/user/timezone", json={"timezone": "UTC"})
        assert_refused(answer, 403, "CSRF_FAILED")
        assert_refused(await one.delete("/api/auth/session"), 403, "CSRF_FAILED")


async def test_a_bearer_token_needs_no_csrf_token(gateway: Gateway, person: Person) -> None:
    tokens = await person.tokens()
    async with browser(gateway, Authorization=f"Bearer {tokens['access_token']}") as client:
        assert (await client.post("/api/auth/user/timezone", json={"timezone": "UTC"})).status_code == 200


async def test_other_sites_cannot_log_a_browser_in(gateway: Gateway, person: Person) -> None:
    body = {"email": person.email, "password": person.password}
    async with browser(gateway, Origin="https://evil.example.org") as client:
        assert_refused(await client.post("/api/auth/session", json=body), 403, "CSRF_FAILED")
        assert not client.cookies


async def test_a_login_never_takes_over_what_a_browser_brought_along(gateway: Gateway, person: Person) -> None:
    async with browser(gateway) as victim, browser(gateway) as attacker:
        await log_in(attacker, await Person.register(gateway))
        planted = attacker.cookies["perdure_session"]
        for brought in (planted, "chosen-by-the-attacker", "x" * 5_000):
            victim.cookies.clear()
            victim.cookies.set("perdure_session", brought)
            body = {"email": person.email, "password": person.password}
            response = await victim.post("/api/auth/session", json=body)
            assert response.status_code == 200
            assert response.cookies["perdure_session"] not in (brought, planted)
        assert (await attacker.get("/me")).status_code == 401


async def test_sessions_are_listed_and_ended_one_by_one_or_all_at_once(gateway: Gateway) -> None:
    person, stranger = await Person.register(gateway), await Person.register(gateway)
    async with (
        browser(gateway, agent="Desk") as desk,
        browser(gateway, agent="Phone") as phone,
        browser(gateway) as other,
        browser(gateway) as foreign,
    ):
        for client in (phone, other, desk):
            await log_in(client, person)
        foreign_id = (await log_in(foreign, stranger))["session"]["id"]
        listed = (await desk.get("/api/auth/sessions")).json()
        assert [(s["user_agent"], s["current"]) for s in listed] == [
            ("Desk", True),
            ("Test browser", False),
            ("Phone", False),
        ]
        assert (await desk.delete(f"/api/auth/sessions/{listed[2]['id']}")).status_code == 204
        assert (await phone.get("/me")).status_code == 401
        for unknown in (listed[2]["id"], foreign_id, "none"):
            assert_refused(await desk.delete(f"/api/auth/sessions/{unknown}"), 404, "NOT_FOUND")
        assert (await desk.delete("/api/auth/sessions")).json() == {"revoked": 1}
        assert [c.status_code for c in [await c.get("/me") for c in (desk, other, foreign)]] == [200, 401, 200]


async def test_a_new_password_ends_all_sessions_and_gives_this_browser_another(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    async with browser(gateway) as here, browser(gateway) as there:
        await log_in(here, person)
        await log_in(there, person)
        before = here.cookies["perdure_session"]
        body = {"current_password": person.password, "new_password": "another staple, quite correct"}
        assert (await here.post("/api/auth/password", json=body)).status_code == 200
        assert here.cookies["perdure_session"] != before
        assert (await here.get("/me")).status_code == 200
        assert (await there.get("/me")).status_code == 401


async def test_the_oldest_session_ends_when_there_are_too_many(gateway_settings: Settings) -> None:
    identity = IdentitySettings(auth_session_limit=2)
    async with open_gateway(replace(gateway_settings, identity=identity)) as gateway:
        person = await Person.register(gateway)
        async with browser(gateway) as first, browser(gateway) as second, browser(gateway) as third:
            for client in (first, second, third):
                await log_in(client, person)
            assert [(await c.get("/me")).status_code for c in (first, second, third)] == [401, 200, 200]


async def moved(gateway: Gateway, client: AsyncClient, **changed: str) -> Any:
    """The answer to the same cookie from elsewhere."""
    async with browser(gateway, **changed) as elsewhere:
        elsewhere.cookies.update(client.cookies)
        return await elsewhere.get("/me")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def revoking(gateway_settings: Settings) -> AsyncIterator[Gateway]:
    identity = IdentitySettings(
        auth_session_on_ip_change="revoke",
        auth_session_on_user_agent_change="re-login",
        auth_session_on_abnormal_frequency="re-login",
        auth_session_requests_per_minute=20,
    )
    async with open_gateway(replace(gateway_settings, identity=identity)) as opened:
        yield opened


async def test_a_change_of_address_is_recorded(gateway: Gateway, person: Person) -> None:
    async with browser(gateway, address="198.51.100.1") as client:
        await log_in(client, person)
        answer = await moved(gateway, client, address="198.51.100.2")
        assert answer.status_code == 200
        session = (await client.get("/api/auth/session")).json()["session"]
        assert [noted["issue"] for noted in session["issues"]] == ["ip_change", "ip_change"]
        assert session["address"] == "198.51.100.1"


async def test_another_browser_fills_no_audit_log(gateway: Gateway, person: Person) -> None:
    async with browser(gateway) as client:
        session_id = (await log_in(client, person))["session"]["id"]
        for _ in range(5):
            assert (await moved(gateway, client, agent="Another browser")).status_code == 401
    async with gateway.user("the-administrator", role="admin") as admin:
        entries = (await admin.get("/api/admin/audit", params={"action": "auth.session_suspicious"})).json()["entries"]
    noted = [entry["details"]["issues"] for entry in entries if entry["details"]["session_id"] == session_id]
    assert sorted(name for issues in noted for name in issues) == ["ip_change", "user_agent_change"]


async def test_another_browser_has_to_log_in_and_the_session_goes_on(gateway: Gateway, person: Person) -> None:
    async with browser(gateway, address="198.51.100.1") as client:
        await log_in(client, person)
        answer = await moved(gateway, client, address="198.51.100.1", agent="Another browser")
        body = assert_refused(answer, 401, "UNAUTHENTICATED")
        assert body["error"]["details"] == {"reason": "user_agent_change", "policy": "re-login"}
        assert (await client.get("/me")).status_code == 200


async def test_a_change_may_end_the_session(revoking: Gateway) -> None:
    person = await Person.register(revoking)
    async with browser(revoking, address="198.51.100.1") as client:
        await log_in(client, person)
        answer = await moved(revoking, client, address="198.51.100.2")
        assert assert_refused(answer, 401, "UNAUTHENTICATED")["error"]["details"]["reason"] == "ip_change"
        assert (await client.get("/me")).status_code == 401


async def test_too_many_requests_are_unusual(revoking: Gateway) -> None:
    person = await Person.register(revoking)
    async with browser(revoking) as client:
        await log_in(client, person)
        answers = [await client.get("/me") for _ in range(45)]
    refused = [answer for answer in answers if answer.status_code == 401]
    assert refused
    assert refused[0].json()["error"]["details"]["reason"] == "abnormal_frequency"


async def test_without_redis_sessions_are_unavailable_and_tokens_still_work(gateway_settings: Settings) -> None:
    nowhere = RedisSettings.model_validate({"redis_url": "redis://127.0.0.1:1/0"})
    async with open_gateway(replace(gateway_settings, redis=nowhere)) as gateway:
        person = await Person.register(gateway)
        tokens = await person.tokens()
        async with browser(gateway) as client:
            client.cookies.set("perdure_session", "whatever")
            answer = await client.get("/me")
            assert_refused(answer, 503, "SERVICE_UNAVAILABLE")
            assert "Retry-After" in answer.headers
        async with browser(gateway, Authorization=f"Bearer {tokens['access_token']}") as client:
            assert (await client.get("/me")).status_code == 200
            body = {"current_password": person.password, "new_password": "another staple, quite correct"}
            assert (await client.post("/api/auth/password", json=body)).status_code == 200
