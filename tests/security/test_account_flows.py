"""Logins, resets and registrations against people who guess, steal and count."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import Response

from models.api_keys import DEFAULT_PERMISSIONS, ApiKeyStatus
from models.identity import PasswordHasher
from services.gateway.app import create_app
from tests.accounts import PASSWORD, Person, browser, log_in, mail_token, mails_to, new_address
from tests.gateway import Gateway, assert_refused

NEW_PASSWORD = "another staple, quite correct"


async def post(gateway: Gateway, path: str, body: Any, *, address: str | None = None, **headers: str) -> Response:
    async with browser(gateway, address=address, **headers) as client:
        return await client.post(f"/api/auth/{path}", json=body)


def like(answer: Response) -> tuple[Any, ...]:
    """What tells one answer from another, apart from what is different each time."""
    body = answer.json()
    if "error" in body:
        body["error"] = {k: v for k, v in body["error"].items() if k not in ("timestamp", "reference_id")}
    headers = {name.lower() for name in answer.headers} - {"x-ratelimit-remaining"}
    return answer.status_code, body, sorted(headers)


@dataclass
class CountingHasher:
    """Passes everything on to a hasher, and notes the work."""

    hasher: PasswordHasher
    work: list[str] = field(default_factory=list[str])

    async def hash(self, password: str) -> str:
        self.work.append("hash")
        return await self.hasher.hash(password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.work.append("verify")
        return await self.hasher.verify(password, password_hash)

    def needs_rehash(self, password_hash: str) -> bool:
        return self.hasher.needs_rehash(password_hash)


@dataclass
class MovableClock:
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest_asyncio.fixture
async def hasher(gateway: Gateway) -> CountingHasher:
    return CountingHasher(gateway.container.passwords)


@pytest_asyncio.fixture
async def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture
async def watched(gateway: Gateway, hasher: CountingHasher, clock: MovableClock) -> AsyncIterator[Gateway]:
    """The same gateway with a counted hasher and a clock that can be put forward."""
    container = replace(gateway.container, passwords=hasher, clock=clock)
    yield Gateway(app=create_app(container), container=container, settings=gateway.settings)
    await container.background.drain()


async def test_a_login_tells_nobody_whether_there_is_an_account(watched: Gateway, hasher: CountingHasher) -> None:
    person = await Person.register(watched)
    without_password = new_address()
    async with watched.user(email=without_password) as client:
        await client.get("/api/user")
    works: list[list[str]] = []
    answers: list[tuple[Any, ...]] = []
    for address in (person.email, new_address(), without_password):
        hasher.work.clear()
        answers.append(like(await post(watched, "login", {"email": address, "password": "a wrong one"})))
        works.append(list(hasher.work))
    assert answers[0][0] == 401
    assert answers[0] == answers[1] == answers[2]
    assert works == [["verify"]] * 3


async def test_a_registration_tells_nobody_whether_there_is_an_account(
    watched: Gateway, hasher: CountingHasher
) -> None:
    person = await Person.register(watched)
    works: list[list[str]] = []
    answers: list[tuple[Any, ...]] = []
    for address in (person.email, new_address()):
        hasher.work.clear()
        answers.append(like(await post(watched, "register", {"email": address, "password": PASSWORD})))
        works.append(list(hasher.work))
    assert answers[0][0] == 202
    assert answers[0] == answers[1]
    assert works == [["hash"]] * 2


@pytest.mark.parametrize("path", ["password/reset-request", "email/verification-request"])
async def test_a_request_for_mail_tells_nobody_whether_there_is_an_account(gateway: Gateway, path: str) -> None:
    person, nobody = await Person.register(gateway), new_address()
    answers = [like(await post(gateway, path, {"email": address})) for address in (person.email, nobody)]
    assert answers[0][0] == 202
    assert answers[0] == answers[1]
    await gateway.container.background.drain()
    assert await mails_to(gateway, nobody) == []


async def reset_token(gateway: Gateway, person: Person, *, number: int = 1) -> str:
    answer = await post(gateway, "password/reset-request", {"email": person.email})
    assert answer.status_code == 202
    token = await mail_token(gateway, person.email, "new password", number=number)
    assert token not in answer.text
    return token


async def test_a_reset_token_is_good_for_one_reset_which_logs_everybody_out(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    tokens = await person.tokens()
    body = {"token": await reset_token(gateway, person), "new_password": NEW_PASSWORD}
    assert (await post(gateway, "password/reset", {**body, "new_password": "short"})).status_code == 400
    answers = await asyncio.gather(*(post(gateway, "password/reset", body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204, 400, 400, 400, 400]
    assert (await person.login()).status_code == 401
    assert (await person.login(password=NEW_PASSWORD)).status_code == 200
    assert (await post(gateway, "refresh", {"refresh_token": tokens["refresh_token"]})).status_code == 401
    async with browser(gateway, Authorization=f"Bearer {tokens['access_token']}") as client:
        assert (await client.get("/me")).status_code == 401


async def test_only_the_latest_reset_token_counts_and_not_for_anything_else(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    proof = await mail_token(gateway, person.email, "Confirm")
    first = await reset_token(gateway, person)
    second = await reset_token(gateway, person, number=2)
    for token in (first, proof, "", "made up", second[:-1]):
        answer = await post(gateway, "password/reset", {"token": token, "new_password": NEW_PASSWORD})
        assert answer.status_code in (400, 422)
    assert (await post(gateway, "email/verify", {"token": second})).status_code == 400
    answer = await post(gateway, "password/reset", {"token": second, "new_password": NEW_PASSWORD})
    assert answer.status_code == 204


async def test_a_new_password_makes_mailed_tokens_useless(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    token = await reset_token(gateway, person)
    headers = {"Authorization": f"Bearer {(await person.tokens())['access_token']}"}
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await post(gateway, "password", body, **headers)).status_code == 200
    answer = await post(gateway, "password/reset", {"token": token, "new_password": PASSWORD})
    assert_refused(answer, 400, "INVALID_MAIL_TOKEN")


async def test_whoever_proves_an_address_with_a_reset_shuts_out_who_registered_it_before(gateway: Gateway) -> None:
    stranger = await Person.register(gateway)
    tokens = await stranger.tokens()
    raw = await gateway.api_key(tokens["user"]["id"], *DEFAULT_PERMISSIONS)
    suspended = await gateway.api_key(tokens["user"]["id"], *DEFAULT_PERMISSIONS, status=ApiKeyStatus.SUSPENDED)
    body = {"token": await reset_token(gateway, stranger), "new_password": NEW_PASSWORD}
    assert (await post(gateway, "password/reset", body)).status_code == 204
    for headers in (
        {"X-API-Key": raw},
        {"X-API-Key": suspended},
        {"Authorization": f"Bearer {tokens['access_token']}"},
    ):
        async with gateway.anonymous(**headers) as client:
            assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")
    assert (await post(gateway, "refresh", {"refresh_token": tokens["refresh_token"]})).status_code == 401
    # Their own keys survive the next reset, as the address is proven.
    own = await gateway.api_key(tokens["user"]["id"], *DEFAULT_PERMISSIONS)
    body = {"token": await reset_token(gateway, stranger, number=2), "new_password": PASSWORD}
    assert (await post(gateway, "password/reset", body)).status_code == 204
    async with gateway.anonymous(**{"X-API-Key": own}) as client:
        assert (await client.get("/me")).status_code == 200


async def test_an_address_that_another_account_has_proven_is_not_entered_as_proven(gateway: Gateway) -> None:
    person, contested = await Person.register(gateway), new_address()
    headers = {"Authorization": f"Bearer {(await person.tokens())['access_token']}"}
    async with gateway.anonymous(**headers) as client:
        body = {"email": contested, "current_password": PASSWORD}
        assert (await client.post("/api/auth/user/email", json=body)).status_code == 200
        token = await mail_token(gateway, contested, "Confirm")
        assert (await post(gateway, "register", {"email": contested, "password": PASSWORD})).status_code == 202
        assert_refused(await post(gateway, "email/verify", {"token": token}), 400, "INVALID_MAIL_TOKEN")
        entries = (await client.get("/api/audit", params={"action": "auth.email_verified"})).json()["entries"]
    assert entries == []


async def test_mailed_tokens_expire(watched: Gateway, clock: MovableClock) -> None:
    person = await Person.register(watched)
    reset, proof = await reset_token(watched, person), await mail_token(watched, person.email, "Confirm")
    clock.ahead = timedelta(hours=1, seconds=1)
    answer = await post(watched, "password/reset", {"token": reset, "new_password": NEW_PASSWORD})
    assert_refused(answer, 400, "INVALID_MAIL_TOKEN")
    clock.ahead = timedelta(days=1, seconds=1)
    assert_refused(await post(watched, "email/verify", {"token": proof}), 400, "INVALID_MAIL_TOKEN")


async def test_refresh_tokens_expire_with_their_login(watched: Gateway, clock: MovableClock) -> None:
    person = await Person.register(watched)
    tokens = await person.tokens()
    clock.ahead = timedelta(days=29)
    answer = await post(watched, "refresh", {"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 200
    clock.ahead = timedelta(days=30, seconds=1)
    assert (await post(watched, "refresh", {"refresh_token": answer.json()["refresh_token"]})).status_code == 401


async def test_a_refresh_token_that_comes_twice_ends_every_login(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    stolen, elsewhere = await person.tokens(), await person.tokens()
    thief = await post(gateway, "refresh", {"refresh_token": stolen["refresh_token"]})
    assert thief.status_code == 200
    owner = await post(gateway, "refresh", {"refresh_token": stolen["refresh_token"]})
    assert_refused(owner, 401, "UNAUTHENTICATED")
    assert (await post(gateway, "refresh", {"refresh_token": thief.json()["refresh_token"]})).status_code == 401
    other_login = await post(gateway, "refresh", {"refresh_token": elsewhere["refresh_token"]})
    assert_refused(other_login, 401, "UNAUTHENTICATED")
    async with browser(gateway, authorization=f"Bearer {elsewhere['access_token']}") as client:
        assert_refused(await client.get("/api/auth/user"), 401, "UNAUTHENTICATED")


async def test_of_many_refreshes_at_once_at_most_one_succeeds(gateway: Gateway) -> None:
    tokens = await (await Person.register(gateway)).tokens()
    body = {"refresh_token": tokens["refresh_token"]}
    answers = await asyncio.gather(*(post(gateway, "refresh", body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


async def test_guesses_are_few_from_one_place_and_do_not_lock_the_owner_out(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    statuses = [(await person.login(password=f"guess {n}", address="203.0.113.9")).status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    limited = await person.login(address="203.0.113.9")
    body = assert_refused(limited, 429, "RATE_LIMIT_EXCEEDED")
    assert int(limited.headers["Retry-After"]) > 0
    assert set(body["detail"]) == {"error", "message", "limit", "remaining", "reset"}
    assert (await person.login(address="203.0.113.10")).status_code == 200


async def test_guesses_at_unknown_addresses_are_counted_alike(gateway: Gateway) -> None:
    nobody = Person(gateway, new_address())
    statuses = [(await nobody.login(address="203.0.113.11")).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


async def test_a_right_password_forgives_the_wrong_ones_before(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    for _ in range(3):
        for _ in range(5):
            assert (await person.login(password="a wrong one", address="203.0.113.12")).status_code == 401
        assert (await person.login(address="203.0.113.12")).status_code == 200


async def test_guesses_at_the_current_password_are_few(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    headers = {"Authorization": f"Bearer {(await person.tokens())['access_token']}"}
    body = {"current_password": "a wrong one", "new_password": NEW_PASSWORD}
    statuses = [(await post(gateway, "password", body, **headers)).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2


async def test_nobody_is_flooded_with_mail(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    statuses = [(await post(gateway, "password/reset-request", {"email": person.email})).status_code for _ in range(8)]
    assert statuses == [202] * 4 + [429] * 4


async def test_api_keys_cannot_touch_logins(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    raw = await gateway.api_key(await person.user_id(), *())
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/api/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        ("POST", "/api/auth/user/email", {"email": new_address(), "current_password": PASSWORD}),
        ("POST", "/api/auth/logout-everywhere", None),
        ("GET", "/api/auth/sessions", None),
        ("DELETE", "/api/auth/sessions", None),
        ("DELETE", "/api/auth/sessions/any", None),
        ("GET", "/api/auth/session", None),
    ]
    async with browser(gateway, **{"X-API-Key": raw}) as client:
        for method, path, body in calls:
            assert_refused(await client.request(method, path, json=body), 403, "FORBIDDEN")


async def test_secrets_are_in_no_answer_and_no_log(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    canary = "canary-Zq8x-secret"
    for path, body in (
        ("register", {"email": new_address(), "password": canary}),
        ("register", {"email": "no address", "password": canary}),
        ("login", {"email": new_address(), "password": canary}),
        ("login", {"email": new_address(), "password": canary + "x" * 600}),
        ("login", {"email": new_address(), "password": [canary]}),
        ("refresh", {"refresh_token": canary}),
        ("logout", {"refresh_token": [canary]}),
        ("password/reset", {"token": canary, "new_password": canary}),
        ("email/verify", {"token": canary}),
    ):
        answer = await post(gateway, path, body)
        assert canary not in answer.text, path
    printed = capsys.readouterr()
    assert canary not in printed.out + printed.err


async def test_a_refresh_token_that_comes_twice_ends_bearer_tokens_and_sessions_too(gateway: Gateway) -> None:
    person = await Person.register(gateway)
    stolen = (await person.tokens())["refresh_token"]
    thief = (await post(gateway, "refresh", {"refresh_token": stolen})).json()
    async with (
        browser(gateway) as at_browser,
        browser(gateway, Authorization=f"Bearer {thief['access_token']}") as client,
    ):
        await log_in(at_browser, person)
        assert (await client.get("/me")).status_code == 200
        assert_refused(await post(gateway, "refresh", {"refresh_token": stolen}), 401, "UNAUTHENTICATED")
        assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")
        assert_refused(await at_browser.get("/me"), 401, "UNAUTHENTICATED")
    assert_refused(await post(gateway, "refresh", {"refresh_token": thief["refresh_token"]}), 401, "UNAUTHENTICATED")
    # Whoever has the token, which is worth nothing now, cannot log its owner out again and again.
    fresh = await person.tokens()
    assert_refused(await post(gateway, "refresh", {"refresh_token": stolen}), 401, "UNAUTHENTICATED")
    async with browser(gateway, Authorization=f"Bearer {fresh['access_token']}") as client:
        assert (await client.get("/me")).status_code == 200
