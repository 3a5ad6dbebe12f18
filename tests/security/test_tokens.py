"""Bearer tokens of every permitted kind, and everything that pretends to be one."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from infra.settings import AppSettings, AuthSettings, Environment, Settings
from services.gateway.auth.settings import AuthConfigError
from tests.accounts import Person, browser, new_address
from tests.gateway import Gateway, assert_refused, open_gateway
from tests.live_server import serving
from tests.signing_keys import a_key

SECRET = "a-secret-for-hmac-of-more-than-sixty-four-characters-in-all-so-that-it-fits"
ISSUER = "https://id.example.com"


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    base = {
        "sub": "token-user",
        "email": "token-user@example.com",
        "aud": "authenticated",
        "iss": ISSUER,
        "exp": now + timedelta(minutes=5),
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def encoded(header: dict[str, Any], payload: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        raw = json.dumps(value, default=lambda moment: int(moment.timestamp())).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}"


def signed_as_hmac(key: str, **header: Any) -> str:
    """A token with an HMAC over a text that the verifier uses as a public key."""
    text = encoded({"alg": "HS256", "typ": "JWT", **header}, claims(role="admin"))
    digest = hmac.digest(key.encode(), text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


async def status_of(gateway: Gateway, token: str) -> tuple[int, str]:
    async with browser(gateway, Authorization=f"Bearer {token}") as client:
        answer = await client.get("/me")
    if answer.status_code == 200:
        return 200, ""
    return answer.status_code, assert_refused(answer, 401, "UNAUTHENTICATED")["detail"]


@asynccontextmanager
async def opened(settings: Settings, **auth: Any) -> AsyncIterator[Gateway]:
    async with open_gateway(replace(settings, auth=AuthSettings.model_validate(auth))) as gateway:
        yield gateway


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
async def test_each_algorithm_verifies_its_own_tokens_only(gateway_settings: Settings, algorithm: str) -> None:
    symmetric = algorithm.startswith("HS")
    key = SECRET if symmetric else a_key(algorithm).private_pem
    verify = SECRET if symmetric else a_key(algorithm).public_pem
    signing = {} if symmetric else {"jwt_signing_key": key}
    async with opened(gateway_settings, jwt_algorithm=algorithm, jwt_verify_key=verify, **signing) as gateway:
        assert await status_of(gateway, jwt.encode(claims(), key, algorithm=algorithm)) == (200, "")
        other = "HS384" if algorithm != "HS384" else "HS512"
        assert (await status_of(gateway, jwt.encode(claims(), SECRET, algorithm=other)))[0] == 401
        if not symmetric:
            foreign = jwt.encode(claims(), a_key(algorithm, "another").private_pem, algorithm=algorithm)
            assert await status_of(gateway, foreign) == (401, "Invalid token signature")
            for lie in (verify, verify.strip(), verify.replace("\n", "")):
                assert (await status_of(gateway, signed_as_hmac(lie)))[0] == 401
        person = await Person.register(gateway)
        assert (await status_of(gateway, (await person.tokens())["access_token"]))[0] == 200


class Provider:
    """An identity provider that publishes keys, which can change and fail."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.fails = False
        self.asked = 0
        self.app = FastAPI()
        self.app.get("/keys")(self._answer)

    def _answer(self) -> JSONResponse:
        self.asked += 1
        return JSONResponse({"keys": self.keys}, status_code=503 if self.fails else 200)

    def publish(self, *named: tuple[str, str]) -> None:
        self.keys = [{**a_key(algorithm, kid).jwk, "kid": kid, "use": "sig"} for algorithm, kid in named]


def published_token(algorithm: str, kid: str | None, *, key: str | None = None, **changes: Any) -> str:
    """Signed by a provider; `jwt.encode` would refuse some of what has to be refused by us."""
    payload = json.dumps(claims(**changes), default=lambda moment: int(moment.timestamp())).encode()
    private = a_key(algorithm, key or kid or "").private_pem
    return jwt.PyJWS().encode(payload, private, algorithm=algorithm, headers={"kid": kid} if kid else None)


@pytest_asyncio.fixture
async def provider() -> Provider:
    provider = Provider()
    provider.publish(("RS256", "rsa"), ("ES256", "ec"))
    return provider


