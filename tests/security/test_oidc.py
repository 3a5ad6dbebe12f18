"""Logins at a provider elsewhere, against whoever sends links, forges tokens and claims addresses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient, Response
from pydantic import SecretStr
from redis.asyncio import Redis

from infra.settings import IdentitySettings, OidcSettings, Settings
from tests.accounts import Person, browser, mail_token, new_address
from tests.gateway import Gateway, assert_refused, open_gateway
from tests.gateway_fixtures import CONSOLE
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer, oidc_server, query_of, visit_provider
from tests.signing_keys import a_key

LOGIN = "/api/auth/oidc/login"
CALLBACK = "/api/auth/oidc/callback"
COOKIE = "__Host-perdure_login"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def one_provider() -> AsyncIterator[OidcServer]:
    async with oidc_server() as server:
        yield server


@pytest_asyncio.fixture
async def provider(one_provider: OidcServer) -> OidcServer:
    """Knows somebody new with a proven address."""
    one_provider.reset()
    one_provider.claims = {"sub": f"sub-{uuid4()}", "email": new_address(), "email_verified": True}
    return one_provider


def oidc_settings(settings: Settings, provider: OidcServer, **changes: Any) -> Settings:
    values = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_return_paths": "/,/graphs",
        **changes,
    }
    return replace(settings, oidc=OidcSettings(**values))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def federated(gateway_settings: Settings, one_provider: OidcServer) -> AsyncIterator[Gateway]:
    async with open_gateway(oidc_settings(gateway_settings, one_provider)) as gateway:
        yield gateway


@asynccontextmanager
async def federated_with(settings: Settings, provider: OidcServer, **changes: Any) -> AsyncIterator[Gateway]:
    async with open_gateway(oidc_settings(settings, provider, **changes)) as gateway:
        yield gateway


async def depart(client: AsyncClient, **params: str) -> str:
    """Where the gateway sends the browser."""
    answer = await client.get(LOGIN, params=params)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


async def log_in(client: AsyncClient, **params: str) -> Response:
    return await client.get(await visit_provider(await depart(client, **params)))


async def me(client: AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/auth/session")
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused_login(answer: Response) -> str:
    assert "Location" not in answer.headers
    assert not [name for name in answer.cookies if "session" in name]
    return assert_refused(answer, 401, "OIDC_LOGIN_FAILED")["detail"]


async def test_a_login_ends_with_a_session_of_ones_own_account(federated: Gateway, provider: OidcServer) -> None:
    provider.claims["name"] = "Ada <b>Lovelace</b>"
    async with browser(federated) as client, browser(federated) as again:
        first = await client.get(LOGIN, params={"return_to": "/graphs"})
        cookie = first.headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert {"HttpOnly", "Secure", "Path=/", "Max-Age=600", "SameSite=lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert first.headers["Cache-Control"] == "no-store"
        asked = query_of(first.headers["Location"])
        assert asked["redirect_uri"] == CONSOLE + CALLBACK
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert asked["scope"] == "openid email profile"
        back = await client.get(await visit_provider(first.headers["Location"]))
        assert (back.status_code, back.headers["Location"]) == (302, "/graphs")
        assert COOKIE not in client.cookies
        who = await me(client)
        assert who["email"] == provider.claims["email"]
        assert (await client.get("/api/user")).json()["name"] == "Ada Lovelace"
        assert (await log_in(again)).headers["Location"] == "/"
        assert (await me(again))["user_id"] == who["user_id"]
        entries = (await again.get("/api/audit")).json()["entries"]
        actions = [entry["action"] for entry in entries]
        assert {"auth.registered", "auth.identity_linked", "auth.logged_in"} <= set(actions)


async def test_the_account_follows_the_subject_and_not_the_address(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client, browser(federated) as other:
        await log_in(client)
        before = await me(client)
        provider.claims["email"] = new_address()
        await log_in(client)
        assert (await me(client))["user_id"] == before["user_id"]
        provider.claims |= {"sub": "another", "email": before["email"], "email_verified": False}
        assert_refused(await log_in(other), 409, "ADDRESS_NOT_PROVEN")


async def test_logins_that_come_at_once_make_one_account(federated: Gateway, provider: OidcServer) -> None:
    async def whose() -> str:
        async with browser(federated) as client:
            assert (await log_in(client)).status_code == 302
            return (await me(client))["user_id"]

    assert len(set(await asyncio.gather(*(whose() for _ in range(5))))) == 1


async def test_nobody_comes_back_twice(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client:
        departure = await client.get(LOGIN)
        cookie = client.cookies[COOKIE]
        back = await visit_provider(departure.headers["Location"])
        assert (await client.get(back)).status_code == 302
        client.cookies.clear()
        replayed = await client.get(back, headers={"Cookie": f"{COOKIE}={cookie}"})
        assert "not begun in this browser" in refused_login(replayed)
        assert provider.asked.count("/token") == 1


async def test_somebody_elses_login_does_not_become_mine(federated: Gateway, provider: OidcServer) -> None:
    """A page that sends its visitors the end of an attacker's login must not have them work in that account."""
    async with browser(federated) as attacker, browser(federated) as victim, browser(federated) as busy:
        back = await visit_provider(await depart(attacker))
        assert "not begun in this browser" in refused_login(await victim.get(back))
        again = await visit_provider(await depart(attacker))
        await depart(busy)
        assert "not begun in this browser" in refused_login(await busy.get(again))
        # What was tried once is used up, also for the browser that began it.
        refused_login(await attacker.get(back))
    assert provider.asked.count("/token") == 0


