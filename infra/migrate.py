"""Brings a database to the schema of this release, and tells whether it is there."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from infra.postgres import STATEMENT_TIMEOUT, Database
from infra.settings import PostgresSettings
from models.errors import ConfigurationError, ConflictError

_FOLDER: Final = Path(__file__).parent / "migrations"
_ADVISORY_LOCK: Final = 0x7065726475726500
"""Any number nobody else uses: processes that start together migrate one after the other."""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_WAIT_FOR_OTHERS: Final = "120s"
_WAIT_FOR_TABLES: Final = "5s"
"""A migration that cannot get its locks gives up, because everything else queues behind a waiting one."""


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def database_for(
    database_url: str, *, application_name: str, statement_timeout: timedelta | None = STATEMENT_TIMEOUT
) -> Database:
    """A database by its address alone, with two connections."""
    settings = PostgresSettings(database_url=SecretStr(database_url), database_pool_size=2)
    return Database(settings, application_name=application_name, statement_timeout=statement_timeout)


async def upgrade_database(database_url: str) -> None:
    """Applies the migrations that are missing; all of them or none. Safe when several processes do it at once.

    Raises:
        ServiceUnavailableError: Postgres does not answer.
        ConflictError: something else holds a table that has to be changed; nothing was.
    """
    database = database_for(database_url, application_name="perdure migrate", statement_timeout=None)
    try:
        async with database.transaction() as session:
            await session.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHERS}'"))
            await session.execute(text("SET LOCAL statement_timeout = 0"))
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            await session.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_FOR_TABLES}'"))
            connection = await session.connection()
            await connection.run_sync(_upgrade)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise ConflictError(
            "The database is in use by something that holds a lock the migration needs. Nothing was changed. "
            "Let it finish, or look for long transactions in pg_stat_activity, and migrate again."
        ) from error
    finally:
        await database.close()


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def check_schema(database: Database) -> None:
    """Refuses a database whose schema is not the one of this release.

    Raises:
        ConfigurationError: migrations are missing, or a newer release made them.
        ServiceUnavailableError: Postgres does not answer.
    """
    async with database.transaction() as session:
        connection = await session.connection()
        found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    wanted = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if found != wanted:
        raise ConfigurationError(
            f"The database schema is at revision {found!r}, but this release needs {wanted!r}. Run `perdure migrate`."
        )
