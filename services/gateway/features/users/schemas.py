"""The caller's own account."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field

from models.users import TIMEZONE_NOT_SET, User
from services.gateway.text_fields import PlainName

DAILY_MAILS: Final = 10
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

    name: PlainName | None = None
    email: EmailStr | None = None
    timezone: Annotated[str, Field(max_length=100), AfterValidator(_known_timezone)] | None = None


class NotificationKind(StrEnum):
    """What a user can be told by mail."""

    AGENT_RUN = "AGENT_RUN"
    ZERO_BALANCE = "ZERO_BALANCE"
    LOW_BALANCE = "LOW_BALANCE"
    BLOCK_EXECUTION_FAILED = "BLOCK_EXECUTION_FAILED"
    CONTINUOUS_AGENT_ERROR = "CONTINUOUS_AGENT_ERROR"
    DAILY_SUMMARY = "DAILY_SUMMARY"
    WEEKLY_SUMMARY = "WEEKLY_SUMMARY"
    MONTHLY_SUMMARY = "MONTHLY_SUMMARY"
    AGENT_APPROVED = "AGENT_APPROVED"
    AGENT_REJECTED = "AGENT_REJECTED"


class TimezoneIn(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    timezone: Annotated[str, Field(max_length=100), AfterValidator(_known_timezone)]


class TimezoneOut(BaseModel):
    """`timezone`: an IANA name, or "not-set"."""

    timezone: str


class PreferencesIn(BaseModel):
    """What is left out, or null, stays as it is. `daily_limit`: mails a day at most."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    preferences: Annotated[dict[NotificationKind, bool], Field(fail_fast=True)] | None = None
    daily_limit: Annotated[int, Field(ge=0, le=1_000)] | None = None


class PreferencesOut(BaseModel):
    """`email`: where notifications go; every kind there is has a value in `preferences`."""

    user_id: str
    email: str
    preferences: dict[NotificationKind, bool]
    daily_limit: int


class UserSettingsIn(PreferencesIn):
    """`console`: whatever the console wants to find again, as a whole."""

    timezone: Annotated[str, Field(max_length=100), AfterValidator(_known_timezone)] | None = None
    console: dict[str, Any] | None = None


class UserSettingsOut(BaseModel):
    timezone: str
    preferences: dict[NotificationKind, bool]
    daily_limit: int
    console: dict[str, Any]


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


def notifications_of(stored: Mapping[str, Any]) -> dict[NotificationKind, bool]:
    """What a user wants to be told: everything they have not switched off."""
    chosen: Mapping[str, Any] = stored.get("notifications", {})
    return {kind: bool(chosen.get(kind.value, True)) for kind in NotificationKind}


def preferences_out(user: User, stored: Mapping[str, Any]) -> PreferencesOut:
    return PreferencesOut(
        user_id=user.id,
        email=user.email,
        preferences=notifications_of(stored),
        daily_limit=stored.get("daily_limit", DAILY_MAILS),
    )


def settings_out(user: User, stored: Mapping[str, Any]) -> UserSettingsOut:
    return UserSettingsOut(
        timezone=user.timezone,
        preferences=notifications_of(stored),
        daily_limit=stored.get("daily_limit", DAILY_MAILS),
        console=stored.get("console", {}),
    )
