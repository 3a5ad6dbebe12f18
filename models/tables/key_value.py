"""What blocks keep beyond a run."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class KeyValueRow(SQLModel, table=True):
    """A JSON value of a user. Nothing ties it to the graph whose block wrote it: it may outlive the graph."""

    __tablename__ = "key_values"  # pyright: ignore[reportAssignmentType]

    user_id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    value: Any = Field(sa_column=Column(JSONB, nullable=False))
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