@pytest_asyncio.fixture
async def federated(gateway_settings: Settings, provider: Provider) -> AsyncIterator[Gateway]:
    """A gateway for the tokens of that provider alone."""
    async with (
        serving(provider.app) as url,
        opened(gateway_settings, jwt_jwks_url=f"{url}/keys", jwt_issuer=ISSUER, jwt_jwks_pause_seconds=1) as gateway,
    ):
        yield gateway


async def test_published_keys_verify_tokens_that_name_them(federated: Gateway, provider: Provider) -> None:
    assert await status_of(federated, published_token("RS256", "rsa")) == (200, "")
    assert await status_of(federated, published_token("ES256", "ec")) == (200, "")
    assert await status_of(federated, published_token("RS256", "rsa", key="mine")) == (401, "Invalid token signature")
    assert (await status_of(federated, published_token("RS256", None, key="rsa")))[0] == 401
    assert (await status_of(federated, published_token("ES256", "rsa", key="ec")))[0] == 401
    assert (await status_of(federated, published_token("RS256", "made up")))[0] == 401
    assert provider.asked <= 2


async def test_a_published_key_is_never_a_secret(federated: Gateway) -> None:
    for kid in ("rsa", "ec"):
        algorithm = "RS256" if kid == "rsa" else "ES256"
        for key in (a_key(algorithm, kid).public_pem, json.dumps(a_key(algorithm, kid).jwk), ""):
            status, reason = await status_of(federated, signed_as_hmac(key, kid=kid))
            assert (status, reason) == (401, "Invalid token: The specified alg value is not allowed")


async def test_keys_that_a_token_brings_along_do_not_count(federated: Gateway) -> None:
    mine = a_key("RS256", "mine")
    for header in (
        {"jwk": mine.jwk},
        {"jku": "https://evil.example.org/keys", "kid": "mine"},
        {"x5u": "https://evil.example.org/cert", "kid": "rsa"},
        {"kid": "../../etc/passwd"},
        {"kid": "rsa' OR '1'='1"},
    ):
        token = jwt.encode(claims(), mine.private_pem, algorithm="RS256", headers=header)
        assert (await status_of(federated, token))[0] == 401


async def test_without_an_own_key_no_account_is_kept_and_no_secret_guessed(federated: Gateway) -> None:
    assert (await status_of(federated, jwt.encode(claims(), SECRET, algorithm="HS256")))[0] == 401
    body = {"email": new_address(), "password": "correct horse battery staple"}
    async with browser(federated) as client:
        assert (await client.post("/api/auth/login", json=body)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example.org"}, "Invalid token: issuer is not the expected one"),
        ({"iss": None}, "Invalid token: it has no 'iss'"),
        ({"iss": [ISSUER]}, "Invalid token: "),
        ({"aud": "other"}, "Invalid token audience"),
        ({"aud": None}, "Invalid token audience"),
        ({"aud": []}, "Invalid token audience"),
        ({"exp": datetime.now(UTC) - timedelta(minutes=5)}, "Token has expired"),
        ({"exp": None}, "Invalid token: it has no 'exp'"),
        ({"exp": "soon"}, "Invalid token: "),
        ({"nbf": datetime.now(UTC) + timedelta(hours=1)}, "Invalid token: "),
        ({"iat": datetime.now(UTC) + timedelta(hours=1)}, "Invalid token: "),
        ({"sub": None}, "User ID not found in token"),
        ({"sub": ""}, "User ID not found in token"),
        ({"email": None}, "Invalid user data in token"),
        ({"email": ["a@example.com"]}, "Invalid user data in token"),
    ],
    ids=range(15),
)
async def test_claims_are_checked(federated: Gateway, changes: dict[str, Any], reason: str) -> None:
    status, told = await status_of(federated, published_token("RS256", "rsa", **changes))
    assert status == 401
    assert told.startswith(reason)


@pytest.mark.parametrize("seconds", [-5, 5])
async def test_clocks_may_differ_a_little(federated: Gateway, seconds: int) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    changes = {"exp": moment} if seconds < 0 else {"nbf": moment, "iat": moment}
    assert (await status_of(federated, published_token("RS256", "rsa", **changes)))[0] == 200


