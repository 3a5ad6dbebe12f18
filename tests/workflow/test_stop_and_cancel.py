"""Ending a run from outside: stop, cancel by signal, cancel by Temporal; what ran, what waited, what is recorded."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import CancelledError
from temporalio.worker import Worker

from models.controls import ControlAction, ControlRequest
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import new_id
from models.wire import CloseExecutionInput, CloseExecutionResult, ExecuteGraphResult, StopRequest
from services.worker.container import activity_set, sandbox
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, graph_exec_id_of
from tests.polling import eventually
from tests.sample_blocks import Journal
from workflows.registry import WORKFLOWS


def slow_graph(engine: Engine) -> Graph:
    """One output at once, one block that sleeps for minutes, one that waits for it."""
    nodes = [
        make_node("quick", "echo", value="so far"),
        make_node("out", "agent_output_block", name="out"),
        make_node("slow", "sleep", value="never", seconds=600),
        make_node("after", "echo"),
    ]
    links = [make_link("quick.out", "out.value"), make_link("slow.out", "after.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


async def start_slow(engine: Engine) -> "WorkflowHandle[Any, ExecuteGraphResult]":
    handle = await engine.start(slow_graph(engine))
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)

    async def quick_branch_is_done() -> bool:
        progress = await handle.query("get_progress")
        return progress["completed"] == 2

    await eventually(quick_branch_is_done)
    return handle


async def test_stop_ends_terminated_with_the_outputs_so_far(engine: Engine) -> None:
    handle = await start_slow(engine)
    await handle.signal("stop", StopRequest(grace_seconds=0, reason="enough", requested_by="user-1"))
    outcome = await engine.outcome(await handle.result())

    assert outcome.result.status is ExecutionStatus.TERMINATED
    assert outcome.result.error == "enough"
    assert outcome.outputs == {"out": ["so far"]}
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_what_postgres_could_not_store_of_a_request_keeps_no_run_open(engine: Engine) -> None:
    graph = slow_graph(engine)
    handle = await engine.start(graph)
    await handle.signal("pause", ControlRequest(reason="a\x00b", requested_by="\x00"))
    await handle.signal("stop", StopRequest(grace_seconds=0, reason="c\x00d", requested_by="user\x00"))
    result = await asyncio.wait_for(handle.result(), 60)
    assert result.error == "c\ufffdd"
    controls = [(record.action, record.requested_by) for record in await engine.list_controls(graph, handle)]
    assert controls == [(ControlAction.PAUSE, "\ufffd"), (ControlAction.STOP, "user\ufffd")]


async def test_stop_lets_running_blocks_finish_within_the_grace(engine: Engine) -> None:
    nodes = [make_node("slow", "sleep", value=1, seconds=1), make_node("after", "echo")]
    graph = make_graph(nodes, [make_link("slow.out", "after.value")], blocks=engine.blocks)
    handle = await engine.start(graph)
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    await handle.signal("stop", StopRequest(grace_seconds=30))
    result = await handle.result()
    records = {record.node_id: record.status for record in await engine.node_records(graph, handle)}

    assert result.status is ExecutionStatus.TERMINATED
    assert result.stats.node_exec_count == 1
    assert records == {"slow": ExecutionStatus.COMPLETED}


@pytest.mark.parametrize("by_signal", [True, False], ids=["signal", "temporal"])
async def test_cancel_ends_terminated_and_the_workflow_canceled(engine: Engine, by_signal: bool) -> None:
    handle = await start_slow(engine)
    await (handle.signal("cancel", StopRequest()) if by_signal else handle.cancel())
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()

    assert isinstance(caught.value.cause, CancelledError)
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    status, outputs, open_nodes = await stored_state(engine, graph_exec_id_of(handle))
    assert status == "TERMINATED"
    assert outputs["graph"] == {"out": [{"inline": "so far"}]}
    assert open_nodes == 0


async def test_cancel_during_the_grace_of_a_stop_ends_at_once(engine: Engine) -> None:
    handle = await start_slow(engine)
    await handle.signal("stop", StopRequest(grace_seconds=3600))
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED


async def test_stopping_an_endless_loop(engine: Engine) -> None:
    nodes = [make_node("seed", "echo", value=1), make_node("loop", "echo")]
    links = [make_link("seed.out", "loop.value"), make_link("loop.out", "loop.value")]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))

    async def has_looped() -> bool:
        return (await handle.query("get_progress"))["completed"] > 20

    await eventually(has_looped)
    await handle.signal("stop", StopRequest())
    result = await handle.result()
    assert result.status is ExecutionStatus.TERMINATED
    assert result.stats.node_exec_count > 20


async def test_cancel_that_comes_while_the_run_is_being_closed_changes_nothing(idle_engine: Engine) -> None:
    """The row says COMPLETED by then, so the workflow must say so too."""
    closing, may_close = asyncio.Event(), asyncio.Event()

    @activity.defn(name="close_execution")
    async def close_slowly(closing_input: CloseExecutionInput) -> CloseExecutionResult:
        closing.set()
        await may_close.wait()
        return CloseExecutionResult()

    engine = idle_engine.on_task_queue(f"closing-{new_id()}")
    handle = await engine.start(make_graph([make_node("a", "echo", value=1)], blocks=engine.blocks))
    async with (
        activity_set(engine.client, engine.settings, blocks=engine.blocks) as activities,
        Worker(
            engine.client,
            task_queue=engine.task_queue,
            workflows=list(WORKFLOWS),
            activities=[activities.blocks.execute_block, close_slowly],
            workflow_runner=sandbox(),
        ),
    ):
        await closing.wait()
        await handle.cancel()
        await handle.signal("cancel", StopRequest())

        async def cancel_has_arrived() -> bool:
            history = await handle.fetch_history()
            kinds = [event.event_type for event in history.events]
            asked = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
            ended = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
            return asked in kinds and ended in kinds[kinds.index(asked) :]

        await eventually(cancel_has_arrived)
        may_close.set()
        result = await handle.result()
    assert result.status is ExecutionStatus.COMPLETED
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_stop_before_any_worker_runs(idle_engine: Engine) -> None:
    handle = await idle_engine.start(slow_graph(idle_engine))
    await handle.signal("stop", StopRequest(grace_seconds=0))
    async with idle_engine.worker():
        result = await asyncio.wait_for(handle.result(), 60)
    assert result.status is ExecutionStatus.TERMINATED


async def stored_state(engine: Engine, graph_exec_id: str) -> tuple[str, dict[str, Any], int]:
    """Status and outputs of the run's row, and how many node rows are still open."""
    from sqlalchemy import text

    async with engine.database.transaction() as session:
        row = (
            await session.execute(
                text("select status, outputs from graph_executions where id = :id"), {"id": graph_exec_id}
            )
        ).one()
        open_nodes = await session.scalar(
            text("select count(*) from node_executions where graph_exec_id = :id and status_rank < 3"),
            {"id": graph_exec_id},
        )
    return row.status, row.outputs, open_nodes or 0
