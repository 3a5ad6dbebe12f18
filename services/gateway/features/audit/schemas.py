"""Entries of the audit log as people read them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from models.audit import ActorKind, AuditEntry
from models.pages import Page, PageRequest
from services.gateway.pagination import Pagination, pagination_of


class AuditEntryOut(BaseModel):
    """Who did what to which object, and from where. `actor_id` is null while nobody knew who it was."""

    id: str
    at: datetime
    actor_id: str | None
    actor_kind: ActorKind
    action: str
    object_kind: str
    object_id: str | None
    owner_id: str | None
    address: str | None
    user_agent: str | None
    request_id: str | None
    details: dict[str, Any]


class AuditPageOut(BaseModel):
    entries: list[AuditEntryOut]
    pagination: Pagination


def audit_page_out(found: Page[AuditEntry], page: PageRequest, *, reader_id: str | None) -> AuditPageOut:
    """A page for the owner `reader_id`, or (None) for administrators.

    Where another than the owner acted, the owner does not learn from where.
    """
    return AuditPageOut(
        entries=[_entry_out(entry, reader_id=reader_id) for entry in found.items],
        pagination=pagination_of(found, page),
    )


def _entry_out(entry: AuditEntry, *, reader_id: str | None) -> AuditEntryOut:
    shown = AuditEntryOut(**entry.model_dump())
    if reader_id is None or entry.actor_id in (None, reader_id):
        return shown
    return shown.model_copy(update={"address": None, "user_agent": None, "request_id": None})