async def test_keys_rotate_and_count_on_while_the_provider_is_away(federated: Gateway, provider: Provider) -> None:
    assert (await status_of(federated, published_token("RS256", "rsa")))[0] == 200
    provider.publish(("RS256", "rsa"), ("RS256", "next"))
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while (await status_of(federated, published_token("RS256", "next")))[0] != 200:
        assert datetime.now(UTC) < deadline
    provider.fails = True
    for kid in ("rsa", "next"):
        assert (await status_of(federated, published_token("RS256", kid)))[0] == 200


async def test_a_provider_that_never_answered_is_no_reason_to_refuse_for_good(
    gateway_settings: Settings, provider: Provider
) -> None:
    provider.fails = True
    async with serving(provider.app) as url, opened(gateway_settings, jwt_jwks_url=f"{url}/keys") as gateway:
        token = published_token("RS256", "rsa")
        async with browser(gateway, Authorization=f"Bearer {token}") as client:
            assert_refused(await client.get("/me"), 503, "SERVICE_UNAVAILABLE")
            provider.fails = False
            deadline = datetime.now(UTC) + timedelta(seconds=30)
            while (await client.get("/me")).status_code != 200:
                assert datetime.now(UTC) < deadline


@pytest.mark.parametrize(
    "token",
    [
        encoded({"alg": "none"}, claims(role="admin")) + ".",
        encoded({"alg": "NONE"}, claims()) + ".",
        encoded({"alg": ["HS256"]}, claims()) + ".AAAA",
        encoded({"alg": None}, claims()) + ".AAAA",
        encoded({}, claims()) + ".AAAA",
        encoded({"alg": "HS256", "crit": ["exp"]}, claims()) + ".AAAA",
        encoded({"alg": "HS256", "b64": False}, claims()) + ".AAAA",
        encoded({"alg": "HS256"}, {"a": "b" * 20_000}) + ".AAAA",
        "..",
        "a.b.c.d.e",
        "é.é.é".encode().decode("latin-1"),
        "Bearer",
        "null",
    ],
    ids=range(13),
)
async def test_what_only_looks_like_a_token_is_refused(gateway: Gateway, token: str) -> None:
    async with browser(gateway) as client:
        answer = await client.get("/me", headers={"Authorization": f"Bearer {token}".encode("latin-1")})  # type: ignore[dict-item]
    body = assert_refused(answer, 401, "UNAUTHENTICATED")
    assert body["detail"].startswith("Invalid token")


async def test_without_authentication_everybody_is_the_local_user_but_no_other_site(gateway_settings: Settings) -> None:
    async with opened(gateway_settings, enable_auth=False) as gateway:
        async with browser(gateway) as client:
            user = (await client.get("/api/user")).json()
            assert (user["email"], user["role"]) == ("developer@example.com", "admin")
            assert (await client.get("/api/admin/users")).status_code == 200
        async with browser(gateway, Origin="https://evil.example.org") as client:
            assert_refused(await client.get("/api/user"), 403, "CSRF_FAILED")
    production = replace(
        gateway_settings,
        app=AppSettings(environment=Environment.PRODUCTION),
        auth=AuthSettings(enable_auth=False),
    )
    with pytest.raises(AuthConfigError, match="production"):
        await open_gateway(production).__aenter__()


async def test_a_key_in_the_settings_and_published_ones_count_beside_each_other(
    gateway_settings: Settings, provider: Provider
) -> None:
    auth = {"jwt_verify_key": SecretStr(SECRET)}
    async with serving(provider.app) as url, opened(gateway_settings, jwt_jwks_url=f"{url}/keys", **auth) as gateway:
        assert (await status_of(gateway, published_token("RS256", "rsa")))[0] == 200
        assert (await status_of(gateway, jwt.encode(claims(), SECRET, algorithm="HS256")))[0] == 200
        for key in (a_key("RS256", "rsa").public_pem, json.dumps(a_key("RS256", "rsa").jwk)):
            assert (await status_of(gateway, signed_as_hmac(key, kid="rsa")))[0] == 401
