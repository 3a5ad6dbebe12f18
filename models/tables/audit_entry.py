"""The audit log. A trigger of the database refuses every change of a row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class AuditEntryRow(SQLModel, table=True):
    """No foreign keys: entries outlive users and objects."""

    __tablename__ = "audit_log"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_audit_log_owner_at", "owner_id", "at"),
        Index("ix_audit_log_actor_at", "actor_id", "at"),
        Index("ix_audit_log_object", "object_kind", "object_id"),
        Index("ix_audit_log_at", "at"),
        {"info": {"kept_on_erasure": True}},
    )

    id: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    actor_id: str | None = Field(default=None, sa_type=Text)
    actor_kind: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    object_kind: str = Field(sa_type=Text)
    object_id: str | None = Field(default=None, sa_type=Text)
    owner_id: str | None = Field(default=None, sa_type=Text)
    address: str | None = Field(default=None, sa_type=Text)
    user_agent: str | None = Field(default=None, sa_type=Text)
    request_id: str | None = Field(default=None, sa_type=Text)
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
