"""A provider elsewhere, and a gateway whose users log in there."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio

from infra.settings import Settings
from tests.accounts import new_address
from tests.gateway import Gateway, open_gateway
from tests.oidc_server import OidcServer, oidc_server
from tests.security.oidc_logins import oidc_settings


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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def federated(gateway_settings: Settings, one_provider: OidcServer) -> AsyncIterator[Gateway]:
    async with open_gateway(oidc_settings(gateway_settings, one_provider)) as gateway:
        yield gateway
