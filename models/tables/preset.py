"""Presets: saved inputs of a graph version."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class PresetRow(SQLModel, table=True):
    """`inputs` and `credentials` by name. Nothing ties a preset to its graph, which may be deleted before it."""

    __tablename__ = "presets"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_presets_user_updated", "user_id", "updated_at"),
        Index("ix_presets_user_graph", "user_id", "graph_id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_column=Column(Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False))
    graph_id: str = Field(sa_type=Text)
    graph_version: int
    name: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    inputs: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    credentials: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    is_active: bool
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
