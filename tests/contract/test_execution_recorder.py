"""The port ExecutionRecorder on migrated Postgres: rows move forward only, whatever the order and number of calls."""

import asyncio
import math
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.postgres import Database
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.unit_of_work import UnitsOfWork
from models.execution import ExecutionStats, ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.execution_records import GraphExecutionRecord, NodeCursor
from models.ids import BlockId, NodeExecId, NodeId, new_id
from models.json_values import normalise_json
from models.values import Value
from models.waits import WaitShown
from models.wire import CloseExecutionInput, NodeRecord, RunIdentity, RunOpening
from tests.contract.runs import T0, at, identity

QUEUED, RUNNING = ExecutionStatus.QUEUED, ExecutionStatus.RUNNING
REVIEW = ExecutionStatus.REVIEW
COMPLETED, FAILED, TERMINATED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.TERMINATED


def opening(*, started: bool = True) -> RunOpening:
    return RunOpening(inputs={"x": Value(inline=1)}, created_at=T0, started_at=at(1) if started else None)


def record(
    status: ExecutionStatus, *, id: str | None = None, attempt: int = 1, generation: int = 0, **fields: Any
) -> NodeRecord:
    """As an activity makes it; fields tell attempts apart."""
    mark = generation * 100 + attempt
    given: dict[str, Any] = {
        "node_exec_id": NodeExecId(id or new_id()),
        "node_id": NodeId("n"),
        "block_id": BlockId("b"),
        "firing": 0,
        "route_seq": 5,
        "inputs": {"in": Value(inline=mark)},
        "outputs": (("out", Value(inline=mark)),) if status.is_terminal else (),
        "error": f"error {mark}" if status is FAILED else None,
        "error_code": "block_failed" if status is FAILED else None,
        "queued_at": T0,
        "started_at": at(mark),
        "ended_at": at(mark + 1) if status.is_terminal else None,
        "execution_time": 0.5 if status.is_terminal else None,
    }
    return NodeRecord(status=status, attempt=attempt, generation=generation, **{**given, **fields})


def by_workflow(status: ExecutionStatus, id: str, **fields: Any) -> NodeRecord:
    """As the workflow makes it, which knows neither inputs nor attempts."""
    return NodeRecord(
        node_exec_id=NodeExecId(id),
        node_id=NodeId("n"),
        block_id=BlockId("b"),
        firing=0,
        status=status,
        route_seq=5,
        ended_at=at(9),
        **fields,
    )


async def read_run(database: Database, run: RunIdentity) -> GraphExecutionRecord:
    async with UnitsOfWork(database)() as unit:
        found = await unit.executions.find(run.user_id, run.graph_exec_id)
    assert found is not None
    return found


async def read_nodes(database: Database, run: RunIdentity) -> list[NodeRecord]:
    async with UnitsOfWork(database)() as unit:
        return list(await unit.executions.list_nodes(run.graph_exec_id, after=None, limit=10_000))


async def row_after(database: Database, records: "tuple[NodeRecord, ...]", *, calls: str = "one each") -> NodeRecord:
    """The row that these records of one node execution leave, in a run of its own."""
    recorder, run = PostgresExecutionRecorder(database), identity()
    id = NodeExecId(new_id())
    mine = [record.model_copy(update={"node_exec_id": id}) for record in records]
    for batch in [mine] if calls == "one" else [[record] for record in mine]:
        await recorder.record_nodes(run, batch)
    [row] = await read_nodes(database, run)
    return row.model_copy(update={"node_exec_id": NodeExecId("any")})


# --- node executions ---------------------------------------------------------------------------------------------


async def test_a_record_comes_back_as_it_was(recorder: PostgresExecutionRecorder, run: RunIdentity) -> None:
    odd = normalise_json({"f": [math.nan, math.inf, 1e308], "t": "a\x00\ud800😀", "deep": {"k": [[None]]}})
    written = record(COMPLETED, inputs={"ä_#_k": Value(inline=odd)}, outputs=(("o", Value(inline=odd)),) * 2)
    await recorder.record_nodes(run, [written])
    [read] = await recorder.list_output_values(run, ["n"])
    assert read == written


