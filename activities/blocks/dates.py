"""The current time and date."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from pydantic import model_validator

from activities.blocks._examples import StoppedClock
from activities.blocks._time_formats import (
    DateFormat,
    DateTimeFormat,
    ISODateFormat,
    ISOTimeFormat,
    TimeFormat,
    local_time,
    write_pattern,
)
from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockExample,
    BlockInput,
    BlockOutput,
    Emission,
    pin,
)
from models.errors import BlockError

_LEGACY_FORMAT = "format"
_NOON = {"clock": StoppedClock("2026-03-29T12:30:45.678901+00:00")}
_FORMAT_TITLE = "How it is written"


class _TimeInput(BlockInput):
    trigger: str = pin(description="Any text: its arrival asks for the time")

    @model_validator(mode="before")
    @classmethod
    def _take_legacy_format(cls, values: Any) -> Any:
        """Old exports have the pattern on a pin of its own."""
        if isinstance(values, dict) and isinstance(values.get(_LEGACY_FORMAT), str) and "format_type" not in values:
            return {**values, "format_type": {"discriminator": "strftime", "format": values[_LEGACY_FORMAT]}}
        return values


class GetCurrentTimeInput(_TimeInput):
    format_type: TimeFormat | ISOTimeFormat = pin(
        TimeFormat(discriminator="strftime"), discriminator="discriminator", description=_FORMAT_TITLE
    )


class GetCurrentTimeOutput(BlockOutput):
    time: str = pin(description="The time of day")


class GetCurrentTimeBlock(Block[GetCurrentTimeInput]):
    id = "a892b8d9-3e4e-4e9c-9c1e-75f8efcf1bfa"
    description = "Gives the current time of day."
    Input = GetCurrentTimeInput
    Output = GetCurrentTimeOutput
    categories = (BlockCategory.TEXT,)
    effect = BlockEffect.READ
    legacy_pins = (_LEGACY_FORMAT,)
    examples = (
        BlockExample(title="In UTC", input={"trigger": "go"}, services=_NOON, output=(("time", "12:30:45"),)),
        BlockExample(
            title="ISO 8601 in another zone, after its clocks went forward",
            input={"trigger": "go", "format_type": {"discriminator": "iso8601", "timezone": "Europe/Paris"}},
            services=_NOON,
            output=(("time", "T14:30:45+02:00"),),
        ),
    )

    async def run(self, input: GetCurrentTimeInput, context: BlockContext) -> AsyncIterator[Emission]:
        format = input.format_type
        moment = local_time(format, context)
        if isinstance(format, ISOTimeFormat):
            yield "time", "T" + format.write(moment).partition("T")[2]
        else:
            yield "time", write_pattern(moment, format.format)


class GetCurrentDateInput(_TimeInput):
    offset: int | str = pin(0, title="Days Offset", description="Days to go back; text that is no number counts as 0")
    format_type: DateFormat | ISODateFormat = pin(
        DateFormat(discriminator="strftime"), discriminator="discriminator", description=_FORMAT_TITLE
    )


class GetCurrentDateOutput(BlockOutput):
    date: str = pin(description="The date")


class GetCurrentDateBlock(Block[GetCurrentDateInput]):
    """The offset is subtracted: 7 is a week ago, -1 tomorrow."""

    id = "b29c1b50-5d0e-4d9f-8f9d-1b0e6fcbf0b1"
    description = "Gives the current date, or one some days before or after it."
    Input = GetCurrentDateInput
    Output = GetCurrentDateOutput
    categories = (BlockCategory.TEXT,)
    effect = BlockEffect.READ
    legacy_pins = (_LEGACY_FORMAT,)
    examples = (
        BlockExample(
            title="A week ago",
            input={"trigger": "go", "offset": "7"},
            services=_NOON,
            output=(("date", "2026-03-22"),),
        ),
        BlockExample(
            title="Tomorrow by a pattern, where the day has begun already",
            input={
                "trigger": "go",
                "offset": -1,
                "format_type": {"discriminator": "strftime", "format": "%d.%m.%Y", "timezone": "Pacific/Kiritimati"},
            },
            services=_NOON,
            output=(("date", "31.03.2026"),),
        ),
    )

    async def run(self, input: GetCurrentDateInput, context: BlockContext) -> AsyncIterator[Emission]:
        format = input.format_type
        try:
            day = local_time(format, context) - timedelta(days=_days(input.offset))
        except OverflowError:
            raise BlockError("There is no such date: the offset is too large.") from None
        yield "date", day.date().isoformat() if isinstance(format, ISODateFormat) else write_pattern(day, format.format)


class GetCurrentDateAndTimeInput(_TimeInput):
    format_type: DateTimeFormat | ISOTimeFormat = pin(
        DateTimeFormat(discriminator="strftime"), discriminator="discriminator", description=_FORMAT_TITLE
    )


class GetCurrentDateAndTimeOutput(BlockOutput):
    date_time: str = pin(description="The date and the time of day")


class GetCurrentDateAndTimeBlock(Block[GetCurrentDateAndTimeInput]):
    id = "716a67b3-6760-42e7-86dc-18645c6e00fc"
    description = "Gives the current date and time of day."
    Input = GetCurrentDateAndTimeInput
    Output = GetCurrentDateAndTimeOutput
    categories = (BlockCategory.TEXT,)
    effect = BlockEffect.READ
    legacy_pins = (_LEGACY_FORMAT,)
    examples = (
        BlockExample(
            title="In UTC", input={"trigger": "go"}, services=_NOON, output=(("date_time", "2026-03-29 12:30:45"),)
        ),
        BlockExample(
            title="ISO 8601 with microseconds",
            input={"trigger": "go", "format_type": {"discriminator": "iso8601", "include_microseconds": True}},
            services=_NOON,
            output=(("date_time", "2026-03-29T12:30:45.678901+00:00"),),
        ),
    )

    async def run(self, input: GetCurrentDateAndTimeInput, context: BlockContext) -> AsyncIterator[Emission]:
        format = input.format_type
        moment = local_time(format, context)
        is_iso = isinstance(format, ISOTimeFormat)
        yield "date_time", format.write(moment) if is_iso else write_pattern(moment, format.format)


def _days(offset: int | str) -> int:
    try:
        return int(offset)
    except ValueError:
        return 0
