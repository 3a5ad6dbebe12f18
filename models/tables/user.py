"""Users, and what accounts that are kept here have beyond: passwords, refresh tokens, tokens sent by mail.

Users come into being with the first valid token, so nothing but the id identifies one; an address identifies only an
account that is kept here (`local`).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, Text, false, func, text
from sqlalchemy.dialects.postgresql import JSONB
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
    status: str = Field(default="ACTIVE", sa_column=Column(Text, nullable=False, server_default="ACTIVE"))
    local: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    token_version: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    email_verified_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    tokens_not_before: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    last_login_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


_columns = UserRow.__table__.c  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
Index("ix_users_email_lower", func.lower(_columns.email))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
Index(
    "uq_users_local_email",
    func.lower(_columns.email),  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    unique=True,
    postgresql_where=text("local"),
)


def _owner(*, primary_key: bool = False) -> "Column[str]":
    return Column(
        Text,
        ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        index=not primary_key,
    )


class PasswordRow(SQLModel, table=True):
    """`hash` is argon2's, with its parameters and salt."""

    __tablename__ = "passwords"  # pyright: ignore[reportAssignmentType]

    user_id: str = Field(sa_column=_owner(primary_key=True))
    hash: str = Field(sa_type=Text)
    changed_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class RefreshTokenRow(SQLModel, table=True):
    """`family_id` is that of the login which all successors of a token come from; `hash` is SHA-256 in hexadecimal."""

    __tablename__ = "refresh_tokens"  # pyright: ignore[reportAssignmentType]

    hash: str = Field(primary_key=True, sa_type=Text)
    family_id: str = Field(sa_type=Text, index=True)
    user_id: str = Field(sa_column=_owner())
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    token_version: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class MailTokenRow(SQLModel, table=True):
    """A token that was sent by mail, once usable; `email` is the address that it proves."""

    __tablename__ = "mail_tokens"  # pyright: ignore[reportAssignmentType]

    hash: str = Field(primary_key=True, sa_type=Text)
    purpose: str = Field(sa_type=Text)
    user_id: str = Field(sa_column=_owner())
    email: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class UserPreferencesRow(SQLModel, table=True):
    """What a user wants to be told, and settings of the console: objects of the gateway's schemas."""

    __tablename__ = "user_preferences"  # pyright: ignore[reportAssignmentType]

    user_id: str = Field(sa_column=_owner(primary_key=True))
    values: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
