"""Postgres: whether it answers, has our schema, and agrees with us about the time."""

import socket
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.migrate import alembic_config
from infra.postgres import Database
from infra.settings import PostgresSettings
from models.errors import ConfigurationError

OLDEST_SUPPORTED: Final = 14
SMALL_SKEW: Final = timedelta(seconds=2)
LARGE_SKEW: Final = timedelta(seconds=30)

_INSPECT: Final = text("SELECT current_setting('server_version'), clock_timestamp()")
_HAS_RUNS: Final = text("SELECT EXISTS (SELECT 1 FROM graph_executions)")


async def check_postgres(settings: PostgresSettings, *, is_ours: bool) -> list[Finding]:
    """`is_ours`: the server is one that the stack here has started."""
    try:
        database = Database(settings, application_name="perdure doctor")
    except ConfigurationError:
        return [problem("postgres", "DATABASE_URL cannot be used.", "See the check of the settings.")]
    url = database.engine.url
    try:
        async with database.engine.connect() as connection:
            asked = datetime.now(UTC)
            version, server_time = (await connection.execute(_INSPECT)).one()
            middle = asked + (datetime.now(UTC) - asked) / 2
            revision = await connection.run_sync(_revision)
    except Exception as error:
        return [explain(error, url, is_ours=is_ours)]
    finally:
        await database.close()
    scripts = ScriptDirectory.from_config(alembic_config())
    known = {script.revision for script in scripts.walk_revisions()}
    return [
        judge_version(str(version), url),
        judge_schema(revision, wanted=scripts.get_current_head(), known=known),
        judge_clock(server_time - middle),
    ]


async def has_runs(settings: PostgresSettings) -> bool:
    """Whether the database holds executions; False also where that cannot be told."""
    try:
        database = Database(settings, application_name="perdure doctor")
    except ConfigurationError:
        return False
    try:
        async with database.engine.connect() as connection:
            return bool(await connection.scalar(_HAS_RUNS))
    except Exception:
        return False
    finally:
        await database.close()


def judge_version(version: str, url: URL) -> Finding:
    major = version.partition(".")[0].partition(" ")[0]
    if major.isdecimal() and int(major) < OLDEST_SUPPORTED:
        hint = f"Upgrade to PostgreSQL {OLDEST_SUPPORTED} or later: this one gets no corrections any more."
        return warning("postgres", f"PostgreSQL {version} at {_place(url)} is old.", hint)
    return ok("postgres", f"PostgreSQL {version} at {_place(url)}, database {url.database!r}.")


def judge_schema(found: str | None, *, wanted: str | None, known: Collection[str]) -> Finding:
    """`known`: the revisions that this release has migrations for, `wanted` the last of them."""
    if found == wanted:
        return ok("schema", f"The schema is at revision {found}.")
    if found is None:
        return problem("schema", "The database has no schema yet.", "Run `perdure migrate`.")
    if found in known:
        message = f"The schema is behind: at revision {found}, this release needs {wanted}."
        return problem("schema", message, "Run `perdure migrate`.")
    message = f"The schema is at revision {found!r}, which this release does not know: a newer one has migrated it."
    return problem("schema", message, f"Install the newer release of Perdure; this one needs revision {wanted}.")


def judge_clock(ahead: timedelta) -> Finding:
    """`ahead`: by how much the clock of Postgres is ahead of ours."""
    skew = abs(ahead)
    if skew < SMALL_SKEW:
        return ok("clock", "Our clock and that of Postgres agree.")
    direction = "ahead of" if ahead > timedelta(0) else "behind"
    message = f"The clock of Postgres is {skew.total_seconds():.0f} s {direction} ours."
    hint = "Synchronise both clocks (NTP): tokens, time limits and the order of events rely on them."
    return problem("clock", message, hint) if skew >= LARGE_SKEW else warning("clock", message, hint)


def explain(error: Exception, url: URL, *, is_ours: bool) -> Finding:
    """Why a connection failed, told from the first cause that says something."""
    place, logs = _place(url), "See `perdure logs postgres`." if is_ours else ""
    for cause in _causes(error):
        match cause:
            case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
                message = f"Postgres at {place} refuses user {url.username!r}: wrong password, or no such user."
                return problem(
                    "postgres", message, "Correct user and password in DATABASE_URL (special characters as %XX)."
                )
            case asyncpg.InvalidCatalogNameError():
                message = f"Postgres at {place} has no database {url.database!r}."
                return problem("postgres", message, f"Make it (`createdb {url.database}`), then run `perdure migrate`.")
            case asyncpg.CannotConnectNowError():
                return problem(
                    "postgres", f"Postgres at {place} is starting or stopping.", f"Try again. {logs}".strip()
                )
            case asyncpg.TooManyConnectionsError():
                hint = "Raise max_connections, or lower DATABASE_POOL_SIZE of the processes."
                return problem("postgres", f"Postgres at {place} has no connection free.", hint)
            case asyncpg.PostgresError():
                message = f"Postgres at {place} answers, but not to our questions ({type(cause).__name__})."
                return problem("postgres", message, f"User {url.username!r} must own the database {url.database!r}.")
            case socket.gaierror():
                message = f"The host of DATABASE_URL, {url.host!r}, is not known."
                return problem("postgres", message, "Correct the host in DATABASE_URL.")
            case TimeoutError():
                message = f"Postgres at {place} does not answer in time."
                return problem("postgres", message, logs or "Check the network and firewalls between it and us.")
            case OSError():
                message = f"Nothing listens at {place}: Postgres is not running there."
                return problem("postgres", message, logs or "Start it, or correct host and port in DATABASE_URL.")
            case _:
                continue
    message = f"Postgres at {place} cannot be used ({type(error).__name__})."
    return problem("postgres", message, logs or "Check DATABASE_URL and the log of the server.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.orig if isinstance(error, DBAPIError) and error.orig else error.__cause__ or error.__context__


def _place(url: URL) -> str:
    return f"{url.host}:{url.port or 5432}"


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
