"""How the first administrator of an installation is made."""

from datetime import datetime

from sqlalchemy import DateTime, SmallInteger, Text
from sqlmodel import Field, SQLModel


class FirstSetupRow(SQLModel, table=True):
    """The only row. The setup token follows from `salt` and a key that is not in the database."""

    __tablename__ = "first_setup"  # pyright: ignore[reportAssignmentType]

    id: int = Field(default=1, primary_key=True, sa_type=SmallInteger)
    salt: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
