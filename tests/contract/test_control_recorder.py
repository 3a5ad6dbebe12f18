"""The port WaitRecorder: what people did to a run, and how it stands, in any order of calls."""

from itertools import permutations
from typing import Any

import pytest

from infra.postgres import Database
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.unit_of_work import UnitsOfWork
from models.controls import ControlAction, ControlRecord, RunPhase
from models.execution import ExecutionStatus
from models.ids import BlockId, NodeExecId, NodeId, new_id
from models.reviews import ReviewStatus
from models.waits import WaitShown
from models.wire import NodeRecord, RunIdentity
from tests.contract.runs import T0, at, identity
from tests.contract.waits import APPROVED, OnPostgres, Waits, event, review


def control(id: str, seconds: float, **details: Any) -> ControlRecord:
    return ControlRecord(
        id=id, action=ControlAction.SKIP_NODE, at=at(seconds), requested_by="ann", node_exec_id="x", details=details
    )


async def test_controls_are_kept_once_and_oldest_first(waits: Waits, run: RunIdentity) -> None:
    records = [control("b", 2), control("a", 1, reason="because"), control("c", 2)]
    await waits.recorder.record_controls(run, records)
    await waits.recorder.record_controls(run, [control("a", 9), *records])
    await waits.recorder.record_controls(identity(), [control("a", 1)])
    assert await waits.controls(run) == [control("a", 1, reason="because"), control("b", 2), control("c", 2)]
    await waits.recorder.record_controls(run, [])


@pytest.mark.parametrize("action", [ControlAction.SKIP_NODE, ControlAction.SET_OUTPUT, ControlAction.RETRY_NODE])
async def test_a_node_that_an_operator_ends_waits_no_more(waits: Waits, run: RunIdentity, action: Any) -> None:
    opened, other, awaited = review(), review(), event()
    await waits.recorder.open_review(run, opened)
    await waits.recorder.open_review(run, other)
    await waits.recorder.open_event(run, awaited)
    ended = [
        control("a", 7).model_copy(update={"action": action, "node_exec_id": opened.node_exec_id}),
        control("b", 8).model_copy(update={"action": action, "node_exec_id": awaited.node_exec_id}),
    ]
    await waits.recorder.record_controls(run, ended)
    found = await waits.review(run, opened.node_exec_id)
    untouched = await waits.review(run, other.node_exec_id)
    assert found is not None
    assert untouched is not None
    assert untouched.status is ReviewStatus.WAITING
    if action is ControlAction.RETRY_NODE:
        assert found.status is ReviewStatus.WAITING
        assert len(await waits.waiting(run)) == 1
    else:
        assert (found.status, found.decided_by, found.reviewed_at) == ("REJECTED", "ann", at(7))
        assert await waits.waiting(run) == []


def moved(id: str, node_exec_id: NodeExecId, seconds: float) -> ControlRecord:
    return ControlRecord(
        id=id,
        action=ControlAction.EXTEND_DEADLINE,
        at=at(1),
        node_exec_id=node_exec_id,
        details={"until": at(seconds).isoformat()},
    )


async def test_a_moved_deadline_is_shown_and_an_older_one_does_not_come_back(waits: Waits, run: RunIdentity) -> None:
    asked, decided, awaited = review(), review(), event()
    for opened in (asked, decided):
        await waits.recorder.open_review(run, opened)
    await waits.recorder.open_event(run, awaited)
    await waits.recorder.end_wait(decided.node_exec_id, 0, APPROVED)
    first = [moved(f"{n}", wait.node_exec_id, 300) for n, wait in enumerate((asked, decided, awaited))]
    second = [moved("4", asked.node_exec_id, 200), moved("5", awaited.node_exec_id, 400)]
    for controls in (first, second, first):
        await waits.recorder.record_controls(run, controls)
    found, untouched = await waits.review(run, asked.node_exec_id), await waits.review(run, decided.node_exec_id)
    assert found is not None
    assert untouched is not None
    assert (found.expires_at, untouched.expires_at) == (at(200), None)
    assert [wait.expires_at for wait in await waits.waiting(run)] == [at(400)]


PHASES = (
    RunPhase(number=1, status="REVIEW", reason="reviews"),
    RunPhase(number=2, status="RUNNING", paused_at=at(7)),
    RunPhase(number=3, status="REVIEW", reason="failed_nodes"),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_latest_phase_is_shown_in_whatever_order_they_come(
    waits: Waits, run: RunIdentity, order: tuple[int, ...]
) -> None:
    for number in (*order, *order):
        await waits.recorder.record_phase(run, PHASES[number])
    assert await waits.phase(run) == ("REVIEW", "failed_nodes", None)


async def test_pause_is_shown_and_taken_back(waits: Waits, run: RunIdentity) -> None:
    await waits.recorder.record_phase(run, RunPhase(number=1, status="RUNNING", paused_at=at(7)))
    assert await waits.phase(run) == ("RUNNING", None, at(7))
    await waits.recorder.record_phase(run, RunPhase(number=2, status="RUNNING"))
    assert await waits.phase(run) == ("RUNNING", None, None)


async def test_phase_of_an_ended_run_changes_nothing(waits: Waits, run: RunIdentity) -> None:
    await waits.recorder.record_phase(run, RunPhase(number=1, status="RUNNING", paused_at=at(7)))
    await waits.end(run, ExecutionStatus.COMPLETED)
    await waits.recorder.record_phase(run, RunPhase(number=9, status="REVIEW", reason="reviews"))
    assert await waits.phase(run) == ("COMPLETED", None, None)


# --- what only Postgres does -------------------------------------------------------------------------------------


async def test_a_moved_deadline_is_shown_with_the_node(migrated_database: Database, run: RunIdentity) -> None:
    recorder, waits = PostgresExecutionRecorder(migrated_database), OnPostgres(migrated_database)
    waiting = NodeRecord(
        node_exec_id=NodeExecId(new_id()),
        node_id=NodeId("n"),
        block_id=BlockId("b"),
        firing=0,
        status=ExecutionStatus.RUNNING,
        started_at=T0,
        wait=WaitShown(kind="timer", until=at(50), name="paid"),
    )
    busy = waiting.model_copy(update={"node_exec_id": NodeExecId(new_id()), "wait": None})
    await recorder.record_nodes(run, [waiting, busy])
    await waits.recorder.record_controls(run, [moved("a", waiting.node_exec_id, 500), moved("b", busy.node_exec_id, 9)])
    async with UnitsOfWork(migrated_database)() as unit:
        found = [await unit.executions.find_node(run.graph_exec_id, record.node_exec_id) for record in (waiting, busy)]
    assert found == [
        waiting.model_copy(update={"wait": WaitShown(kind="timer", until=at(500), name="paid")}),
        busy,
    ]
