"""Rows that executions of one node collect within a run."""

from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class CollectedRowsRow(SQLModel, table=True):
    """What one node execution brought: `row_count` JSON values of `size_bytes` together, in the order of `position`.

    `taken_by`: the node execution that got them, null while they wait. They stay, so that it may ask again.
    """

    __tablename__ = "collected_rows"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_collected_rows_taken_by", "graph_exec_id", "node_id", "taken_by"),)

    graph_exec_id: str = Field(primary_key=True, sa_type=Text)
    node_id: str = Field(primary_key=True, sa_type=Text)
    node_exec_id: str = Field(primary_key=True, sa_type=Text)
    position: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))
    rows: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    row_count: int = Field(sa_type=Integer)
    size_bytes: int = Field(sa_type=BigInteger)
    taken_by: str | None = Field(default=None, sa_type=Text)
