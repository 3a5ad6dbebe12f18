"""The migrated schema, and what happens when several processes migrate at once."""

import asyncio

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from infra.dev_access import ensure_dev_api_key
from infra.migrate import alembic_config, check_schema, database_for, upgrade_database
from infra.unit_of_work import UnitsOfWork
from models.api_keys import APIKeyManager, ApiKeyStatus, Permission
from models.errors import ConfigurationError, ConflictError
from models.ids import UserId
from models.pages import PageRequest
from tests.databases import fresh_database


async def test_the_migrated_schema_is_the_one_the_tables_declare(database_url: str) -> None:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        database = database_for(url, application_name="test")
        async with database.transaction() as session:
            differences = await (await session.connection()).run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync), SQLModel.metadata)
            )
        await database.close()
        assert differences == []


async def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    async with fresh_database(database_url) as url:
        await asyncio.gather(*(upgrade_database(url) for _ in range(6)))
        await upgrade_database(url)
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
        await connection.close()


async def test_an_unmigrated_and_a_newer_database_are_refused(database_url: str) -> None:
    async with fresh_database(database_url) as url:
        database = database_for(url, application_name="test")
        with pytest.raises(ConfigurationError, match="perdure migrate"):
            await check_schema(database)
        await upgrade_database(url)
        await check_schema(database)
        async with database.transaction() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(ConfigurationError, match="9999"):
            await check_schema(database)
        await database.close()


async def test_the_migration_can_be_taken_back(database_url: str) -> None:
    async with fresh_database(database_url) as url:
        database = database_for(url, application_name="test")

        def run(sync: Connection) -> None:
            config = alembic_config()
            config.attributes["connection"] = sync
            command.upgrade(config, "head")
            command.downgrade(config, "base")

        async with database.transaction() as session:
            await (await session.connection()).run_sync(run)
            left = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            assert set(left) == {"alembic_version"}
        await database.close()


async def test_a_migration_that_cannot_get_its_locks_gives_up_and_changes_nothing(database_url: str) -> None:
    async with fresh_database(database_url) as url:
        busy = await asyncpg.connect(url)
        transaction = busy.transaction()
        await transaction.start()
        await busy.execute("CREATE TABLE users (id text)")
        with pytest.raises(ConflictError, match="pg_stat_activity"):
            await upgrade_database(url)
        await transaction.rollback()
        assert await busy.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        await upgrade_database(url)
        await busy.close()


async def test_the_developers_key_is_made_once_and_renewed(database_url: str) -> None:
    raw = APIKeyManager().generate_api_key().raw
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        for _ in range(2):
            await ensure_dev_api_key(url, user_id="dev", raw_key=raw)
        database = database_for(url, application_name="test")
        async with UnitsOfWork(database)() as unit:
            (key,) = (await unit.api_keys.list_of_user(UserId("dev"), PageRequest())).items
            assert key.permissions == frozenset(Permission)
            await unit.api_keys.set_status(UserId("dev"), key.id, ApiKeyStatus.REVOKED, now=key.created_at)
        await ensure_dev_api_key(url, user_id="dev", raw_key=raw)
        async with UnitsOfWork(database)() as unit:
            (found,) = (await unit.api_keys.list_of_user(UserId("dev"), PageRequest())).items
            assert (found.id, found.status, found.revoked_at) == (key.id, ApiKeyStatus.ACTIVE, None)
            assert found.hash == key.hash
        await database.close()


async def test_a_malformed_developer_key_is_refused_before_anything_is_written(database_url: str) -> None:
    with pytest.raises(ValueError, match="agpt_"):
        await ensure_dev_api_key(database_url, user_id="dev", raw_key="agpt_short")
