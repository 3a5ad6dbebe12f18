"""Whose account a login at a provider elsewhere opens, against whoever claims addresses."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from infra.settings import IdentitySettings, Settings
from tests.accounts import Person, browser, mail_token, new_address
from tests.gateway import Gateway, assert_refused
from tests.oidc_server import OidcServer
from tests.security.oidc_logins import federated_with, log_in, me, refused_login


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
