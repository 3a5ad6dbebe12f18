"""SQL for the audit log."""

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.audit import AuditEntry, AuditQuery
from models.pages import Page, PageRequest
from models.tables.audit_entry import AuditEntryRow


class SqlAuditLog:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def record(self, entry: AuditEntry) -> None:
        values = {**entry.model_dump(), "actor_kind": entry.actor_kind.value}
        await self._session.execute(insert(AuditEntryRow).values(values))

    async def list_entries(self, query: AuditQuery, page: PageRequest) -> Page[AuditEntry]:
        wanted = _matching(query)
        rows = await self._session.scalars(
            wanted.order_by(col(AuditEntryRow.at).desc(), col(AuditEntryRow.id).desc())
            .offset(page.offset)
            .limit(page.page_size)
        )
        items = tuple(AuditEntry.model_validate(row.model_dump()) for row in rows)
        total = await self._session.scalar(select(func.count()).select_from(wanted.subquery()))
        return Page(items=items, total_items=total or 0)


def _matching(query: AuditQuery) -> Select[AuditEntryRow]:
    wanted = select(AuditEntryRow)
    for name in ("owner_id", "actor_id", "action", "object_kind", "object_id"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(col(getattr(AuditEntryRow, name)) == value)
    if query.since is not None:
        wanted = wanted.where(col(AuditEntryRow.at) >= query.since)
    if query.until is not None:
        wanted = wanted.where(col(AuditEntryRow.at) < query.until)
    return wanted
