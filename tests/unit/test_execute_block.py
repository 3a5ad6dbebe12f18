"""The activity around every block, attempt by attempt: what is run, claimed, recorded and answered."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.block_run import MAX_EMISSIONS
from activities.blocks.registry import BlockRegistry
from activities.execute_block import EXTRA_ATTEMPTS, BlockActivities, NodeExecutionFailedError
from activities.recording import MAX_EVENT_BYTES, Recording
from infra.clock import SystemClock
from models.blocks import Block, BlockContext, BlockEffect, Emission
from models.errors import BlockTransientError, ServiceUnavailableError
from models.execution import ExecutionStatus
from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId, new_id
from models.ports import NoCredits
from models.value_store import ValueStore
from models.values import Value
from models.wire import BlockFinished, ExecuteBlockInput, ExecuteBlockResult, RunIdentity
from tests.fakes import MemoryBlobStore, MemoryEventBus, MemoryRecorder
from tests.polling import eventually
from tests.sample_blocks import ValueInput, ValueOutput

COMPLETED, FAILED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED
AWAY = ServiceUnavailableError("Postgres does not answer")

Body = Callable[[Any, BlockContext], AsyncIterator[Emission]]


class Bench:
    """The activity on ports in memory, with one block whose behaviour is `body`."""

    def __init__(
        self, body: Body, *, effect: BlockEffect = BlockEffect.READ, retry_for: timedelta = timedelta(0)
    ) -> None:
        bench = self

        class UnderTestBlock(Block[ValueInput]):
            id = "under_test"
            description = "Does what a test says."
            Input = ValueInput
            Output = ValueOutput

            async def run(self, input: ValueInput, context: BlockContext) -> AsyncIterator[Emission]:
                bench.runs += 1
                async for emission in body(input, context):
                    yield emission

        UnderTestBlock.effect = effect
        self.runs = 0
        self.recorder, self.blobs, self.events = MemoryRecorder(), MemoryBlobStore(), MemoryEventBus()
        self.activities = BlockActivities(
            blocks=BlockRegistry([UnderTestBlock]),
            values=ValueStore(self.blobs),
            recorder=self.recorder,
            recording=Recording(self.recorder, self.events, retry_for=retry_for),
            credits=NoCredits(),
            clock=SystemClock(),
            services={},
            waits=None,  # type: ignore[arg-type]
            runner=None,  # type: ignore[arg-type]
        )
        self.task = ExecuteBlockInput(
            run=RunIdentity(
                graph_exec_id=GraphExecId(new_id()), graph_id=GraphId("g"), graph_version=1, user_id=UserId("u")
            ),
            node_id=NodeId("n"),
            node_exec_id=NodeExecId(new_id()),
            block_id=BlockId("under_test"),
            firing=0,
            received={"value": Value(inline="v")},
            max_attempts=3,
        )

    def environment(self, attempt: int = 1) -> ActivityEnvironment:
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, attempt=attempt)
        return environment

    async def attempt(self, number: int = 1) -> ExecuteBlockResult:
        return await self.environment(number).run(self.activities.execute_block, self.task)

    async def finished(self, number: int = 1) -> BlockFinished:
        outcome = (await self.attempt(number)).outcome
        assert isinstance(outcome, BlockFinished)
        return outcome

    async def failed(self, number: int = 1) -> NodeExecutionFailedError:
        with pytest.raises(NodeExecutionFailedError) as caught:
            await self.attempt(number)
        return caught.value


async def echo(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
    yield "out", input.value


def failing(error: Exception) -> Body:
    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", "before"
        raise error

    return body


# --- answers that were lost --------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", list(BlockEffect))
async def test_recorded_end_of_a_lost_attempt_is_answered_again(effect: BlockEffect) -> None:
    bench = Bench(echo, effect=effect)
    bench.task = bench.task.model_copy(update={"selectors": {"out": ["out_#_k"]}})
    bench.task = bench.task.model_copy(update={"received": {"value": Value(inline={"k": 5})}})
    first = await bench.finished()
    again = await bench.finished(2)
    assert bench.runs == 1
    assert again.outputs == first.outputs
    assert again.outputs[0].selected == {"out_#_k": Value(inline=5)}
    assert [record.attempt for record in bench.recorder.records] == [1]


async def test_recorded_failure_of_a_lost_attempt_is_answered_again() -> None:
    bench = Bench(failing(ValueError("broken")), effect=BlockEffect.WRITE)
    first, again = await bench.failed(), await bench.failed(2)
    assert bench.runs == 1
    assert (again.failure.message, again.failure.code, again.retry) == ("broken", first.failure.code, False)
    assert again.failure.outputs == first.failure.outputs


async def test_interrupted_write_without_a_record_is_an_unknown_outcome() -> None:
    bench = Bench(echo, effect=BlockEffect.WRITE)
    await bench.recorder.claim(bench.task.run, bench.task.node_exec_id, 0, 1, at=SystemClock().now())
    error = await bench.failed(2)
    assert (bench.runs, error.failure.code, error.retry) == (0, "outcome_unknown", False)


async def test_outage_before_the_claim_does_not_release_the_claim_of_another_attempt() -> None:
    bench = Bench(echo, effect=BlockEffect.WRITE)
    await bench.recorder.claim(bench.task.run, bench.task.node_exec_id, 0, 1, at=SystemClock().now())
    bench.recorder.away = AWAY
    error = await bench.failed(2)
    assert (error.failure.code, error.retry) == ("service_unavailable", True)
    bench.recorder.away = None
    assert (await bench.failed(3)).failure.code == "outcome_unknown"
    assert bench.runs == 0


async def test_outage_before_the_block_is_retried_beyond_the_nodes_own_attempts_but_not_for_ever() -> None:
    bench = Bench(echo, effect=BlockEffect.WRITE)
    bench.task = bench.task.model_copy(update={"max_attempts": 1})
    bench.recorder.away = AWAY
    assert (await bench.failed(1)).retry
    last = await bench.failed(1 + EXTRA_ATTEMPTS)
    assert not last.retry
    assert last.failure.unrecorded is not None
    assert last.failure.unrecorded.status is FAILED


async def test_known_failure_releases_the_claim_for_the_next_attempt() -> None:
    bench = Bench(failing(BlockTransientError("refused")), effect=BlockEffect.WRITE)
    errors = [await bench.failed(number) for number in (1, 2, 3)]
    assert [error.retry for error in errors] == [True, True, False]
    assert bench.runs == 3
    assert errors[0].failure.outputs == ()
    assert [item.value.inline for item in errors[2].failure.outputs] == ["before"]


# --- recording ---------------------------------------------------------------------------------------------------


async def test_unwritable_record_travels_with_the_answer() -> None:
    bench = Bench(echo)
    bench.recorder.away = AWAY
    finished = await bench.finished()
    assert finished.unrecorded is not None
    assert (finished.unrecorded.status, finished.unrecorded.outputs) == (COMPLETED, (("out", Value(inline="v")),))


@pytest.mark.parametrize("body", [echo, failing(ValueError("broken"))], ids=["finished", "failed"])
async def test_cancellation_while_the_end_is_recorded_comes_too_late(body: Body) -> None:
    bench = Bench(body)
    bench.recorder.may_write.clear()
    environment = bench.environment()
    running = asyncio.create_task(environment.run(bench.activities.execute_block, bench.task))
    await bench.recorder.writing.wait()
    environment.cancel(cancellation_details=ActivityCancellationDetails(cancel_requested=True))
    await asyncio.sleep(0)
    bench.recorder.may_write.set()
    [answer] = await asyncio.gather(running, return_exceptions=True)
    [record] = bench.recorder.records
    if body is echo:
        assert isinstance(answer, ExecuteBlockResult)
        assert record.status is COMPLETED
    else:
        assert isinstance(answer, NodeExecutionFailedError)
        assert record.status is FAILED


@pytest.mark.parametrize(
    ("details", "recorded"),
    [
        (ActivityCancellationDetails(cancel_requested=True), ["RUNNING", "TERMINATED"]),
        (ActivityCancellationDetails(worker_shutdown=True), ["RUNNING"]),
        (ActivityCancellationDetails(timed_out=True), ["RUNNING"]),
    ],
    ids=["requested", "shutdown", "timed out"],
)
async def test_only_a_requested_cancellation_ends_the_node(
    details: ActivityCancellationDetails, recorded: list[str]
) -> None:
    cleaned_up = []

    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        try:
            yield "out", 1
            await asyncio.Event().wait()
        finally:
            cleaned_up.append(True)

    bench = Bench(body)
    environment = bench.environment()
    running = asyncio.create_task(environment.run(bench.activities.execute_block, bench.task))
    await eventually(lambda: bool(bench.recorder.records))
    environment.cancel(cancellation_details=details)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [record.status.value for record in bench.recorder.records] == recorded
    assert cleaned_up == [True]


async def test_announcement_under_way_is_never_written_after_the_end() -> None:
    gate = asyncio.Event()

    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        await gate.wait()
        yield "out", 1

    bench = Bench(body)
    bench.recorder.may_write.clear()
    running = asyncio.create_task(bench.finished())
    await bench.recorder.writing.wait()
    gate.set()
    await asyncio.sleep(0)
    bench.recorder.may_write.set()
    await running
    assert [record.status.value for record in bench.recorder.records] == ["RUNNING", "COMPLETED"]


async def test_events_show_large_outputs_by_their_size_only() -> None:
    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        for size in (10, 6_000, 6_000, 10, 100_000):
            yield "out", "x" * size

    bench = Bench(body)
    await bench.finished()
    [event] = bench.events.events
    shown = [value for _, value in event.outputs]
    assert shown[:2] == ["x" * 10, "x" * 6_000]
    assert shown[2].startswith("(string of 60")
    assert shown[3:] == ["x" * 10, "(string of 100002 bytes)"]
    assert len(event.model_dump_json()) < MAX_EVENT_BYTES + 1000


async def test_event_bus_that_is_away_is_left_alone_for_a_while() -> None:
    bench = Bench(echo)
    bench.events.failing = AWAY
    for _ in range(5):
        bench.task = bench.task.model_copy(update={"node_exec_id": NodeExecId(new_id())})
        await bench.finished()
    assert len(bench.recorder.records) == 5
    assert bench.events.calls == 1


# --- what a block may emit and say -------------------------------------------------------------------------------


async def test_error_texts_can_be_stored() -> None:
    bench = Bench(failing(RuntimeError("bad \x00 and \ud800 text" + "x" * 100_000)))
    error = await bench.failed()
    assert error.failure.message.startswith("bad \ufffd and \ufffd text")
    assert len(error.failure.message) <= 8_000
    json.dumps(bench.recorder.records[0].model_dump(mode="json")).encode()


async def test_failure_on_the_error_pin_closes_the_block_at_once() -> None:
    closed = []

    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        try:
            yield "error", "no such thing"
            yield "out", "never"
        finally:
            closed.append(True)

    bench = Bench(body)
    assert (await bench.failed()).failure.message == "no such thing"
    assert bench.recorder.records[0].outputs == ()


async def test_time_out_of_the_block_itself_is_not_its_wall_clock_cap() -> None:
    error = await Bench(failing(TimeoutError("the third party was slow"))).failed()
    assert (error.failure.message, error.retry) == ("the third party was slow", True)


@pytest.mark.parametrize(("count", "size"), [(MAX_EMISSIONS, 0), (5_000, 300), (4_000, 1_000), (1_000, 20_000)])
async def test_answer_of_many_emissions_fits_into_a_payload_with_its_record(count: int, size: int) -> None:
    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(count):
            yield "out", str(number).ljust(size, "x") if size else number

    bench = Bench(body)
    bench.recorder.away = AWAY
    finished = await bench.finished()
    assert len(finished.outputs) == count
    assert len(finished.model_dump_json(exclude_unset=True)) < 2 * 1024 * 1024
    if not size:
        assert bench.blobs.puts == 0, "a small value is not worth a reference"


@pytest.mark.parametrize(("count", "size"), [(MAX_EMISSIONS + 1, 0), (10_000, 1_000)])
async def test_more_than_that_fails_the_node_with_a_clear_error(count: int, size: int) -> None:
    async def body(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(count):
            yield "out", str(number).ljust(size, "x") if size else number

    error = await Bench(body).failed()
    assert (error.failure.code, error.retry) == ("value_too_large", False)


# --- what a node execution and a run may store -------------------------------------------------------------------


def large(number: int) -> str:
    return str(number).ljust(40_000, "x")


async def three_large_values(input: Any, context: BlockContext) -> AsyncIterator[Emission]:
    for number in range(3):
        yield "out", large(number)


async def test_what_is_stored_is_told_and_repeated_for_a_lost_answer() -> None:
    bench = Bench(three_large_values)
    first, again = await bench.finished(), await bench.finished(2)
    assert first.stored_bytes == again.stored_bytes == 3 * (40_000 + 2)


async def test_large_values_that_are_only_passed_on_are_not_stored_again() -> None:
    bench = Bench(echo)
    value = await ValueStore(bench.blobs).pack(large(1), graph_exec_id=bench.task.run.graph_exec_id)
    bench.task = bench.task.model_copy(update={"received": {"value": value}})
    finished = await bench.finished()
    assert finished.outputs[0].value == value
    assert finished.stored_bytes == 0


async def test_a_node_execution_that_stores_too_much_fails_and_keeps_what_fitted() -> None:
    bench = Bench(three_large_values)
    bench.activities.values = ValueStore(bench.blobs, node_storage_bytes=100_000)
    error = await bench.failed()
    assert (error.failure.code, error.retry, len(error.failure.outputs)) == ("value_too_large", False, 2)
    assert "more than 100000 bytes together" in error.failure.message


async def test_a_run_that_has_stored_too_much_fails_the_nodes_that_would_store_more() -> None:
    bench = Bench(three_large_values)
    bench.task = bench.task.model_copy(update={"storage_left_bytes": 50_000})
    error = await bench.failed()
    assert (error.failure.code, error.retry, len(error.failure.outputs)) == ("value_too_large", False, 1)
    assert "stored as much as it may" in error.failure.message
