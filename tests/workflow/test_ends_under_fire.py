"""A block that would run for minutes is gone soon after its run is ended, also if its worker dies just then."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle

from activities.blocks.registry import BlockRegistry
from models.blocks import Block, BlockContext, BlockEffect, Emission
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import child_graph_exec_id, new_id, workflow_id
from models.wire import StopRequest
from tests.builders import make_agent_node, make_graph, make_link, make_node
from tests.engine import OWNER, Engine
from tests.polling import eventually
from tests.sample_blocks import SleepInput, ValueOutput, sample_registry
from tests.workflow.test_worker_death import lines, worker_process

Handle = WorkflowHandle[Any, Any]

TEN_MINUTES = 600


class LingeringBlock(Block[SleepInput]):
    """Sleeps; `alive` holds the node executions that do so now."""

    id = "lingering"
    description = "Sleeps."
    effect = BlockEffect.READ
    Input = SleepInput
    Output = ValueOutput

    alive: ClassVar[set[str]] = set()

    async def run(self, input: SleepInput, context: BlockContext) -> AsyncIterator[Emission]:
        self.alive.add(context.graph_exec_id)
        try:
            await asyncio.sleep(input.seconds)
        finally:
            self.alive.discard(context.graph_exec_id)
        yield "out", input.value


@pytest.mark.parametrize("how", ["stop", "cancel", "temporal"])
async def test_a_long_block_is_gone_long_before_its_time(idle_engine: Engine, how: str) -> None:
    blocks = BlockRegistry([*sample_registry().all(), LingeringBlock])
    engine = replace(idle_engine.on_task_queue(f"lingering-{new_id()}"), blocks=blocks)
    async with engine.worker():
        handle = await engine.start(
            make_graph([make_node("slow", "lingering", seconds=TEN_MINUTES)], [], blocks=engine.blocks)
        )
        await eventually(lambda: bool(LingeringBlock.alive))
        await end(handle, how)
        await eventually(lambda: not LingeringBlock.alive, seconds=TEN_MINUTES / 10)
        await closed(handle)
    [row] = await engine.all_nodes(handle)
    assert row.status is ExecutionStatus.TERMINATED


async def end(handle: Handle, how: str) -> None:
    if how == "temporal":
        await handle.cancel()
    else:
        await handle.signal(how, StopRequest(grace_seconds=0))


async def closed(handle: Handle) -> None:
    try:
        await asyncio.wait_for(handle.result(), 120)
    except WorkflowFailureError:
        return


def slow(engine: Engine, effects: Path) -> Graph:
    """A block that leaves a line where it begins, and one that waits for it."""
    nodes = [make_node("slow", "keyed_file_write", path=str(effects), seconds=TEN_MINUTES), make_node("after", "echo")]
    return make_graph(nodes, [make_link("slow.out", "after.value")], blocks=engine.blocks)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("asked", [False, True], ids=["at once", "when a block is asked to end"])
async def test_runs_end_although_their_worker_is_killed_just_then(
    idle_engine: Engine, tmp_path: Path, asked: bool
) -> None:
    """Stopped, cancelled in both ways, and with a run inside; another worker ends them, and nothing runs any more."""
    engine = idle_engine.on_task_queue(f"deadly-{new_id()}")
    ways = ("stop", "cancel", "temporal", "stop")
    files = [tmp_path / str(number) for number in range(len(ways))]
    graphs = [slow(engine, file) for file in files]
    child = await engine.save(graphs[-1])
    graphs[-1] = make_graph([make_agent_node("agent", child)], [], blocks=engine.blocks)
    handles = [await engine.start(graph) for graph in graphs]
    async with worker_process(engine.settings, engine.task_queue) as first:
        await eventually(lambda: all(lines(file) for file in files))
        await asyncio.gather(*(end(handle, way) for handle, way in zip(handles, ways, strict=True)))
        if asked:
            await eventually(lambda: block_is_asked_to_end(handles[0]))
        first.send_signal(signal.SIGKILL)
        await first.wait()
    async with worker_process(engine.settings, engine.task_queue):
        await asyncio.gather(*(closed(handle) for handle in handles))
        inside = await child_of(engine, handles[-1])
        await closed(inside)
        left = [lines(file) for file in files]

        for handle, way in zip(handles, ways, strict=True):
            description = await handle.describe()
            canceled = way != "stop"
            assert (description.status is WorkflowExecutionStatus.CANCELED) == canceled, way
            assert not description.raw_description.pending_activities
        assert not (await inside.describe()).raw_description.pending_activities
        for handle in (*handles, inside):
            assert {row.status for row in await engine.all_nodes(handle)} == {ExecutionStatus.TERMINATED}
        for graph, handle in zip((*graphs, child), (*handles, inside), strict=True):
            run = await engine.find_run(graph, handle)
            assert run is not None
            assert run.status is ExecutionStatus.TERMINATED
        assert [lines(file) for file in files] == left


async def block_is_asked_to_end(handle: Handle) -> bool:
    events = (await handle.fetch_history()).events
    return any(event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED for event in events)


async def child_of(engine: Engine, handle: Handle) -> Handle:
    [row] = [row for row in await engine.all_nodes(handle) if row.node_id == "agent"]
    child = child_graph_exec_id(row.node_exec_id, row.generation)
    return engine.client.get_workflow_handle(workflow_id(child, OWNER))
