"""Accounts with passwords: from registration to erasure."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import pytest_asyncio

from infra.settings import IdentitySettings, Settings
from tests.accounts import PASSWORD, Person, browser, mail_token, mails_to, new_address
from tests.gateway import Gateway, assert_refused, open_gateway
from tests.polling import eventually

NEW_PASSWORD = "another staple, quite correct"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def call(gateway: Gateway, method: str, path: str, body: Any = None, **headers: str) -> Any:
    async with browser(gateway, **headers) as client:
        return await client.request(method, path, json=body)


async def test_whoever_registers_can_log_in_and_work(gateway: Gateway) -> None:
    person = await Person.register(gateway, name="Ada", role="admin", is_admin=True, id="chosen")
    tokens = await person.tokens()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 3600)
    user = (await call(gateway, "GET", "/api/user", **bearer(tokens["access_token"]))).json()
    assert (user["email"], user["name"], user["role"]) == (person.email, "Ada", "user")
    assert user["id"] == tokens["user"]["id"] != "chosen"
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["email"], claims["role"]) == (user["id"], person.email, "user")
    assert claims["user_metadata"] == {"name": "Ada"}
    assert user["last_login"] is not None


async def test_addresses_are_the_same_whatever_their_case(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    assert (await replace(person, email=person.email.upper()).login()).status_code == 200
    again = await call(gateway, "POST", "/api/auth/register", {"email": person.email.upper(), "password": NEW_PASSWORD})
    assert again.status_code == 202
    assert (await person.login(password=NEW_PASSWORD)).status_code == 401
    assert (await person.login()).status_code == 200


async def test_of_many_registrations_at_once_one_makes_the_account(gateway: Gateway) -> None:
    address = new_address()
    bodies = [{"email": address, "password": f"{PASSWORD} {number}"} for number in range(5)]
    answers = await asyncio.gather(*(call(gateway, "POST", "/api/auth/register", body) for body in bodies))
    assert {answer.status_code for answer in answers} == {202}
    person = Person(gateway, address)
    logins = [(await person.login(password=body["password"])).status_code for body in bodies]
    assert sorted(logins) == [200, 401, 401, 401, 401]


@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaa", ""])
async def test_weak_passwords_are_refused(gateway: Gateway, password: str) -> None:
    answer = await call(gateway, "POST", "/api/auth/register", {"email": new_address(), "password": password})
    assert answer.status_code in (400, 422)
    assert password not in answer.text or not password


async def test_composed_and_decomposed_characters_are_one_password(gateway: Gateway) -> None:
    person = Person(gateway, new_address(), password="pa\u0308sswo\u0308rter")
    body = {"email": person.email, "password": person.password}
    assert (await call(gateway, "POST", "/api/auth/register", body)).status_code == 202
    assert (await person.login(password="p\u00e4ssw\u00f6rter")).status_code == 200


async def test_refreshing_gives_new_tokens_and_uses_up_the_old_one(gateway: Gateway) -> None:
    tokens = await (await Person.register(gateway)).tokens()
    answer = await call(gateway, "POST", "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["refresh_token"] != tokens["refresh_token"]
    assert answer.json()["refresh_expires_at"] == tokens["refresh_expires_at"]
    user = await call(gateway, "GET", "/api/user", **bearer(answer.json()["access_token"]))
    assert user.status_code == 200


async def test_logging_out_ends_the_refresh_token(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    tokens, others = await person.tokens(), await person.tokens()
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await call(gateway, "POST", "/api/auth/logout", body)).status_code == 204
    assert (await call(gateway, "POST", "/api/auth/logout", body)).status_code == 204
    assert_refused(await call(gateway, "POST", "/api/auth/refresh", body), 401, "UNAUTHENTICATED")
    other = await call(gateway, "POST", "/api/auth/refresh", {"refresh_token": others["refresh_token"]})
    assert other.status_code == 200


async def test_logging_out_everywhere_ends_every_token(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    tokens, others = await person.tokens(), await person.tokens()
    answer = await call(gateway, "POST", "/api/auth/logout-everywhere", **bearer(tokens["access_token"]))
    assert answer.status_code == 204
    for ended in (tokens, others):
        refused = await call(gateway, "GET", "/api/user", **bearer(ended["access_token"]))
        assert assert_refused(refused, 401, "UNAUTHENTICATED")["detail"] == "Token has expired"
        refresh = await call(gateway, "POST", "/api/auth/refresh", {"refresh_token": ended["refresh_token"]})
        assert refresh.status_code == 401
    assert (await person.login()).status_code == 200


async def test_a_new_password_needs_the_old_one_and_logs_everybody_else_out(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    tokens, others = await person.tokens(), await person.tokens()

    async def change(current: str) -> Any:
        body = {"current_password": current, "new_password": NEW_PASSWORD}
        return await call(gateway, "POST", "/api/auth/password", body, **bearer(tokens["access_token"]))

    assert_refused(await change("wrong"), 403, "FORBIDDEN")
    assert (await person.login()).status_code == 200
    changed = await change(PASSWORD)
    assert changed.status_code == 200
    assert (await call(gateway, "GET", "/api/user", **bearer(changed.json()["access_token"]))).status_code == 200
    for ended in (tokens, others):
        assert (await call(gateway, "GET", "/api/user", **bearer(ended["access_token"]))).status_code == 401
        body = {"refresh_token": ended["refresh_token"]}
        assert (await call(gateway, "POST", "/api/auth/refresh", body)).status_code == 401
    assert (await person.login()).status_code == 401
    assert (await person.login(password=NEW_PASSWORD)).status_code == 200

    async def is_told() -> bool:
        return "Your password was changed" in [subject for subject, _ in await mails_to(gateway, person.email)]

    await eventually(is_told)


async def test_an_address_is_proven_by_mail(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    assert (await person.tokens())["user"]["email_verified"] is False
    first = await mail_token(gateway, person.email, "Confirm")
    assert (await call(gateway, "POST", "/api/auth/email/verify", {"token": first})).status_code == 204
    assert (await person.tokens())["user"]["email_verified"] is True
    again = await call(gateway, "POST", "/api/auth/email/verify", {"token": first})
    assert_refused(again, 400, "INVALID_MAIL_TOKEN")


async def test_an_address_changes_once_the_new_one_is_proven(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    old_proof = await mail_token(gateway, person.email, "Confirm")
    headers = bearer((await person.tokens())["access_token"])
    new = new_address()
    assert (await call(gateway, "POST", "/api/auth/user/email", new, **headers)).status_code == 403
    wrong = await call(gateway, "POST", "/api/auth/user/email", {"email": new, "current_password": "wrong"}, **headers)
    assert wrong.status_code == 403
    assert_refused(await call(gateway, "PUT", "/api/user", {"email": new}, **headers), 400, "INVALID_REQUEST")
    asked = await call(gateway, "POST", "/api/auth/user/email", {"email": new, "current_password": PASSWORD}, **headers)
    assert (asked.status_code, asked.json()) == (200, {"email": person.email})
    token = await mail_token(gateway, new, "Confirm")
    assert (await person.login()).status_code == 200
    assert (await call(gateway, "POST", "/api/auth/email/verify", {"token": token})).status_code == 204
    assert (await person.login()).status_code == 401
    assert (await replace(person, email=new).login()).status_code == 200
    assert (await call(gateway, "POST", "/api/auth/email/verify", {"token": old_proof})).status_code == 400


async def test_an_address_that_somebody_has_cannot_be_taken(gateway: Gateway) -> None:
    owner, thief = await Person.register(gateway), await Person.register(gateway)
    headers = bearer((await thief.tokens())["access_token"])
    body = {"email": owner.email, "current_password": PASSWORD}
    assert (await call(gateway, "POST", "/api/auth/user/email", body, **headers)).status_code == 200
    token = await mail_token(gateway, owner.email, "Confirm", number=2)
    assert (await call(gateway, "POST", "/api/auth/email/verify", {"token": token})).status_code == 400
    assert (await owner.login()).status_code == 200
    assert (await thief.login()).status_code == 200


async def test_the_address_of_an_account_kept_elsewhere_changes_at_once(gateway: Gateway) -> None:
    async with gateway.user("kept-elsewhere") as client:
        new = new_address()
        assert (await client.post("/api/auth/user/email", json=new)).json() == {"email": new}
        assert (await client.get("/me")).json()["email"] == new


async def test_the_first_call_tells_that_it_made_the_user(gateway: Gateway) -> None:
    async with gateway.user(email=new_address()) as client:
        answers = [await client.post("/api/auth/user") for _ in range(2)]
    assert [answer.headers["X-AutoGPT-User-Created"] for answer in answers] == ["true", "false"]


async def test_timezone_preferences_and_settings_are_kept(gateway: Gateway) -> None:
    async with gateway.user() as client:
        assert (await client.get("/api/auth/user/timezone")).json() == {"timezone": "not-set"}
        assert (await client.post("/api/auth/user/timezone", json={"timezone": "Mars/Olympus"})).status_code == 422
        set_zone = await client.post("/api/auth/user/timezone", json={"timezone": "Europe/Berlin"})
        assert set_zone.json() == {"timezone": "Europe/Berlin"}
        before = (await client.get("/api/auth/user/preferences")).json()
        assert all(before["preferences"].values())
        off = {"preferences": {"DAILY_SUMMARY": False}, "daily_limit": 3}
        after = (await client.post("/api/auth/user/preferences", json=off)).json()
        assert after == {**before, "preferences": {**before["preferences"], "DAILY_SUMMARY": False}, "daily_limit": 3}
        settings = (await client.put("/api/user/settings", json={"console": {"theme": "dark"}})).json()
        assert settings["console"] == {"theme": "dark"}
        assert (settings["timezone"], settings["daily_limit"]) == ("Europe/Berlin", 3)
        assert (await client.get("/api/user/settings")).json() == settings
        deep: dict[str, Any] = {}
        for _ in range(12):
            deep = {"a": deep}
        assert (await client.put("/api/user/settings", json={"console": deep})).status_code == 400


async def test_tokens_of_a_local_account_do_not_set_its_role(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    user_id = await person.user_id()
    forged = gateway.token(user_id, role="admin", perdure_ver=0)
    user = (await call(gateway, "GET", "/api/user", **bearer(forged))).json()
    assert user["role"] == "user"
    assert (await call(gateway, "GET", "/api/admin/users", **bearer(forged))).status_code == 403
    unversioned = gateway.token(user_id, role="admin")
    assert (await call(gateway, "GET", "/api/user", **bearer(unversioned))).status_code == 401


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(gateway_settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway that lets people in only after they have proven their address."""
    async with open_gateway(
        replace(gateway_settings, identity=IdentitySettings(auth_require_verified_email=True))
    ) as opened:
        yield opened


