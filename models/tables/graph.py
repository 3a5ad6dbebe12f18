"""Graph versions with their nodes and links. A version never changes; saving a graph adds one."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, ForeignKey, ForeignKeyConstraint, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class GraphRow(SQLModel, table=True):
    """One version. Deleting a graph sets `deleted_at` on all its versions: runs of it stay readable."""

    __tablename__ = "graphs"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ux_graphs_one_active", "id", unique=True, postgresql_where=text("is_active")),
        Index("ix_graphs_user_updated", "user_id", "updated_at"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    user_id: str = Field(sa_column=Column(Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False))
    is_active: bool
    name: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    instructions: str | None = Field(default=None, sa_type=Text)
    recommended_schedule_cron: str | None = Field(default=None, sa_type=Text)
    forked_from_id: str | None = Field(default=None, sa_type=Text)
    forked_from_version: int | None = None
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


def _to_graph() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["graph_id", "graph_version"], ["graphs.id", "graphs.version"], ondelete="CASCADE")


class NodeRow(SQLModel, table=True):
    """`ordinal`: place among the nodes of the graph, from 0. Ids are the client's and survive versions."""

    __tablename__ = "nodes"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_to_graph(),)

    graph_id: str = Field(primary_key=True, sa_type=Text)
    graph_version: int = Field(primary_key=True)
    id: str = Field(primary_key=True, sa_type=Text)
    ordinal: int
    block_id: str = Field(sa_type=Text)
    input_default: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    node_metadata: dict[str, Any] = Field(default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False))


class LinkRow(SQLModel, table=True):
    """`ordinal`: place among the links of the graph, which is the order in which values travel."""

    __tablename__ = "links"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_to_graph(),)

    graph_id: str = Field(primary_key=True, sa_type=Text)
    graph_version: int = Field(primary_key=True)
    id: str = Field(primary_key=True, sa_type=Text)
    ordinal: int
    source_id: str = Field(sa_type=Text)
    sink_id: str = Field(sa_type=Text)
    source_name: str = Field(sa_type=Text)
    sink_name: str = Field(sa_type=Text)
    is_static: bool
