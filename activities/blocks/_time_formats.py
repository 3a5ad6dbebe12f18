"""How the time blocks write what they find: a choice of zone, and of a pattern or ISO 8601."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field

from activities.blocks._services import now
from models.blocks import BlockContext
from models.errors import BlockError

TimeZone = Literal[
    "UTC",
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Caracas",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Atlantic/South_Georgia",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Paris",
    "Europe/Athens",
    "Europe/Moscow",
    "Asia/Tehran",
    "Asia/Dubai",
    "Asia/Kabul",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Dhaka",
    "Asia/Yangon",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Australia/Eucla",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Noumea",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Tongatapu",
    "Pacific/Kiritimati",
    "Etc/GMT-12",
    "Etc/GMT+12",
]
"""One for every offset from UTC that is in use."""

MAX_FORMAT_CHARACTERS = 1_000


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    timezone: TimeZone = Field(default="UTC", description="Time zone")
    use_user_timezone: bool = Field(default=False, description="Use the time zone of the user's profile instead")


class TimeFormat(_Format):
    """A pattern of `strftime`."""

    discriminator: Literal["strftime"]
    format: str = Field(default="%H:%M:%S", description="Pattern, as for strftime")


class DateFormat(_Format):
    """A pattern of `strftime`."""

    discriminator: Literal["strftime"]
    format: str = Field(default="%Y-%m-%d", description="Pattern, as for strftime")


class DateTimeFormat(_Format):
    """A pattern of `strftime`."""

    discriminator: Literal["strftime"]
    format: str = Field(default="%Y-%m-%d %H:%M:%S", description="Pattern, as for strftime")


class ISODateFormat(_Format):
    """ISO 8601."""

    discriminator: Literal["iso8601"]


class ISOTimeFormat(_Format):
    """ISO 8601, with the offset from UTC."""

    discriminator: Literal["iso8601"]
    include_microseconds: bool = Field(default=False, description="Write microseconds too")

    def write(self, moment: datetime) -> str:
        return moment.isoformat(timespec="microseconds" if self.include_microseconds else "seconds")


def local_time(format: _Format, context: BlockContext) -> datetime:
    """Now, in the zone that the format asks for. A user without a zone has that of the format."""
    moment = now(context)
    if format.use_user_timezone and context.user_timezone:
        try:
            return moment.astimezone(ZoneInfo(context.user_timezone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return moment.astimezone(ZoneInfo(format.timezone))


def write_pattern(moment: datetime, pattern: str) -> str:
    """Raises BlockError for a pattern that cannot be written."""
    if len(pattern) > MAX_FORMAT_CHARACTERS:
        raise BlockError(f"The format has more than {MAX_FORMAT_CHARACTERS} characters. Shorten it.")
    try:
        return moment.strftime(pattern)
    except (ValueError, UnicodeError) as error:
        raise BlockError(f"The format {pattern[:60]!r} cannot be used: {error}.") from None
