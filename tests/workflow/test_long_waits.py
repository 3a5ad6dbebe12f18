"""Waits of months, on a server that skips time: timers, changes to and from summer time, reminders and deadlines."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import LockTimeSkippingRequest, UnlockTimeSkippingRequest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from infra.crypto import KeyRing
from infra.settings import Settings
from infra.temporal.converter import data_converter
from infra.temporal.search_attributes import indexed_type
from models.controls import DeadlineExtension
from models.events import EventKind
from models.execution import ExecutionStatus
from models.ids import new_id
from models.visibility import SearchAttribute
from models.wire import ExecuteGraphResult, NodeRecord
from services.worker.container import activity_set, build_worker, sandbox
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, Outcome, open_engine
from tests.workflow.test_projection import events_of
from tests.workflow.test_waits import review_graph
from tests.workflow.waiting import update, waiting

Handle = WorkflowHandle[Any, ExecuteGraphResult]

DAY = timedelta(days=1)
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


class ServerClock:
    """The time of the server as it gave out the activity that asks."""

    def now(self) -> datetime:
        return activity.info().started_time


@dataclass
class TimeMachine:
    """An engine with a worker on a server whose time jumps."""

    engine: Engine
    environment: WorkflowEnvironment

    async def now(self) -> datetime:
        return await self.environment.get_current_time()

    async def skip_to(self, at: datetime) -> None:
        await self.environment.sleep(at - await self.now())

    async def outcome(self, handle: Handle) -> Outcome:
        """Of a run that ends by itself, however long it waits."""
        server = self.environment.client.test_service
        await server.unlock_time_skipping(UnlockTimeSkippingRequest())
        try:
            return await self.engine.outcome(await handle.result())
        finally:
            await server.lock_time_skipping(LockTimeSkippingRequest())

    async def row_of(self, handle: Handle, node_id: str) -> NodeRecord:
        [row] = [row for row in await self.engine.all_nodes(handle) if row.node_id == node_id]
        return row


@pytest_asyncio.fixture(loop_scope="session")
async def machine(engine_settings: Settings) -> AsyncIterator[TimeMachine]:
    keys = KeyRing.parse(engine_settings.encryption.encryption_keys.get_secret_value())
    environment = await WorkflowEnvironment.start_time_skipping(
        data_converter=data_converter(keys),
        test_server_existing_path=str(Path(sys.executable).parent / "temporal-test-server"),
    )
    queue = f"skipping-{new_id()}"
    await environment.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=environment.client.namespace,
            search_attributes={name.value: indexed_type(name) for name in SearchAttribute},
        )
    )
    try:
        async with (
            open_engine(environment.client, engine_settings, task_queue=queue) as engine,
            activity_set(engine.client, engine.settings, blocks=engine.blocks, clock=ServerClock()) as activities,
            build_worker(
                engine.client,
                activities,
                task_queue=queue,
                settings=engine_settings.worker,
                workflow_runner=sandbox(),
            ),
        ):
            yield TimeMachine(engine, environment)
    finally:
        await environment.shutdown()


def next_change(zone: ZoneInfo, after: datetime, *, forward: bool) -> datetime:
    """The hour at which clocks in the zone are next put forward, or back, in UTC."""
    at = after.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while True:
        later = at + timedelta(hours=1)
        step = _offset(zone, later) - _offset(zone, at)
        if step and (step > timedelta(0)) == forward:
            return later
        at = later


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


async def wait_until(machine: TimeMachine, at: str, zone: ZoneInfo) -> datetime:
    """When a wait until `at` is over, to the second."""
    nodes = [
        make_node("until", "wait_until_block", value="x", at=at, timezone=zone.key),
        make_node("out", "agent_output_block", name="out"),
    ]
    graph = make_graph(nodes, [make_link("until.value", "out.value")], blocks=machine.engine.blocks)
    handle = await machine.engine.start(graph)
    assert (await machine.outcome(handle)).outputs == {"out": ["x"]}
    ended_at = (await machine.row_of(handle, "until")).ended_at
    assert ended_at is not None
    return ended_at.replace(microsecond=0)


async def test_a_countdown_of_400_days(machine: TimeMachine) -> None:
    nodes = [
        make_node("timer", "countdown_timer_block", input_message="at last", days=400, repeat=2),
        make_node("out", "agent_output_block", name="out"),
    ]
    graph = make_graph(nodes, [make_link("timer.output_message", "out.value")], blocks=machine.engine.blocks)
    began = await machine.now()
    handle = await machine.engine.start(graph)
    outcome = await machine.outcome(handle)
    row = await machine.row_of(handle, "timer")

    assert outcome.outputs == {"out": ["at last"] * 2}
    assert row.ended_at is not None
    assert 800 * DAY <= row.ended_at - began < 801 * DAY
    assert outcome.result.stats.duration >= 800 * 86_400


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK], ids=str)
@pytest.mark.parametrize(("forward", "hours"), [(True, 11), (False, 13)], ids=["forward", "back"])
async def test_a_time_of_day_after_clocks_were_changed(
    machine: TimeMachine, zone: ZoneInfo, forward: bool, hours: int
) -> None:
    """From nine in the evening before to nine in the morning it is an hour less or more."""
    change = next_change(zone, await machine.now() + DAY, forward=forward)
    evening = datetime.combine(change.astimezone(zone).date() - DAY, time(21), zone)
    await machine.skip_to(evening)
    ended = await wait_until(machine, "09:00", zone)
    assert ended.astimezone(zone).replace(tzinfo=None) == datetime.combine(change.astimezone(zone).date(), time(9))
    assert timedelta(hours=hours - 1) < ended - evening <= timedelta(hours=hours)


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK], ids=str)
async def test_a_time_that_clocks_skip_is_the_moment_after_the_gap(machine: TimeMachine, zone: ZoneInfo) -> None:
    change = next_change(zone, await machine.now() + DAY, forward=True)
    skipped = change.astimezone(zone).replace(tzinfo=None) - timedelta(minutes=30)
    assert await wait_until(machine, skipped.isoformat(), zone) == change


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK], ids=str)
async def test_a_time_that_comes_twice_is_its_first(machine: TimeMachine, zone: ZoneInfo) -> None:
    change = next_change(zone, await machine.now() + DAY, forward=False)
    first = change - timedelta(minutes=30)
    wall = first.astimezone(zone).replace(tzinfo=None)
    assert (first + timedelta(hours=1)).astimezone(zone).replace(tzinfo=None) == wall
    assert await wait_until(machine, wall.isoformat(), zone) == first


async def test_a_review_is_reminded_of_and_expires(machine: TimeMachine) -> None:
    days = [7, 100]
    settings = {
        "expires_after_seconds": 200 * 86_400,
        "on_expiry": "reject",
        "remind_after_seconds": [86_400 * day for day in days],
    }
    handle = await machine.engine.start(review_graph(machine.engine, {"review": settings}))
    await waiting(machine.engine, handle, "ask")
    began = await machine.now()
    outcome = await machine.outcome(handle)
    row = await machine.row_of(handle, "ask")

    assert set(outcome.outputs) == {"aside", "rejected", "message"}
    assert row.ended_at is not None
    assert timedelta(0) <= row.ended_at - began - 199 * DAY < 2 * DAY
    reminders = [e for e in await events_of(machine.engine.settings, handle) if e.kind is EventKind.REVIEW_REMINDER]
    assert [reminder.attempt for reminder in reminders] == [1, 2]
    assert [round((reminder.at - began) / DAY) for reminder in reminders] == days


async def test_a_moved_deadline_is_the_one_that_counts(machine: TimeMachine) -> None:
    settings = {"expires_after_seconds": 200 * 86_400, "on_expiry": "reject"}
    handle = await machine.engine.start(review_graph(machine.engine, {"review": settings}))
    [row] = await waiting(machine.engine, handle, "ask")
    until = await machine.now() + 380 * DAY
    await update(handle, "extend_deadline", DeadlineExtension(node_exec_id=row.node_exec_id, until=until))
    await machine.environment.sleep(300 * DAY)
    assert (await machine.row_of(handle, "ask")).status is ExecutionStatus.REVIEW
    await machine.outcome(handle)
    ended_at = (await machine.row_of(handle, "ask")).ended_at
    assert ended_at is not None
    assert timedelta(0) <= ended_at - until < timedelta(minutes=5)


async def test_a_timer_can_be_put_off(machine: TimeMachine) -> None:
    nodes = [make_node("timer", "countdown_timer_block", days=100), make_node("e", "echo")]
    graph = make_graph(nodes, [make_link("timer.output_message", "e.value")], blocks=machine.engine.blocks)
    handle = await machine.engine.start(graph)
    [row] = await waiting(machine.engine, handle, "timer")
    until = await machine.now() + 200 * DAY
    await update(handle, "extend_deadline", DeadlineExtension(node_exec_id=row.node_exec_id, until=until))
    await machine.outcome(handle)
    ended_at = (await machine.row_of(handle, "timer")).ended_at
    assert ended_at is not None
    assert timedelta(0) <= ended_at - until < timedelta(minutes=5)


async def test_a_timer_that_repeats_often_is_recorded_within_bounds(machine: TimeMachine) -> None:
    """Everything is routed; the row of the timer shows as much as a record may hold."""
    nodes = [
        make_node("tick", "countdown_timer_block", input_message="x" * 10_000, hours=1, repeat=250),
        make_node("out", "agent_output_block", name="out"),
    ]
    graph = make_graph(nodes, [make_link("tick.output_message", "out.value")], blocks=machine.engine.blocks)
    handle = await machine.engine.start(graph)
    outcome = await machine.outcome(handle)
    assert len(outcome.outputs["out"]) == 250
    row = await machine.row_of(handle, "tick")
    assert row.status is ExecutionStatus.COMPLETED
    assert 10 < len(row.outputs) < 100