async def test_a_made_up_or_old_state_is_refused(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client:
        location = await depart(client)
        back = await visit_provider(location)
        for state in ("made-up", query_of(location)["state"][:-1]):
            refused_login(await client.get(CALLBACK, params={"state": state, "code": "x"}))
        assert (await client.get(CALLBACK, params={"code": "x"})).status_code == 422
        redis: Redis = Redis.from_url(federated.settings.redis.redis_url.get_secret_value())
        keys = [key async for key in redis.scan_iter("oidc-login:*")]
        lifetimes = [await redis.pttl(key) for key in keys]
        assert all(0 < lifetime <= 600_000 for lifetime in lifetimes)
        assert not any(query_of(location)["state"].encode() in key for key in keys)
        await redis.delete(*keys)
        await redis.aclose()
        refused_login(await client.get(back))


async def test_a_code_is_useless_in_another_login(federated: Gateway, provider: OidcServer) -> None:
    """PKCE: an intercepted code does not work with another verifier, in whatever browser."""
    async with browser(federated) as victim, browser(federated) as attacker:
        stolen = query_of(await visit_provider(await depart(victim)))["code"]
        own = query_of(await visit_provider(await depart(attacker)))
        answer = await attacker.get(CALLBACK, params={**own, "code": stolen})
        assert "did not accept" in refused_login(answer)
        assert "secret of the provider" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "/graphs/",
        "/graphs?next=https://evil.example.com",
        "/graphs#x",
        "/GRAPHS",
        "/graphs/../admin",
        "/%67raphs",
        "javascript:alert(1)",
        "\t/graphs",
        "",
    ],
)
async def test_a_login_ends_at_a_listed_path_only(federated: Gateway, provider: OidcServer, path: str) -> None:
    async with browser(federated) as client:
        answer = await client.get(LOGIN, params={"return_to": path})
        assert_refused(answer, 400, "INVALID_REQUEST")
        assert "Location" not in answer.headers
        back = await visit_provider(await depart(client))
        wish = urlencode({"return_to": path, "redirect_uri": path})
        assert (await client.get(f"{back}&{wish}")).headers["Location"] == "/"


async def test_the_host_that_a_browser_names_is_not_where_the_provider_sends_it(
    federated: Gateway, provider: OidcServer
) -> None:
    async with browser(federated, Host="127.0.0.1:1", **{"X-Forwarded-Host": "evil.example.com"}) as client:
        assert query_of(await depart(client))["redirect_uri"] == CONSOLE + CALLBACK


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "of another login"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"nonce": 1}, "another login"),
        ({"aud": "another-client"}, "somebody else"),
        ({"aud": None}, "malformed"),
        ({"aud": [CLIENT_ID, "another-client"]}, "somebody else"),
        ({"aud": [CLIENT_ID, "another-client"], "azp": "another-client"}, "somebody else"),
        ({"azp": "another-client"}, "somebody else"),
        ({"iss": "https://evil.example.com"}, "issuer"),
        ({"iss": None}, "malformed"),
        ({"exp": datetime.now(UTC) - timedelta(minutes=1)}, "expired"),
        ({"exp": None}, "malformed"),
        ({"iat": None}, "malformed"),
        ({"iat": datetime.now(UTC) + timedelta(hours=1)}, "malformed"),
        ({"sub": None}, "malformed"),
        ({"sub": ""}, "names nobody"),
        ({"sub": "x" * 256}, "names nobody"),
        ({"email": None}, "e-mail address"),
        ({"email": "no address"}, "e-mail address"),
    ],
)
async def test_id_tokens_are_checked(
    federated: Gateway, provider: OidcServer, changes: dict[str, Any], reason: str
) -> None:
    provider.claims |= changes
    async with browser(federated) as client:
        assert reason in refused_login(await log_in(client))
        assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")


