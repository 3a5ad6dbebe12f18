"""What blocks that wait ask for, and how they go on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.blocks.agents import AgentExecutorBlock
from activities.blocks.human import HumanInTheLoopBlock
from activities.blocks.waiting import CountdownTimerBlock, WaitForEventBlock, WaitUntilBlock
from models.blocks import BlockContext, WaitingBlock
from models.coercion import build_input
from models.errors import BlockError
from models.waits import (
    AgentEnded,
    AskForReview,
    AwaitEvent,
    Decided,
    Delay,
    Delivered,
    Expired,
    NoWait,
    RunAgent,
    WaitEnd,
)
from tests.unit.blocks.running import make_context

NOW = datetime(2027, 3, 27, 12, 0, tzinfo=UTC)
"""The day before clocks go forward in Berlin."""


class Stopped:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def at(now: datetime = NOW, **changes: Any) -> BlockContext:
    context = make_context(clock=Stopped(now))
    return BlockContext(**{**{name: getattr(context, name) for name in BlockContext.__slots__}, **changes})


async def plan(block: type[WaitingBlock[Any]], context: BlockContext | None = None, **values: Any) -> Any:
    return await block().plan_wait(build_input(block, values), context or at())


async def resume(block: type[WaitingBlock[Any]], end: WaitEnd, **values: Any) -> list[tuple[str, Any]]:
    return [emission async for emission in block().resume(build_input(block, values), end, at())]


async def test_a_countdown_adds_up_its_parts() -> None:
    wait = await plan(CountdownTimerBlock, seconds="1", minutes=2, hours=3, days=4, repeat=5, input_message="m")
    seconds = 1 + 2 * 60 + 3 * 3600 + 4 * 86_400
    assert wait == Delay(
        first_at=NOW + timedelta(seconds=seconds),
        emissions=(("output_message", "m"),),
        count=5,
        every_seconds=float(seconds),
    )


@pytest.mark.parametrize("values", [{}, {"seconds": -5}, {"seconds": 5, "repeat": 0}])
async def test_a_countdown_without_time_does_not_wait(values: dict[str, Any]) -> None:
    assert isinstance(await plan(CountdownTimerBlock, **values), NoWait)


@pytest.mark.parametrize("values", [{"seconds": "soon"}, {"seconds": 1, "repeat": 1001}, {"days": 10**12}])
async def test_a_countdown_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BlockError):
        await plan(CountdownTimerBlock, **values)


@pytest.mark.parametrize(
    ("now", "text", "expected"),
    [
        ("2027-03-27T12:00", "09:00", "2027-03-28T07:00"),  # summer time from that night on
        ("2027-03-27T06:00", "09:00", "2027-03-27T08:00"),
        ("2027-03-27T12:00", "02:30", "2027-03-28T01:00"),  # clocks skip it: the moment after the gap
        ("2027-10-30T12:00", "02:30", "2027-10-31T00:30"),  # it comes twice: the first
        ("2027-03-27T12:00", "2027-03-28T09:00", "2027-03-28T07:00"),
        ("2027-03-27T12:00", "2027-03-28T09:00+00:00", "2027-03-28T09:00"),
        ("2027-03-27T12:00", "2027-03-28T09:00:00Z", "2027-03-28T09:00"),
        ("2027-03-27T12:00", "2027-04-01", "2027-03-31T22:00"),
        ("2027-03-27T12:00", "20270401", "2027-03-31T22:00"),  # no twenty-seven minutes past eight
        ("2027-03-27T12:00", "23:59:59+00:00", "2027-03-27T23:59:59"),
    ],
)
async def test_a_time_is_what_clocks_on_the_wall_show(now: str, text: str, expected: str) -> None:
    context = at(datetime.fromisoformat(now).replace(tzinfo=UTC), user_timezone="Europe/Berlin")
    wait = await plan(WaitUntilBlock, context, at=text, value=1)
    assert isinstance(wait, Delay)
    assert wait.first_at == datetime.fromisoformat(expected).replace(tzinfo=UTC)


async def test_a_zone_of_its_own_counts_before_the_users() -> None:
    wait = await plan(WaitUntilBlock, at(user_timezone="Europe/Berlin"), at="2027-04-01T09:00", timezone="Asia/Tokyo")
    assert wait.first_at == datetime(2027, 4, 1, 0, 0, tzinfo=UTC)


async def test_the_past_does_not_wait() -> None:
    assert await plan(WaitUntilBlock, at="2020-01-01T00:00", value="v") == NoWait((("value", "v"),))


@pytest.mark.parametrize(
    "values",
    [
        *({"at": text} for text in ("soon", "", "25:00", "2028", "2028-04", "0900", "0001-01-01T00:00")),
        {"at": "09:00", "timezone": "Mars/Base"},
    ],
)
async def test_what_is_no_time_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BlockError):
        await plan(WaitUntilBlock, at(user_timezone="Asia/Tokyo"), **values)


async def test_an_event_has_a_schema_and_an_end() -> None:
    wait = await plan(WaitForEventBlock, name="e", payload_schema={"type": "object"}, expires_after_seconds=60)
    assert wait == AwaitEvent(
        name="e",
        schema={"type": "object"},
        expires_at=NOW + timedelta(seconds=60),
        emit_token="token",
    )
    assert (await plan(WaitForEventBlock, name="e")).expires_at is None


@pytest.mark.parametrize("schema", [{"type": "nothing"}, {"patternProperties": {"(a+)+": {}}}, {"$ref": "http://x/y"}])
async def test_a_schema_that_cannot_be_checked_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BlockError, match="payload_schema"):
        await plan(WaitForEventBlock, name="e", payload_schema=schema)


async def test_events_emit_their_payload_or_that_they_expired() -> None:
    assert await resume(WaitForEventBlock, Delivered(payload=None), name="e") == [("payload", None)]
    assert await resume(WaitForEventBlock, Expired(), name="e") == [("expired", True)]


async def test_people_are_asked_unless_told_otherwise() -> None:
    values = {"data": 1, "name": "Pay?", "editable": False}
    assert await plan(HumanInTheLoopBlock, **values) == AskForReview(data=1, instructions="Pay?", editable=False)
    unseen = await plan(HumanInTheLoopBlock, at(human_in_the_loop_safe_mode=False), **values)
    assert unseen.emissions[0] == ("approved_data", 1)
    assert unseen.emissions[1] == ("review_message", "Auto-approved (safe mode disabled)")
    before = await plan(HumanInTheLoopBlock, at(auto_approved=True), **values)
    assert before.emissions[0] == ("approved_data", 1)


async def test_a_review_emits_what_was_decided() -> None:
    values = {"data": 1, "name": "?"}
    approved = Decided(approved=True, data=2, message="ok", was_edited=True)
    assert await resume(HumanInTheLoopBlock, approved, **values) == [("approved_data", 2), ("review_message", "ok")]
    assert await resume(HumanInTheLoopBlock, Decided(approved=False, data=1), **values) == [("rejected_data", 1)]
    with pytest.raises(BlockError, match="Nobody decided"):
        await resume(HumanInTheLoopBlock, Expired(), **values)


AGENT = {
    "user_id": "u",
    "graph_id": "g",
    "graph_version": 3,
    "inputs": {"a": 1, "b": 2},
    "input_schema": {"properties": {"a": {}, "Some Text!": {}}, "required": ["a", "Some Text!"]},
    "output_schema": {"properties": {"Answer": {}}},
}


async def test_linked_inputs_of_an_agent_win_over_constants() -> None:
    wait = await plan(AgentExecutorBlock, **AGENT, **{"b": 5, "Some Text!": "x"}, nodes_input_masks={"n": {"p": 1}})
    assert wait == RunAgent(
        graph_id="g",  # type: ignore[arg-type]
        graph_version=3,
        inputs={"a": 1, "b": 5, "Some Text!": "x"},
        masks={"n": {"p": 1}},
    )


def test_the_pins_of_an_agent_are_those_of_its_graph() -> None:
    assert AgentExecutorBlock.required_pins(AGENT)[-1] == "Some Text!"
    assert "a" not in AgentExecutorBlock.required_pins(AGENT)
    assert AgentExecutorBlock.has_input_pin("Some Text!", AGENT)
    assert not AgentExecutorBlock.has_input_pin("other", AGENT)
    assert AgentExecutorBlock.has_output_pin("Answer", AGENT)
    assert AgentExecutorBlock.has_output_pin("error", AGENT)
    assert not AgentExecutorBlock.has_output_pin("other", AGENT)


async def emitted() -> AsyncIterator[tuple[str, Any]]:
    yield "Answer", 1
    yield "Answer", 2


async def test_an_agent_emits_what_its_graph_gave_and_then_whether_it_failed() -> None:
    done = AgentEnded(status="COMPLETED", error=None, outputs=emitted())
    assert await resume(AgentExecutorBlock, done, **AGENT) == [("Answer", 1), ("Answer", 2)]
    got: list[tuple[str, Any]] = []
    failed = AgentEnded(status="FAILED", error="no money", outputs=emitted())

    async def take_all() -> None:
        async for emission in AgentExecutorBlock().resume(build_input(AgentExecutorBlock, AGENT), failed, at()):
            got.append(emission)

    with pytest.raises(BlockError, match="ended FAILED: no money"):
        await take_all()
    assert got == [("Answer", 1), ("Answer", 2)]
