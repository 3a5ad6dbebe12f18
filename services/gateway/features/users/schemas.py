"""The caller's own account."""

from datetime import datetime
from functools import cache
from typing import Annotated, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from models.users import TIMEZONE_NOT_SET, User

CREDITS_WITHOUT_LEDGER: Final = 100
"""What an installation that does not charge shows: clients refuse to run anything at a balance of 0."""


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones()) | {TIMEZONE_NOT_SET}


def _known_timezone(name: str) -> str:
    if name not in _timezones():
        raise ValueError("not an IANA timezone, such as Europe/Berlin")
    return name


class UserIn(BaseModel):
    """What a user may change; everything else in the body has no effect. Null leaves a field as it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = None
    email: EmailStr | None = None
    timezone: Annotated[str, Field(max_length=100), AfterValidator(_known_timezone)] | None = None


class UserOut(BaseModel):
    id: str
    email: str
    name: str | None
    display_name: str
    role: str
    timezone: str
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None
    credits: int = CREDITS_WITHOUT_LEDGER


class MeOut(BaseModel):
    user_id: str
    email: str


class CreditsOut(BaseModel):
    credits: int = CREDITS_WITHOUT_LEDGER


def user_out(user: User) -> UserOut:
    return UserOut(
        **user.model_dump(exclude={"key_id", "last_login_at"}),
        display_name=user.display_name,
        last_login=user.last_login_at,
    )
