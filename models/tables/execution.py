"""Projections of graph executions and node executions. The truth is the workflow; these rows are rebuilt from it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Text, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class GraphExecutionRow(SQLModel, table=True):
    """A run. `inputs`: name -> wire value; `outputs`: one wire value (an object, inline or by reference).

    `nodes_input_masks`: node id -> pin -> wire value, as the caller gave them; null without any. `phase` numbers the
    changes of status, pause and their reason while the run goes on.
    """

    __tablename__ = "graph_executions"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_graph_executions_user_created", "user_id", "created_at"),
        Index("ix_graph_executions_graph_created", "graph_id", "created_at"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_type=Text)
    graph_id: str = Field(sa_type=Text)
    graph_version: int
    status: str = Field(sa_type=Text)
    status_rank: int
    inputs: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    outputs: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    nodes_input_masks: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    trigger: str = Field(default="manual", sa_type=Text)
    preset_id: str | None = Field(default=None, sa_type=Text)
    parent_graph_exec_id: str | None = Field(default=None, sa_type=Text, index=True)
    stats: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    error: str | None = Field(default=None, sa_type=Text)
    error_code: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    paused_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    phase: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    status_reason: str | None = Field(default=None, sa_type=Text)


class NodeExecutionRow(SQLModel, table=True):
    """One firing of a node. `inputs`: pin -> wire value; `outputs`: [[pin, wire value], ...] in emission order.

    `wait`: what it waits for, null once it has ended.
    """

    __tablename__ = "node_executions"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_node_executions_run_seq", "graph_exec_id", "route_seq"),
        Index("ix_node_executions_run_node", "graph_exec_id", "node_id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    graph_exec_id: str = Field(sa_type=Text)
    user_id: str = Field(sa_type=Text)
    graph_id: str = Field(sa_type=Text)
    graph_version: int
    node_id: str = Field(sa_type=Text)
    block_id: str = Field(sa_type=Text)
    firing: int
    generation: int = 0
    attempt: int = 1
    status: str = Field(sa_type=Text)
    status_rank: int
    route_seq: int
    inputs: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    outputs: list[Any] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    error: str | None = Field(default=None, sa_type=Text)
    error_code: str | None = Field(default=None, sa_type=Text)
    queued_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    execution_time: float | None = None
    wait: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    pinned: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))


class ExecutionClaimRow(SQLModel, table=True):
    """An attempt of a block with side effects has begun; no later attempt may begin them again."""

    __tablename__ = "execution_claims"  # pyright: ignore[reportAssignmentType]

    node_exec_id: str = Field(primary_key=True, sa_type=Text)
    generation: int = Field(primary_key=True)
    graph_exec_id: str = Field(sa_type=Text, index=True)
    attempt: int
    claimed_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class IdempotencyKeyRow(SQLModel, table=True):
    """Which execution an `Idempotency-Key` of a user started, and with which request."""

    __tablename__ = "idempotency_keys"  # pyright: ignore[reportAssignmentType]

    user_id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    body_sha256: str = Field(sa_type=Text)
    graph_exec_id: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