async def test_several_audiences_are_fine_if_we_are_the_party(federated: Gateway, provider: OidcServer) -> None:
    provider.claims |= {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    async with browser(federated) as client:
        assert (await log_in(client)).status_code == 302


async def test_only_published_keys_sign_and_never_as_secrets(
    federated: Gateway, provider: OidcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.key = a_key("RS256", "of somebody else").private_pem
    async with browser(federated) as client:
        assert "signature" in refused_login(await log_in(client))
    provider.key, provider.kid = a_key("RS256").private_pem, "unknown"
    async with browser(federated) as client:
        assert "unknown key" in refused_login(await log_in(client))
    provider.kid, provider.algorithm = "first", "HS256"
    for secret in (CLIENT_SECRET * 2, federated.settings.auth.jwt_verify_key.get_secret_value()):
        provider.key = secret
        async with browser(federated) as client:
            assert "algorithm" in refused_login(await log_in(client))
    monkeypatch.setattr(jwt.algorithms.HMACAlgorithm, "prepare_key", lambda self, key: key.encode())
    provider.key = a_key("RS256").public_pem
    async with browser(federated) as client:
        assert "algorithm" in refused_login(await log_in(client))
    provider.algorithm, provider.key = "none", ""
    async with browser(federated) as client:
        assert "algorithm" in refused_login(await log_in(client))


async def test_what_the_provider_refuses_is_told_without_its_words(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client:
        state = query_of(await depart(client))["state"]
        answer = await client.get(CALLBACK, params={"state": state, "error": "<script>access_denied"})
        assert "did not let you in" in refused_login(answer)
        assert "script" not in answer.text


async def test_an_answer_of_another_provider_is_refused(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client:
        back = await visit_provider(await depart(client))
        assert "another identity provider" in refused_login(await client.get(f"{back}&iss=https://evil.example.com"))
        back = await visit_provider(await depart(client))
        assert (await client.get(f"{back}&iss={provider.issuer}")).status_code == 302
    assert provider.asked.count("/token") == 1


async def test_a_proven_address_connects_with_the_account_that_has_proven_it_too(
    federated: Gateway, provider: OidcServer
) -> None:
    person = await Person.register(federated)
    async with browser(federated) as client:
        token = await mail_token(federated, person.email, "Confirm")
        assert (await client.post("/api/auth/email/verify", json={"token": token})).status_code == 204
        provider.claims["email"] = person.email.upper()
        assert (await log_in(client)).status_code == 302
        assert (await me(client))["user_id"] == await person.user_id()


@pytest.mark.parametrize(
    ("locally", "there"), [(True, False), (True, None), (True, "false"), (False, True), (False, False), (True, 1)]
)
async def test_an_unproven_address_connects_with_nothing(
    federated: Gateway, provider: OidcServer, locally: bool, there: Any
) -> None:
    person = await Person.register(federated)
    async with browser(federated) as client:
        if locally:
            token = await mail_token(federated, person.email, "Confirm")
            await client.post("/api/auth/email/verify", json={"token": token})
        provider.claims |= {"email": person.email, "email_verified": there}
        assert_refused(await log_in(client), 409, "ADDRESS_NOT_PROVEN")
        assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")


async def test_an_address_that_only_looks_the_same_after_normalising_is_not_proven(
    federated: Gateway, provider: OidcServer
) -> None:
    person = Person(federated, f"k{new_address()}")
    async with browser(federated) as client:
        await client.post("/api/auth/register", json={"email": person.email, "password": person.password})
        token = await mail_token(federated, person.email, "Confirm")
        await client.post("/api/auth/email/verify", json={"token": token})
        provider.claims["email"] = "\N{KELVIN SIGN}" + person.email[1:]
        assert_refused(await log_in(client), 409, "ADDRESS_NOT_PROVEN")


async def test_whoever_claimed_an_address_first_loses_it_to_its_owner(federated: Gateway, provider: OidcServer) -> None:
    """A login with an unproven address makes an account; once its owner resets the password it opens it no more."""
    provider.claims["email_verified"] = False
    address = provider.claims["email"]
    async with browser(federated) as attacker, browser(federated) as owner:
        assert (await log_in(attacker)).status_code == 302
        await owner.post("/api/auth/password/reset-request", json={"email": address})
        token = await mail_token(federated, address, "new password")
        body = {"token": token, "new_password": "the owner's staple, correct"}
        assert (await owner.post("/api/auth/password/reset", json=body)).status_code == 204
        assert_refused(await attacker.get("/me"), 401, "UNAUTHENTICATED")
        assert_refused(await log_in(attacker), 409, "ADDRESS_NOT_PROVEN")


async def test_a_suspended_user_does_not_come_in_here_either(federated: Gateway, provider: OidcServer) -> None:
    async with (
        browser(federated) as client,
        federated.user("the-administrator", role="admin", email="admin@example.com") as admin,
    ):
        await log_in(client)
        user_id = (await me(client))["user_id"]
        assert (await admin.post(f"/api/admin/users/{user_id}/suspend")).status_code == 200
        assert_refused(await log_in(client), 403, "FORBIDDEN")
        assert (await admin.delete(f"/api/admin/users/{user_id}")).status_code == 204
        assert (await log_in(client)).status_code == 302
        assert (await me(client))["user_id"] != user_id


async def test_a_provider_that_is_away_is_503_and_tells_nothing(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client:
        back = await visit_provider(await depart(client))
        provider.down = True
        answer = await client.get(back)
        assert_refused(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "secret of the provider" not in answer.text
        assert provider.issuer not in answer.text
        # Where its endpoints are is known.
        await depart(client)
        assert provider.asked.count("/.well-known/openid-configuration") == 0


async def test_a_provider_that_never_answered_is_asked_again_later(
    gateway_settings: Settings, provider: OidcServer
) -> None:
    provider.down = True
    async with federated_with(gateway_settings, provider) as gateway, browser(gateway) as client:
        for _ in range(20):
            assert_refused(await client.get(LOGIN), 503, "SERVICE_UNAVAILABLE")
        assert len(provider.asked) <= 5
        provider.down = False
        deadline = asyncio.get_running_loop().time() + 60
        while (await client.get(LOGIN)).status_code != 302:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        assert (await log_in(client)).status_code == 302


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example.com"},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
)
async def test_a_document_that_makes_no_sense_is_not_believed(
    gateway_settings: Settings, provider: OidcServer, changes: dict[str, Any]
) -> None:
    provider.document_changes = changes
    async with federated_with(gateway_settings, provider) as gateway, browser(gateway) as client:
        answer = await client.get(LOGIN)
        assert_refused(answer, 503, "SERVICE_UNAVAILABLE")
        assert "Location" not in answer.headers


async def test_a_wrong_client_secret_is_the_operators_business(
    gateway_settings: Settings, provider: OidcServer
) -> None:
    changes = {"oidc_client_secret": SecretStr("wrong")}
    async with federated_with(gateway_settings, provider, **changes) as gateway, browser(gateway) as client:
        answer = await log_in(client)
        assert_refused(answer, 503, "CONFIGURATION_ERROR")
        assert "OIDC" not in answer.text


async def test_an_address_may_come_from_the_userinfo_endpoint_of_the_same_person(
    gateway_settings: Settings, provider: OidcServer
) -> None:
    provider.about = {**provider.claims}
    provider.claims = {"sub": provider.claims["sub"]}
    async with federated_with(gateway_settings, provider) as gateway, browser(gateway) as client:
        assert (await log_in(client)).status_code == 302
        assert (await me(client))["email"] == provider.about["email"]
        provider.about["sub"] = "somebody else"
        assert "two different things" in refused_login(await log_in(client))


async def test_where_registration_is_closed_only_known_people_come_in(
    gateway_settings: Settings, provider: OidcServer
) -> None:
    async with federated_with(gateway_settings, provider, oidc_registration="closed") as gateway:
        person = await Person.register(gateway)
        async with browser(gateway) as client:
            assert_refused(await log_in(client), 403, "FORBIDDEN")
            token = await mail_token(gateway, person.email, "Confirm")
            await client.post("/api/auth/email/verify", json={"token": token})
            provider.claims["email"] = person.email
            assert (await log_in(client)).status_code == 302


async def test_proven_addresses_can_be_demanded(gateway_settings: Settings, provider: OidcServer) -> None:
    strict = replace(gateway_settings, identity=IdentitySettings(auth_require_verified_email=True))
    provider.claims["email_verified"] = False
    async with federated_with(strict, provider) as gateway, browser(gateway) as client:
        assert_refused(await log_in(client), 403, "FORBIDDEN")


async def test_bearer_tokens_of_the_same_provider_name_the_same_users(
    gateway_settings: Settings, provider: OidcServer
) -> None:
    auth = gateway_settings.auth.model_copy(update={"jwt_issuer": provider.issuer})
    async with federated_with(replace(gateway_settings, auth=auth), provider) as gateway:
        subject = provider.claims["sub"]
        async with browser(gateway) as client, gateway.user(subject, iss=provider.issuer) as program:
            assert (await log_in(client)).status_code == 302
            assert (await me(client))["user_id"] == subject
            assert (await program.get("/me")).json()["user_id"] == subject


async def test_without_such_a_provider_there_is_no_such_login(gateway: Gateway) -> None:
    async with browser(gateway) as client:
        assert_refused(await client.get(LOGIN), 404, "NOT_FOUND")
        assert_refused(await client.get(CALLBACK, params={"state": "x"}), 404, "NOT_FOUND")
