"""Gateways whose users log in at a provider elsewhere, and browsers that do so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from httpx2 import AsyncClient, Response
from pydantic import SecretStr

from infra.settings import OidcSettings, Settings
from tests.gateway import Gateway, assert_refused, open_gateway
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer, visit_provider

LOGIN = "/api/auth/oidc/login"
CALLBACK = "/api/auth/oidc/callback"
COOKIE = "__Host-perdure_login"


def oidc_settings(settings: Settings, provider: OidcServer, **changes: Any) -> Settings:
    values = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_return_paths": "/,/graphs",
        **changes,
    }
    return replace(settings, oidc=OidcSettings(**values))


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
