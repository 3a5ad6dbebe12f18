"""Migrated databases: units of work on the shared one, and an empty one for the recorders."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.migrate import database_for, upgrade_database
from infra.postgres import Database
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.unit_of_work import UnitsOfWork
from models.stores import UnitOfWorkFactory
from models.wire import RunIdentity
from tests.contract.runs import identity
from tests.contract.waits import InMemory, OnPostgres, Waits
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


@pytest.fixture
def recorder(migrated_database: Database) -> PostgresExecutionRecorder:
    return PostgresExecutionRecorder(migrated_database)


@pytest.fixture
def run() -> RunIdentity:
    return identity()


@pytest.fixture(params=["memory", "postgres"])
async def waits(request: pytest.FixtureRequest, run: RunIdentity, migrated_database: Database) -> Waits:
    """The run has begun."""
    waits: Waits = InMemory() if request.param == "memory" else OnPostgres(migrated_database)
    await waits.begin(run)
    return waits
