"""The database of a process: engine, transactions, and what an unreachable server becomes."""

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import asyncpg
import orjson
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from infra.settings import PostgresSettings
from infra.settings.servers import UNUSABLE_DATABASE_URL
from models.errors import ConfigurationError, ServiceUnavailableError

_CONNECT_SECONDS = 5
_POOL_SECONDS = 5
_IDLE_SECONDS = 1.0
"""Nothing is asked about a connection that was in use so recently; if it is lost all the same, one request fails."""

_USED_AT = "perdure_used_at"
STATEMENT_TIMEOUT = timedelta(seconds=30)
_UNAVAILABLE_STATES = ("08", "53", "57P")
"""SQLSTATE classes: connection exceptions, insufficient resources, operator intervention (shutdown, starting up)."""


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


class Database:
    """A pool of connections. Nothing connects before the first transaction, and a lost server is met again by itself.

    Args:
        application_name: what the server shows for our connections.
        statement_timeout: after it a statement counts as one that the server does not answer.
        ping_before_use: asks a pooled connection that nobody used for a while whether it still lives. Callers do
            without who repeat a failed call themselves.

    Raises:
        ConfigurationError: DATABASE_URL is none.
    """

    def __init__(
        self,
        settings: PostgresSettings,
        *,
        application_name: str,
        statement_timeout: timedelta | None = STATEMENT_TIMEOUT,
        ping_before_use: bool = True,
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            _address(settings),
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=_POOL_SECONDS,
            pool_recycle=1800,
            json_serializer=_dump,
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "command_timeout": statement_timeout.total_seconds() if statement_timeout else None,
                "server_settings": {"application_name": application_name},
            },
        )
        if ping_before_use:
            _ping_after_idling(self.engine)
        self._autocommitting = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """A session that commits when the block ends and rolls back when it raises.

        Raises:
            ServiceUnavailableError: Postgres does not answer, or has no connection free.
        """
        with _naming_unavailability():
            async with self._sessions() as session, session.begin():
                yield session

    @asynccontextmanager
    async def single_statement(self) -> AsyncGenerator[AsyncConnection]:
        """A connection on which every statement is its own transaction: one round trip instead of three.

        Raises:
            ServiceUnavailableError: as for `transaction`.
        """
        with _naming_unavailability():
            async with self._autocommitting.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Raises ServiceUnavailableError unless Postgres answers."""
        async with self.transaction() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


def _address(settings: PostgresSettings) -> URL:
    """What the library says of an address that it cannot read may quote its password."""
    try:
        return make_url(settings.async_url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(UNUSABLE_DATABASE_URL) from None


def _ping_after_idling(engine: AsyncEngine) -> None:
    """As SQLAlchemy's `pool_pre_ping`, which costs three round trips before every use, but only after a pause."""

    def note(_connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = time.monotonic()

    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get(_USED_AT, 0.0) < _IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            raise InvalidatePoolError("The connection was lost while nobody used it.") from error

    event.listen(engine.sync_engine, "connect", note)
    event.listen(engine.sync_engine, "checkin", note)
    event.listen(engine.sync_engine, "checkout", ping)


@contextmanager
def _naming_unavailability() -> Generator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not is_unavailable(error):
            raise
        raise ServiceUnavailableError(
            f"Postgres does not answer ({type(error).__name__}). Is it running, and is DATABASE_URL right?",
            user_message="The database does not answer. Please try again shortly.",
            details={"service": "postgres"},
        ) from error


def is_unavailable(error: BaseException) -> bool:
    """Whether an error of the driver says that the server is away, rather than that a statement is wrong."""
    if isinstance(error, OSError | PoolTimeoutError | asyncpg.InterfaceError):
        return True
    if isinstance(error, asyncpg.PostgresError):
        return str(getattr(error, "sqlstate", None) or "").startswith(_UNAVAILABLE_STATES)
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state:
            return state.startswith(_UNAVAILABLE_STATES)
        return isinstance(error, InterfaceError | OperationalError)
    return False
