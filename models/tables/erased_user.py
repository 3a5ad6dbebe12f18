"""Who was erased, so that tokens from before do not bring them back, and what is still to be cleaned up."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ErasedUserRow(SQLModel, table=True):
    """`key_id` is that of the account, which is never reused; the id may come back with another account.

    `runs`: ids of executions that may have written after the erasure; none once that was cleaned up.
    """

    __tablename__ = "erased_users"  # pyright: ignore[reportAssignmentType]
    __table_args__ = ({"info": {"kept_on_erasure": True}},)

    key_id: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_type=Text, index=True)
    erased_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    runs: list[str] = Field(default_factory=list[str], sa_column=Column(JSONB, nullable=False))
    cleaned_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
