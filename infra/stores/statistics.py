"""SQL for figures about the whole installation."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from models.api_keys import ApiKeyStatus
from models.tables.api_key import ApiKeyRow
from models.tables.audit_entry import AuditEntryRow
from models.tables.execution import GraphExecutionRow
from models.tables.graph import GraphRow
from models.tables.preset import PresetRow
from models.tables.user import UserRow

_TABLES: Final[Mapping[str, type[SQLModel]]] = {
    "users": UserRow,
    "graph_versions": GraphRow,
    "presets": PresetRow,
    "audit_entries": AuditEntryRow,
}


class SqlStatisticsStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count_objects(self) -> Mapping[str, int]:
        counts = {
            name: await self._session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in _TABLES.items()
        }
        active = select(func.count()).where(col(ApiKeyRow.status) == ApiKeyStatus.ACTIVE.value)
        counts["active_api_keys"] = await self._session.scalar(active) or 0
        return counts

    async def count_executions(self) -> Mapping[str, int]:
        status = col(GraphExecutionRow.status)
        rows = await self._session.execute(select(status, func.count()).group_by(status))
        return {row[0]: row[1] for row in rows}

    async def database_version(self) -> str:
        return str(await self._session.scalar(text("SHOW server_version")))
