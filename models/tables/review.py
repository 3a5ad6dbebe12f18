"""Reviews: what a person is to decide about, and what they decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ReviewRow(SQLModel, table=True):
    """A review of a node execution. `payload` and `reviewed_data` are wire values; the latter is null unless edited."""

    __tablename__ = "reviews"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_reviews_waiting", "user_id", "created_at", postgresql_where=text("status = 'WAITING'")),
        Index("ix_reviews_run", "graph_exec_id", "created_at"),
    )

    node_exec_id: str = Field(primary_key=True, sa_type=Text)
    generation: int = Field(primary_key=True)
    graph_exec_id: str = Field(sa_type=Text)
    node_id: str = Field(sa_type=Text)
    user_id: str = Field(sa_type=Text)
    graph_id: str = Field(sa_type=Text)
    graph_version: int
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    instructions: str = Field(sa_type=Text)
    editable: bool
    status: str = Field(sa_type=Text)
    review_message: str | None = Field(default=None, sa_type=Text)
    reviewed_data: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    was_edited: bool | None = None
    decided_by: str | None = Field(default=None, sa_type=Text)
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    reviewed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