async def test_unproven_addresses_may_be_kept_out(strict: Gateway) -> None:
    person = await Person.register(strict)
    assert (await person.login(password="wrong")).status_code == 401
    assert_refused(await person.login(), 403, "FORBIDDEN")
    await mail_token(strict, person.email, "Confirm")
    body = {"email": person.email}
    assert (await call(strict, "POST", "/api/auth/email/verification-request", body)).status_code == 202
    second = await mail_token(strict, person.email, "Confirm", number=2)
    assert (await call(strict, "POST", "/api/auth/email/verify", {"token": second})).status_code == 204
    assert (await person.login()).status_code == 200


async def test_registration_can_be_closed(gateway_settings: Settings) -> None:
    async with open_gateway(replace(gateway_settings, identity=IdentitySettings(auth_registration="closed"))) as closed:
        body = {"email": new_address(), "password": PASSWORD}
        assert_refused(await call(closed, "POST", "/api/auth/register", body), 403, "FORBIDDEN")


async def test_another_provider_keeps_all_accounts(gateway_settings: Settings) -> None:
    identity = IdentitySettings(identity_provider="external")
    async with open_gateway(replace(gateway_settings, identity=identity)) as external:
        for path in ("register", "login"):
            body = {"email": new_address(), "password": PASSWORD}
            assert_refused(await call(external, "POST", f"/api/auth/{path}", body), 404, "NOT_FOUND")
        async with external.user() as client:
            assert (await client.get("/me")).status_code == 200


async def test_account_events_are_entered_in_the_audit_log(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    await person.login(password="wrong")
    tokens = await person.tokens()
    headers = bearer(tokens["access_token"])

    async def are_entered() -> bool:
        entries = (await call(gateway, "GET", "/api/audit", **headers)).json()["entries"]
        return {"auth.registered", "auth.login_failed", "auth.logged_in"} <= {entry["action"] for entry in entries}

    await eventually(are_entered)
    assert datetime.fromisoformat(tokens["refresh_expires_at"]) > datetime.now(UTC)
