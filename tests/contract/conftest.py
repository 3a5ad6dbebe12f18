"""Units of work on a migrated database."""

from collections.abc import AsyncIterator

import pytest_asyncio

from infra.migrate import database_for, upgrade_database
from infra.unit_of_work import UnitsOfWork
from models.stores import UnitOfWorkFactory


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def units(database_url: str) -> AsyncIterator[UnitOfWorkFactory]:
    await upgrade_database(database_url)
    database = database_for(database_url, application_name="contract")
    yield UnitsOfWork(database)
    await database.close()
