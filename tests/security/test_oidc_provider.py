"""A provider elsewhere that is away, makes no sense or does not know us."""

from typing import Any

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from tests.accounts import browser
from tests.gateway import Gateway, assert_refused
from tests.oidc_server import OidcServer, visit_provider
from tests.polling import eventually
from tests.security.oidc_logins import CALLBACK, LOGIN, depart, federated_with, log_in


async def test_a_provider_that_is_away_is_503_and_tells_nothing(federated: Gateway, provider: OidcServer) -> None:
    async with browser(federated) as client:
        back = await visit_provider(await depart(client))
        provider.down = True
        answer = await client.get(back)
        assert_refused(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "secret of the provider" not in answer.text
        assert provider.issuer not in answer.text
        # Where its endpoints are is known, and not asked again.
        asked = list(provider.asked)
        await depart(client)
        assert provider.asked == asked


async def test_a_provider_that_never_answered_is_asked_again_later(
    gateway_settings: Settings, provider: OidcServer
) -> None:
    provider.down = True
    async with federated_with(gateway_settings, provider) as gateway, browser(gateway) as client:
        for _ in range(20):
            assert_refused(await client.get(LOGIN), 503, "SERVICE_UNAVAILABLE")
        assert len(provider.asked) <= 5
        provider.down = False

        async def is_back() -> bool:
            return (await client.get(LOGIN)).status_code == 302

        await eventually(is_back)
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


async def test_without_such_a_provider_there_is_no_such_login(gateway: Gateway) -> None:
    async with browser(gateway) as client:
        assert_refused(await client.get(LOGIN), 404, "NOT_FOUND")
        assert_refused(await client.get(CALLBACK, params={"state": "x"}), 404, "NOT_FOUND")
