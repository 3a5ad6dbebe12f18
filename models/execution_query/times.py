"""Durations and points in time as people write them in a query.

A time stands for all of what it names: `2026-07-01` for that day, `2026-07-01T09:30` for that minute. So every time is
a span from its first instant to the first one after it. Nothing here depends on when or where the query is read: that
is known only when the span is asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

MICROSECOND: Final = timedelta(microseconds=1)
MAX_DURATION: Final = timedelta(days=36_500)
YEARS: Final = range(1970, 3000)
"""Far enough from the ends of the calendar that no timezone leads beyond them."""

_UNITS: Final[Mapping[str, timedelta]] = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|[smhdw])", re.IGNORECASE)
_SECONDS: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.IGNORECASE,
)


class Span(NamedTuple):
    """From `start` on, up to but without `end`; both in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Ago:
    """`-24h`; `now` is no time ago."""

    before: timedelta

    def span(self, now: datetime, zone: tzinfo) -> Span:
        at = now.astimezone(UTC) - self.before
        return Span(at, at + MICROSECOND)

    def __str__(self) -> str:
        return f"-{duration_text(self.before)}" if self.before else "now"


class NamedDay(StrEnum):
    TODAY = "today"
    YESTERDAY = "yesterday"

    def span(self, now: datetime, zone: tzinfo) -> Span:
        today = now.astimezone(zone).date()
        return Day(today if self is NamedDay.TODAY else today - timedelta(days=1)).span(now, zone)


@dataclass(frozen=True, slots=True)
class Day:
    day: date

    def span(self, now: datetime, zone: tzinfo) -> Span:
        return Span(_midnight(self.day, zone), _midnight(self.day + timedelta(days=1), zone))

    def __str__(self) -> str:
        return self.day.isoformat()


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` without a timezone is meant in the one of the reader; `width` is how much of time was named."""

    at: datetime
    width: timedelta

    def span(self, now: datetime, zone: tzinfo) -> Span:
        start = (self.at if self.at.tzinfo else self.at.replace(tzinfo=zone)).astimezone(UTC)
        return Span(start, start + self.width)

    def __str__(self) -> str:
        text = self.at.strftime("%Y-%m-%dT%H:%M")
        if self.width < timedelta(minutes=1):
            text += self.at.strftime(":%S")
        if self.width < timedelta(seconds=1):
            digits = 6 - (len(str(self.width // MICROSECOND)) - 1)
            text += f".{self.at.microsecond:06d}"[: digits + 1]
        offset = self.at.strftime("%z")
        return text + (f"{offset[:3]}:{offset[3:5]}" if offset else "")


TimeValue = Ago | NamedDay | Day | Moment


def parse_duration(text: str) -> timedelta | None:
    """`90`, `5m`, `1h30m`, `1.5d`; at most `MAX_DURATION`. None if it is none."""
    if _SECONDS.fullmatch(text):
        text += "s"
    total, end = Decimal(0), 0
    while match := _PART.match(text, end):
        unit = _UNITS[match[2].lower()] // MICROSECOND
        total, end = total + Decimal(match[1]) * unit, match.end()
    if end == 0 or end != len(text) or total > MAX_DURATION // MICROSECOND:
        return None
    return timedelta(microseconds=int(total))


def duration_text(duration: timedelta) -> str:
    """In the largest unit that needs no fraction, else in seconds."""
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if not duration % _UNITS[unit]:
            return f"{duration // _UNITS[unit]}{unit}"
    return f"{duration // timedelta(seconds=1)}.{duration.microseconds:06d}s"


def parse_time(text: str) -> TimeValue | None:
    """`-24h`, `now`, `today`, `yesterday`, `2026-07-01`, `2026-07-01T09:30:00.5+02:00`. None if it is none."""
    word = text.lower()
    if word == "now":
        return Ago(timedelta())
    if word in tuple(NamedDay):
        return NamedDay(word)
    if word.startswith("-"):
        # A number alone might mean anything.
        before = None if _SECONDS.fullmatch(word[1:]) else parse_duration(word[1:])
        return None if before is None else Ago(before)
    match = _TIME.fullmatch(text)
    try:
        return _of_calendar(match) if match else None
    except ValueError:
        return None  # a 13th month, a 25th hour


def _of_calendar(match: re.Match[str]) -> Day | Moment | None:
    day, hour, minute, second, fraction, offset = match.groups()
    on = date.fromisoformat(day)
    if on.year not in YEARS:
        return None
    if hour is None:
        return Day(on)
    microsecond = int((fraction or "").ljust(6, "0"))
    at = datetime.combine(on, time(int(hour), int(minute), int(second or 0), microsecond, _zone(offset)))
    if fraction:
        return Moment(at, MICROSECOND * 10 ** (6 - len(fraction)))
    return Moment(at, timedelta(minutes=1) if second is None else timedelta(seconds=1))


def _zone(offset: str | None) -> timezone | None:
    if offset is None:
        return None
    if offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if minutes > 59:
        raise ValueError(offset)
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if offset[0] == "-" else distance)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
