"""Events from outside that node executions wait for."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class AwaitedEventRow(SQLModel, table=True):
    """`token_hash`: SHA-256 in hex of the token that delivers the event; `schema`: JSON Schema of its payload."""

    __tablename__ = "awaited_events"  # pyright: ignore[reportAssignmentType]

    node_exec_id: str = Field(primary_key=True, sa_type=Text)
    generation: int = Field(primary_key=True)
    graph_exec_id: str = Field(sa_type=Text, index=True)
    user_id: str = Field(sa_type=Text)
    node_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    token_hash: str = Field(sa_type=Text, unique=True)
    payload_schema: dict[str, Any] | None = Field(default=None, sa_column=Column("schema", JSONB(none_as_null=True)))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    status: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
