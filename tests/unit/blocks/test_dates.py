from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.blocks._examples import StoppedClock
from activities.blocks.dates import GetCurrentDateAndTimeBlock, GetCurrentDateBlock, GetCurrentTimeBlock
from models.blocks import Block
from models.errors import BlockError, BlockInputError
from tests.unit.blocks.running import make_context, run_block

CLOCK = StoppedClock("2026-10-25T00:30:05.000007+00:00")
BLOCKS = [GetCurrentTimeBlock, GetCurrentDateBlock, GetCurrentDateAndTimeBlock]


def iso(**options: Any) -> dict[str, Any]:
    return {"discriminator": "iso8601", **options}


def pattern(format: str, **options: Any) -> dict[str, Any]:
    return {"discriminator": "strftime", "format": format, **options}


async def ask(block: type[Block[Any]], *, user_timezone: str = "UTC", **values: Any) -> str:
    context = replace(make_context(clock=CLOCK), user_timezone=user_timezone)
    [(_, value)] = await run_block(block, {"trigger": "go", **values}, context=context)
    return value


@pytest.mark.parametrize(
    ("block", "values", "written"),
    [
        (GetCurrentTimeBlock, {}, "00:30:05"),
        (GetCurrentTimeBlock, {"format_type": {"discriminator": "strftime"}}, "00:30:05"),
        (GetCurrentTimeBlock, {"format_type": pattern("%H:%M", timezone="Asia/Kathmandu")}, "06:15"),
        (GetCurrentTimeBlock, {"format_type": iso()}, "T00:30:05+00:00"),
        (GetCurrentTimeBlock, {"format_type": iso(include_microseconds=True)}, "T00:30:05.000007+00:00"),
        (GetCurrentTimeBlock, {"format_type": iso(timezone="America/St_Johns")}, "T22:00:05-02:30"),
        (GetCurrentTimeBlock, {"format": "%I %p"}, "12 AM"),
        (GetCurrentDateBlock, {}, "2026-10-25"),
        (GetCurrentDateBlock, {"offset": "7"}, "2026-10-18"),
        (GetCurrentDateBlock, {"offset": -1}, "2026-10-26"),
        (GetCurrentDateBlock, {"offset": "soon"}, "2026-10-25"),
        (GetCurrentDateBlock, {"offset": "1.5"}, "2026-10-25"),
        (GetCurrentDateBlock, {"offset": 2.0}, "2026-10-23"),
        (GetCurrentDateBlock, {"offset": "7", "format_type": pattern("%m/%d/%Y")}, "10/18/2026"),
        (GetCurrentDateBlock, {"offset": "0", "format_type": iso(timezone="UTC")}, "2026-10-25"),
        (GetCurrentDateBlock, {"format_type": iso(timezone="Pacific/Honolulu")}, "2026-10-24"),
        (GetCurrentDateBlock, {"format": "%d.%m.%y"}, "25.10.26"),
        (GetCurrentDateBlock, {"format": "%d", "format_type": pattern("%m")}, "10"),
        (GetCurrentDateAndTimeBlock, {}, "2026-10-25 00:30:05"),
        (GetCurrentDateAndTimeBlock, {"format_type": pattern("%Y/%m/%d")}, "2026/10/25"),
        (GetCurrentDateAndTimeBlock, {"format_type": iso(timezone="Europe/Paris")}, "2026-10-25T02:30:05+02:00"),
        (GetCurrentDateAndTimeBlock, {"format_type": pattern("")}, ""),
        (GetCurrentDateAndTimeBlock, {"format_type": pattern("%Y年")}, "2026年"),
    ],
)
async def test_formats(block: type[Block[Any]], values: dict[str, Any], written: str) -> None:
    assert await ask(block, **values) == written


async def test_the_users_zone() -> None:
    in_user_zone = pattern("%H:%M", use_user_timezone=True, timezone="Asia/Tokyo")
    assert await ask(GetCurrentTimeBlock, format_type=in_user_zone, user_timezone="America/New_York") == "20:30"
    assert await ask(GetCurrentTimeBlock, format_type=in_user_zone, user_timezone="") == "09:30"
    assert await ask(GetCurrentTimeBlock, format_type=in_user_zone, user_timezone="No/Where") == "09:30"
    assert await ask(GetCurrentTimeBlock, format_type=in_user_zone, user_timezone="../../etc/passwd") == "09:30"
    assert await ask(GetCurrentTimeBlock, format_type=pattern("%H"), user_timezone="America/New_York") == "00"


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "format_type", ["%Y", {}, {"discriminator": "other"}, iso(timezone="Mars/Base"), iso(timezone=None)]
)
async def test_wrong_formats(block: type[Block[Any]], format_type: object) -> None:
    with pytest.raises(BlockInputError, match="pin 'format_type'"):
        await ask(block, format_type=format_type)


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_trigger_is_needed(block: type[Block[Any]]) -> None:
    with pytest.raises(BlockInputError, match="pin 'trigger' needs a value"):
        await ask(block, trigger=None)


@pytest.mark.parametrize("offset", [10**9, -(10**9), str(10**30)])
async def test_days_out_of_the_calendar(offset: object) -> None:
    with pytest.raises(BlockError, match="no such date"):
        await ask(GetCurrentDateBlock, offset=offset)


@pytest.mark.parametrize("format", ["%Y" * 1_000, "\ud800"])
async def test_patterns_that_cannot_be_written(format: str) -> None:
    with pytest.raises(BlockError, match="The format"):
        await ask(GetCurrentTimeBlock, format_type=pattern(format))


async def test_without_a_clock_of_the_server_it_is_now() -> None:
    [(_, written)] = await run_block(GetCurrentDateAndTimeBlock, {"trigger": "go", "format_type": iso()})
    assert abs(datetime.fromisoformat(written) - datetime.now(UTC)) < timedelta(minutes=5)


def test_schemas_tell_the_variants_apart_without_references() -> None:
    format_type = GetCurrentTimeBlock.input_schema()["properties"]["format_type"]
    assert format_type["discriminator"] == {"propertyName": "discriminator"}
    assert [variant["properties"]["discriminator"]["const"] for variant in format_type["oneOf"]] == [
        "strftime",
        "iso8601",
    ]
    assert GetCurrentTimeBlock.has_input_pin("format", {})
    assert "format" not in GetCurrentTimeBlock.input_schema()["properties"]
