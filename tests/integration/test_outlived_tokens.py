"""Refresh tokens that are made while their user is logged out everywhere, suspended, or given a new password."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import text

from infra.migrate import database_for
from infra.postgres import Database
from models.errors import ForbiddenError, UnauthenticatedError
from models.ids import UserId
from models.users import User, UserStatus
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.token_issuer import TokenIssuer
from services.gateway.features.identity.service import IdentityService
from tests.accounts import Person
from tests.gateway import Gateway
from tests.polling import eventually

ORIGIN = RequestOrigin(address="192.0.2.1", user_agent="Test", request_id=None)


@pytest_asyncio.fixture
async def database(gateway: Gateway) -> AsyncIterator[Database]:
    opened = database_for(gateway.settings.postgres.database_url.get_secret_value(), application_name="watcher")
    yield opened
    await opened.close()


async def somebody(gateway: Gateway) -> User:
    user_id = UserId(await (await Person.register(gateway)).user_id())
    async with gateway.container.units() as unit:
        account = await unit.accounts.find(user_id)
    assert account is not None
    return account.user


async def test_a_password_that_was_checked_before_a_log_out_everywhere_gives_no_tokens(gateway: Gateway) -> None:
    user = await somebody(gateway)
    await IdentityService(gateway.container).log_out_everywhere(user, ORIGIN)
    with pytest.raises(UnauthenticatedError):
        async with gateway.container.units() as unit:
            await TokenIssuer(gateway.container).begin(unit, user)


async def test_a_password_that_was_checked_before_a_suspension_gives_no_tokens(gateway: Gateway) -> None:
    user = await somebody(gateway)
    async with gateway.container.units() as unit:
        await unit.users.set_status(user.id, UserStatus.SUSPENDED, now=datetime.now(UTC))
    with pytest.raises(ForbiddenError):
        async with gateway.container.units() as unit:
            await TokenIssuer(gateway.container).begin(unit, user)


async def test_a_refresh_token_counts_only_with_the_version_of_its_user(gateway: Gateway) -> None:
    user, issuer = await somebody(gateway), TokenIssuer(gateway.container)
    async with gateway.container.units() as unit:
        pair = await issuer.begin(unit, user)
    async with gateway.container.units() as unit:
        await unit.accounts.raise_token_version(user.id, now=datetime.now(UTC))
    with pytest.raises(UnauthenticatedError):
        await issuer.refresh(pair.refresh_token, ORIGIN)


async def test_logging_out_everywhere_waits_for_tokens_that_are_being_made(
    gateway: Gateway, database: Database
) -> None:
    user, issuer = await somebody(gateway), TokenIssuer(gateway.container)
    async with gateway.container.units() as unit:
        pair = await issuer.begin(unit, user)
        ending = asyncio.create_task(IdentityService(gateway.container).log_out_everywhere(user, ORIGIN))

        async def waits() -> bool:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE users%'"
            )
            async with database.transaction() as session:
                return ending.done() or bool(await session.scalar(text(query)))

        await eventually(waits, seconds=20)
        assert not ending.done()
    await ending
    with pytest.raises(UnauthenticatedError):
        await issuer.refresh(pair.refresh_token, ORIGIN)


async def test_many_refreshes_and_log_outs_at_once_leave_no_good_token_and_fail_in_no_other_way(
    gateway: Gateway,
) -> None:
    user, issuer = await somebody(gateway), TokenIssuer(gateway.container)
    identity = IdentityService(gateway.container)
    good: list[str] = []
    for _ in range(6):
        async with gateway.container.units() as unit:
            good.append((await issuer.begin(unit, user)).refresh_token)
    ends = await asyncio.gather(
        *(issuer.refresh(raw, ORIGIN) for raw in good[:3]),
        identity.log_out_everywhere(user, ORIGIN),
        *(issuer.refresh(raw, ORIGIN) for raw in good[2:]),
        *(issuer.end(raw, ORIGIN) for raw in good[4:]),
        return_exceptions=True,
    )
    failures = [end for end in ends if isinstance(end, BaseException)]
    assert [failure for failure in failures if not isinstance(failure, UnauthenticatedError)] == []
    made = [end.refresh_token for end in ends if end is not None and not isinstance(end, BaseException)]
    for raw in made:
        with pytest.raises(UnauthenticatedError):
            await issuer.refresh(raw, ORIGIN)
