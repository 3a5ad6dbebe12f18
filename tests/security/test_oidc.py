"""Logins at a provider elsewhere, against whoever sends links and forges tokens."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from redis.asyncio import Redis

from tests.accounts import browser
from tests.gateway import Gateway, assert_refused
from tests.gateway_fixtures import CONSOLE
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer, query_of, visit_provider
from tests.security.oidc_logins import CALLBACK, COOKIE, LOGIN, depart, log_in, me, refused_login
from tests.signing_keys import a_key


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
