"""One transaction with all stores on it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from infra.postgres import Database
from infra.stores.accounts import SqlAccountStore, SqlMailTokenStore, SqlPreferenceStore, SqlRefreshTokenStore
from infra.stores.api_keys import SqlApiKeyStore
from infra.stores.audit_log import SqlAuditLog
from infra.stores.awaited_events import SqlAwaitedEventStore
from infra.stores.erasures import SqlErasureStore
from infra.stores.execution_controls import SqlControlStore
from infra.stores.executions import SqlExecutionStore
from infra.stores.external_identities import SqlExternalIdentityStore
from infra.stores.first_setup import SqlFirstSetupStore
from infra.stores.graph_settings import SqlGraphSettingsStore
from infra.stores.graphs import SqlGraphStore
from infra.stores.idempotency_keys import SqlIdempotencyStore
from infra.stores.presets import SqlPresetStore
from infra.stores.reviews import SqlReviewStore
from infra.stores.statistics import SqlStatisticsStore
from infra.stores.users import SqlUserStore
from models.stores import UnitOfWork


class SqlUnitOfWork:
    def __init__(self, session: AsyncSession) -> None:
        self.users = SqlUserStore(session)
        self.accounts = SqlAccountStore(session)
        self.refresh_tokens = SqlRefreshTokenStore(session)
        self.mail_tokens = SqlMailTokenStore(session)
        self.identities = SqlExternalIdentityStore(session)
        self.erasures = SqlErasureStore(session)
        self.first_setup = SqlFirstSetupStore(session)
        self.preferences = SqlPreferenceStore(session)
        self.api_keys = SqlApiKeyStore(session)
        self.graphs = SqlGraphStore(session)
        self.executions = SqlExecutionStore(session)
        self.idempotency_keys = SqlIdempotencyStore(session)
        self.presets = SqlPresetStore(session)
        self.graph_settings = SqlGraphSettingsStore(session)
        self.reviews = SqlReviewStore(session)
        self.awaited_events = SqlAwaitedEventStore(session)
        self.controls = SqlControlStore(session)
        self.audit = SqlAuditLog(session)
        self.statistics = SqlStatisticsStore(session)


class UnitsOfWork:
    """Opens units of work on a database; a `UnitOfWorkFactory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[UnitOfWork]:
        async with self._database.transaction() as session:
            yield SqlUnitOfWork(session)
