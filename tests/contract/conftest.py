"""Migrated databases: units of work on the shared one, and an empty one for the recorder."""

from collections.abc import AsyncIterator

import pytest_asyncio

from infra.migrate import database_for, upgrade_database
from infra.postgres import Database
from infra.unit_of_work import UnitsOfWork
from models.stores import UnitOfWorkFactory
from tests.databases import fresh_database


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def units(database_url: str) -> AsyncIterator[UnitOfWorkFactory]:
    await upgrade_database(database_url)
    database = database_for(database_url, application_name="contract")
    yield UnitsOfWork(database)
    await database.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_database(database_url: str) -> AsyncIterator[Database]:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        database = database_for(url, application_name="tests")
        yield database
        await database.close()