REVIEWED = WaitShown(kind="review", until=at(500))

SEQUENCES: dict[str, tuple[NodeRecord, ...]] = {
    "one attempt": (record(QUEUED), record(RUNNING), record(COMPLETED)),
    "retried": (record(RUNNING), record(RUNNING, attempt=2), record(FAILED, attempt=3)),
    "answer lost": (record(COMPLETED), record(RUNNING, attempt=2), record(FAILED, attempt=2)),
    "taken for dead": (record(RUNNING), record(RUNNING, attempt=2), record(COMPLETED), record(COMPLETED, attempt=2)),
    "repeated by an operator": (
        record(FAILED, attempt=3),
        record(RUNNING, generation=1),
        record(COMPLETED, generation=1),
    ),
    "waited": (
        record(RUNNING),
        record(REVIEW, wait=REVIEWED),
        record(RUNNING, attempt=2),
        record(COMPLETED, attempt=2),
    ),
    "still waiting": (record(RUNNING), record(RUNNING, attempt=2), record(REVIEW, attempt=2, wait=REVIEWED)),
    "waited twice": (
        record(RUNNING, wait=WaitShown(kind="timer", until=at(5))),
        record(FAILED),
        record(REVIEW, generation=1, wait=REVIEWED),
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
async def test_every_order_leaves_the_same_row(migrated_database: Database, name: str) -> None:
    records = SEQUENCES[name]
    in_order = await row_after(migrated_database, records)
    assert in_order.status is records[-1].status
    assert in_order.outputs == records[-1].outputs
    for order in permutations(records):
        assert await row_after(migrated_database, order) == in_order
    assert await row_after(migrated_database, records[::-1], calls="one") == in_order


@st.composite
def attempts(draw: st.DrawFn) -> list[NodeRecord]:
    """What the attempts of a node execution may write: any may be announced, lost or ended; the last one ends."""
    records = []
    for generation in range(draw(st.integers(1, 2))):
        last = draw(st.integers(1, 3))
        for attempt in range(1, last + 1):
            if draw(st.booleans()):
                records.append(record(RUNNING, attempt=attempt, generation=generation))
            if attempt == last or draw(st.booleans()):
                ends = draw(st.sampled_from((COMPLETED, FAILED, TERMINATED)))
                records.append(record(ends, attempt=attempt, generation=generation))
    return records


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=attempts(), chance=st.randoms(use_true_random=False), repeats=st.integers(1, 2))
async def test_shuffled_and_repeated_records_leave_the_row_of_the_last_attempt(
    migrated_database: Database, records: list[NodeRecord], chance: Any, repeats: int
) -> None:
    last = records[-1].model_copy(update={"node_exec_id": "any"})
    shuffled = records * repeats
    chance.shuffle(shuffled)
    assert await row_after(migrated_database, tuple(shuffled)) == last


async def test_concurrent_writers_leave_the_row_of_the_last_attempt(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    id = new_id()
    records = [record(RUNNING, id=id, attempt=attempt) for attempt in range(1, 10)]
    last = record(COMPLETED, id=id, attempt=9)
    await asyncio.gather(*(recorder.record_nodes(run, [item]) for item in [last, *records, last]))
    assert await read_nodes(migrated_database, run) == [last]


@pytest.mark.parametrize("status", [TERMINATED, FAILED])
async def test_end_made_by_the_workflow_keeps_inputs_start_and_attempt(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity, status: ExecutionStatus
) -> None:
    id = new_id()
    running = record(RUNNING, id=id, attempt=4)
    await recorder.record_nodes(run, [running])
    await recorder.record_nodes(run, [by_workflow(status, id)])
    [row] = await read_nodes(migrated_database, run)
    assert (row.status, row.inputs, row.attempt, row.ended_at) == (status, running.inputs, 4, at(9))
    assert (row.started_at, row.queued_at) == (running.started_at, running.queued_at)


async def test_end_made_by_the_workflow_does_not_replace_that_of_the_activity(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    ended = record(TERMINATED, attempt=2)
    await recorder.record_nodes(run, [ended])
    await recorder.record_nodes(run, [by_workflow(TERMINATED, ended.node_exec_id)])
    assert await read_nodes(migrated_database, run) == [ended]


async def test_wait_begins_in_the_attempt_that_was_announced_and_goes_with_its_end(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    id = new_id()
    emitted = (("token", Value(inline="t")),)
    await recorder.record_nodes(run, [record(RUNNING, id=id), record(REVIEW, id=id, wait=REVIEWED, outputs=emitted)])
    [row] = await read_nodes(migrated_database, run)
    assert (row.status, row.wait, row.outputs) == (REVIEW, REVIEWED, emitted)
    moved = WaitShown(kind="review", until=at(900))
    await recorder.record_nodes(run, [by_workflow(REVIEW, id, wait=moved).model_copy(update={"ended_at": None})])
    [row] = await read_nodes(migrated_database, run)
    assert (row.status, row.wait, row.outputs, row.started_at) == (REVIEW, moved, emitted, at(1))
    await recorder.record_nodes(run, [by_workflow(COMPLETED, id, wait=moved)])
    [row] = await read_nodes(migrated_database, run)
    assert (row.status, row.wait, row.outputs) == (COMPLETED, None, emitted)


async def test_what_the_workflow_says_of_a_wait_that_is_over_changes_nothing(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    id = new_id()
    resumed = record(RUNNING, id=id, attempt=2)
    await recorder.record_nodes(run, [record(REVIEW, id=id, wait=REVIEWED), resumed])
    await recorder.record_nodes(run, [by_workflow(REVIEW, id, wait=REVIEWED).model_copy(update={"ended_at": None})])
    assert await read_nodes(migrated_database, run) == [resumed]


async def test_closing_ends_what_a_node_waits_for(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    await recorder.record_nodes(run, [record(REVIEW, wait=REVIEWED)])
    await recorder.close_execution(closing(run, TERMINATED), OUTPUTS)
    [row] = await read_nodes(migrated_database, run)
    assert (row.status, row.wait) == (TERMINATED, None)


async def test_pinned_execution_is_told_apart(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    written = by_workflow(COMPLETED, new_id(), pinned=True, outputs=(("out", Value(inline=1)),))
    await recorder.record_nodes(run, [written])
    assert await read_nodes(migrated_database, run) == [written]


async def test_two_thousand_records_in_one_call(recorder: PostgresExecutionRecorder, run: RunIdentity) -> None:
    records = [record(COMPLETED, route_seq=number, firing=number) for number in range(2000)]
    for _ in range(2):
        await recorder.record_nodes(run, records)
    assert await recorder.list_output_values(run, ["n", "other"]) == records
    pages, after = [], None
    while page := await recorder.list_output_values(run, ["n", "other"], after=after, limit=300):
        after = NodeCursor(page[-1].route_seq, page[-1].node_exec_id)
        pages.append(page)
    assert [len(page) for page in pages] == [300] * 6 + [200]
    assert [row for page in pages for row in page] == records


async def test_no_records_are_no_trouble(recorder: PostgresExecutionRecorder, run: RunIdentity) -> None:
    await recorder.record_nodes(run, [])


async def test_output_values_are_those_that_ended_by_themselves_in_routing_order(
    recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    late, early = record(COMPLETED, route_seq=9), record(FAILED, route_seq=2)
    others = [record(TERMINATED), record(RUNNING), record(COMPLETED, node_id=NodeId("other"))]
    await recorder.record_nodes(run, [late, *others, early])
    await recorder.record_nodes(identity(), [record(COMPLETED)])
    assert await recorder.list_output_values(run, ["n"]) == [early, late]
    assert await recorder.list_output_values(run, []) == []


@pytest.mark.parametrize(
    ("status", "is_found"), [(COMPLETED, True), (FAILED, True), (TERMINATED, False), (RUNNING, False)]
)
async def test_finding_how_an_earlier_attempt_ended(
    recorder: PostgresExecutionRecorder, run: RunIdentity, status: ExecutionStatus, is_found: bool
) -> None:
    written = record(status, generation=1)
    await recorder.record_nodes(run, [written])
    assert await recorder.find_ended(written.node_exec_id, 1) == (written if is_found else None)
    assert await recorder.find_ended(written.node_exec_id, 0) is None
    assert await recorder.find_ended(NodeExecId("nobody"), 1) is None


# --- the run -----------------------------------------------------------------------------------------------------


def closing(run: RunIdentity, status: ExecutionStatus = COMPLETED, **fields: Any) -> CloseExecutionInput:
    return CloseExecutionInput(
        run=run, opening=opening(), status=status, ended_at=at(10), stats=ExecutionStats(node_exec_count=3), **fields
    )


OUTPUTS = RecordedOutputs(graph={"y": [Value(inline=1), Value(inline=None)]})


async def test_run_opens_queued_then_running_and_never_goes_back(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    for started, status in ((False, QUEUED), (True, RUNNING), (False, RUNNING), (True, RUNNING)):
        await recorder.open_execution(run, opening(started=started))
        row = await read_run(migrated_database, run)
        assert (row.status, row.inputs) == (status, {"x": Value(inline=1)})
    assert row.started_at == at(1)


async def test_first_record_opens_the_run(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    await recorder.record_nodes(run, [record(RUNNING)], opening=opening())
    assert (await read_run(migrated_database, run)).status is RUNNING


async def test_closing_writes_the_result_and_nothing_reopens_the_run(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    await recorder.close_execution(closing(run), OUTPUTS)
    closed = await read_run(migrated_database, run)
    assert (closed.status, closed.outputs, closed.ended_at) == (COMPLETED, OUTPUTS, at(10))
    assert closed.stats is not None
    assert closed.stats.node_exec_count == 3

    await recorder.open_execution(run, opening())
    await recorder.record_nodes(run, [record(RUNNING)], opening=opening())
    await recorder.close_execution(closing(run, FAILED, error="later"), RecordedOutputs())
    assert await read_run(migrated_database, run) == closed


async def test_closing_ends_the_rows_that_are_open_and_no_others(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    neighbour = identity()
    running, done = record(RUNNING, route_seq=1), record(FAILED, route_seq=2)
    await recorder.record_nodes(run, [running, done])
    await recorder.record_nodes(neighbour, [record(RUNNING)])
    for _ in range(2):
        await recorder.close_execution(closing(run, TERMINATED, error="stopped", error_code="stopped"), OUTPUTS)

    ended, kept = await read_nodes(migrated_database, run)
    assert (ended.status, ended.ended_at, ended.inputs) == (TERMINATED, at(10), running.inputs)
    assert kept == done
    assert [node.status for node in await read_nodes(migrated_database, neighbour)] == [RUNNING]
    row = await read_run(migrated_database, run)
    assert (row.error, row.error_code) == ("stopped", "stopped")


async def test_announcement_after_the_close_does_not_reopen_a_node(
    migrated_database: Database, recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    running = record(RUNNING)
    await recorder.record_nodes(run, [running])
    await recorder.close_execution(closing(run, TERMINATED), OUTPUTS)
    await recorder.record_nodes(run, [running, running.model_copy(update={"attempt": 2})])
    assert [node.status for node in await read_nodes(migrated_database, run)] == [TERMINATED]
