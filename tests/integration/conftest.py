"""A migrated database for the tests that need one."""

import pytest_asyncio

from infra.migrate import upgrade_database


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_url(database_url: str) -> str:
    """Address of a database with the schema of this release."""
    await upgrade_database(database_url)
    return database_url
