"""API keys, found by the hash of the raw key."""

from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ApiKeyRow(SQLModel, table=True):
    """`permissions`: list of names. The raw key is kept nowhere."""

    __tablename__ = "api_keys"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_column=Column(Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True))
    name: str = Field(sa_type=Text)
    description: str | None = Field(default=None, sa_type=Text)
    prefix: str = Field(sa_type=Text)
    postfix: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text, unique=True)
    permissions: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    status: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
