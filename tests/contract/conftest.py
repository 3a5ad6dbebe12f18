"""A migrated database for the ports that live in it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from pydantic import SecretStr

from infra.migrate import upgrade_database
from infra.postgres import Database
from infra.settings import PostgresSettings
from tests.databases import fresh_database


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_database(database_url: str) -> AsyncIterator[Database]:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        database = Database(PostgresSettings(database_url=SecretStr(url)), application_name="tests")
        yield database
        await database.close()
