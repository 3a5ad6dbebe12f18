"""Users. They come into being with the first valid token, so nothing but the id identifies one."""

from datetime import datetime

from sqlalchemy import DateTime, Index, Text, func
from sqlmodel import Field, SQLModel


class UserRow(SQLModel, table=True):
    """`key_id` names the user's encryption key and ends every workflow id; it is never reused."""

    __tablename__ = "users"  # pyright: ignore[reportAssignmentType]

    id: str = Field(primary_key=True, sa_type=Text)
    email: str = Field(sa_type=Text)
    name: str | None = Field(default=None, sa_type=Text)
    role: str = Field(default="user", sa_type=Text)
    timezone: str = Field(default="not-set", sa_type=Text)
    key_id: str = Field(sa_type=Text, unique=True)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    last_login_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


Index("ix_users_email_lower", func.lower(UserRow.__table__.c.email))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType]
