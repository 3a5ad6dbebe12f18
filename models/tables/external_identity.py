"""Logins of other identity providers that open accounts here."""

from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKey, Text
from sqlmodel import Field, SQLModel


class ExternalIdentityRow(SQLModel, table=True):
    """`subject` is what the provider `issuer` calls somebody for ever; addresses may change hands."""

    __tablename__ = "external_identities"  # pyright: ignore[reportAssignmentType]

    issuer: str = Field(primary_key=True, sa_type=Text)
    subject: str = Field(primary_key=True, sa_type=Text)
    user_id: str = Field(sa_column=Column(Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True))
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
