"""Who did what to a running execution."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ExecutionControlRow(SQLModel, table=True):
    """`id` tells the controls of one run apart."""

    __tablename__ = "execution_controls"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_execution_controls_run_at", "graph_exec_id", "at"),)

    graph_exec_id: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    node_exec_id: str | None = Field(default=None, sa_type=Text)
    requested_by: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
