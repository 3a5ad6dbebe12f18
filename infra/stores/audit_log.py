"""SQL for the audit log."""

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.paging import read_page
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
        newest_first = (col(AuditEntryRow.at).desc(), col(AuditEntryRow.id).desc())
        return await read_page(self._session, wanted, page, *newest_first, convert=_entry)


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


def _entry(row: AuditEntryRow) -> AuditEntry:
    return AuditEntry.model_validate(row.model_dump())
