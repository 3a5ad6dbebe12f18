"""Waiting for time and for events."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from activities.blocks._services import now
from activities.payload_schema import check_schema
from models.blocks import (
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockExample,
    BlockInput,
    BlockOutput,
    Emission,
    ExecutorKind,
    WaitingBlock,
    pin,
)
from models.errors import BlockError, InvalidRequestError
from models.waits import AwaitEvent, Delay, Delivered, NoWait, WaitEnd

MAX_REPEAT = 1000

_TIME_OF_DAY = re.compile(r"[Tt]?[0-9]{2}:")
"""Without its colon a time of day might as well be a year or a date."""


class CountdownTimerInput(BlockInput):
    input_message: Any = pin("timer finished", advanced=False, description="What to emit")
    seconds: int | str = pin(0, advanced=False, description="Seconds to wait")
    minutes: int | str = pin(0, advanced=False, description="Minutes to wait")
    hours: int | str = pin(0, advanced=False, description="Hours to wait")
    days: int | str = pin(0, advanced=False, description="Days to wait")
    repeat: int = pin(1, description="How many times to wait and emit")


class CountdownTimerOutput(BlockOutput):
    output_message: Any = pin(description="The message, after each wait")


class CountdownTimerBlock(WaitingBlock[CountdownTimerInput]):
    """The wait survives everything and occupies no worker."""

    id = "d67a9c52-5e4e-11e2-bcfd-0800200c9a71"
    description = "Waits for a time, then emits a message; as often as it is told."
    Input = CountdownTimerInput
    Output = CountdownTimerOutput
    categories = (BlockCategory.TEXT,)
    executor = ExecutorKind.TIMER
    examples = (
        BlockExample(
            title="Without any time to wait",
            input={"input_message": "now", "repeat": 2},
            output=(("output_message", "now"), ("output_message", "now")),
        ),
    )

    async def run(self, input: CountdownTimerInput, context: BlockContext) -> AsyncIterator[Emission]:
        seconds = _total_seconds(input)
        for _ in range(_repeats(input)):
            if seconds > 0:
                await asyncio.sleep(seconds)
            yield "output_message", input.input_message

    async def plan_wait(self, input: CountdownTimerInput, context: BlockContext) -> Delay | NoWait:
        seconds, count = _total_seconds(input), _repeats(input)
        emission = ("output_message", input.input_message)
        if seconds <= 0 or count == 0:
            return NoWait((emission,) * count)
        return Delay(
            first_at=_after(now(context), seconds), emissions=(emission,), count=count, every_seconds=float(seconds)
        )


def _total_seconds(input: CountdownTimerInput) -> int:
    parts = ((input.seconds, 1), (input.minutes, 60), (input.hours, 3600), (input.days, 86_400))
    try:
        return sum(int(amount) * factor for amount, factor in parts)
    except ValueError as error:
        raise BlockError("Seconds, minutes, hours and days must be whole numbers.") from error


def _repeats(input: CountdownTimerInput) -> int:
    if input.repeat > MAX_REPEAT:
        raise BlockError(f"`repeat` may be {MAX_REPEAT} at most.")
    return max(0, input.repeat)


def _after(now: datetime, seconds: int) -> datetime:
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError as error:
        raise BlockError("The wait is longer than the calendar.") from error


class WaitUntilInput(BlockInput):
    value: Any = pin(None, advanced=False, description="What to emit then")
    at: str = pin(
        description="A date and time, or only a time of day, which is the next such time",
        placeholder="2027-03-28T09:00 or 09:00",
    )
    timezone: str | None = pin(None, description="IANA name for times without an offset; your own if empty")


class WaitUntilOutput(BlockOutput):
    value: Any = pin(description="The value, when the time has come")


class WaitUntilBlock(WaitingBlock[WaitUntilInput]):
    """A time of day means what clocks on the wall show, also across a change to summer time. A time that clocks skip
    counts as the moment after the gap; one that comes twice is its first."""

    id = "d3ce477b-e076-48d0-b934-b2ae9118828c"
    description = "Waits until a date and time, then passes a value on. A time in the past passes it on at once."
    Input = WaitUntilInput
    Output = WaitUntilOutput
    categories = (BlockCategory.LOGIC,)
    executor = ExecutorKind.TIMER
    examples = (
        BlockExample(title="In the past", input={"value": 1, "at": "2020-01-01T00:00:00Z"}, output=(("value", 1),)),
        BlockExample(title="No time", input={"value": 1, "at": "soon"}, error="'soon' is no date and time"),
    )

    async def run(self, input: WaitUntilInput, context: BlockContext) -> AsyncIterator[Emission]:
        delay = (_moment(input, context) - now(context)).total_seconds()
        if delay > 0:
            await asyncio.sleep(delay)
        yield "value", input.value

    async def plan_wait(self, input: WaitUntilInput, context: BlockContext) -> Delay | NoWait:
        at = _moment(input, context)
        emissions = (("value", input.value),)
        return Delay(first_at=at, emissions=emissions) if at > now(context) else NoWait(emissions)


def _moment(input: WaitUntilInput, context: BlockContext) -> datetime:
    name = input.timezone or context.user_timezone
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BlockError(f"{name[:100]!r} is no timezone. Give an IANA name such as 'Europe/Berlin'.") from error
    text = input.at.strip()
    try:
        if _TIME_OF_DAY.match(text):
            return _next(time.fromisoformat(text), zone, now(context))
        at = datetime.fromisoformat(text)
        return _instant(at if at.tzinfo else at.replace(tzinfo=zone))
    except (ValueError, OverflowError) as error:
        raise BlockError(f"{text[:100]!r} is no date and time. Write 2027-03-28T09:00 or 09:00.") from error


def _next(of_day: time, zone: ZoneInfo, now: datetime) -> datetime:
    day = now.astimezone(of_day.tzinfo or zone).date()
    for days in range(3):
        at = _instant(datetime.combine(day + timedelta(days=days), of_day, of_day.tzinfo or zone))
        if at > now:
            return at
    raise BlockError("There is no such time of day within the next days.")


def _instant(wall: datetime) -> datetime:
    """In UTC. A time that clocks skip is the moment after the gap."""
    late = wall.astimezone(UTC)
    if late.astimezone(wall.tzinfo).replace(tzinfo=None, fold=0) == wall.replace(tzinfo=None, fold=0):
        return late
    early = wall.replace(fold=1).astimezone(UTC)
    after = late.astimezone(wall.tzinfo).utcoffset()
    while late - early > timedelta(microseconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(wall.tzinfo).utcoffset() == after:
            late = middle
        else:
            early = middle
    return late


class WaitForEventInput(BlockInput):
    name: str = pin(description="Name under which the event is delivered")
    payload_schema: dict[str, Any] | None = pin(None, description="JSON Schema that the payload must satisfy")
    expires_after_seconds: float | None = pin(None, gt=0, description="How long to wait; for ever if empty")


class WaitForEventOutput(BlockOutput):
    token: str = pin(description="Delivers the event once, without a login; emitted before the wait begins")
    payload: Any = pin(description="What came with the event")
    expired: bool = pin(description="True if nothing came in time")


class WaitForEventBlock(WaitingBlock[WaitForEventInput]):
    id = "49473e26-7b45-47bd-836a-22566136fee4"
    description = "Waits for an event that your systems deliver through the API."
    Input = WaitForEventInput
    Output = WaitForEventOutput
    categories = (BlockCategory.LOGIC,)
    executor = ExecutorKind.EVENT_WAIT
    effect = BlockEffect.READ

    async def run(self, input: WaitForEventInput, context: BlockContext) -> AsyncIterator[Emission]:
        raise BlockError("Events are awaited only in a run of a graph.")
        yield "", None

    async def plan_wait(self, input: WaitForEventInput, context: BlockContext) -> AwaitEvent:
        if input.payload_schema is not None:
            _check_schema(input.payload_schema)
        seconds = input.expires_after_seconds
        return AwaitEvent(
            name=input.name,
            schema=input.payload_schema,
            expires_at=_after(now(context), int(seconds) or 1) if seconds is not None else None,
            emit_token="token",  # noqa: S106 - the name of a pin
        )

    async def resume(self, input: WaitForEventInput, end: WaitEnd, context: BlockContext) -> AsyncIterator[Emission]:
        if isinstance(end, Delivered):
            yield "payload", end.payload
        else:
            yield "expired", True


def _check_schema(schema: dict[str, Any]) -> None:
    try:
        check_schema(schema)
    except InvalidRequestError as error:
        raise BlockError(f"`payload_schema`: {error.message}") from error
