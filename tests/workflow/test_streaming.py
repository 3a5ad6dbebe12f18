"""Blocks that emit while they run: what is behind them runs meanwhile, and gets each value once and in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.blocks.registry import BlockRegistry
from models.blocks import Block, BlockContext, BlockEffect, BlockInput, Emission, pin
from models.controls import ControlRequest, NodeControl, RunOptions
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import new_id
from models.wire import StopRequest
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, graph_exec_id_of
from tests.polling import eventually
from tests.sample_blocks import ValueOutput, sample_registry
from tests.workflow.test_continue_as_new import chain_of, counting
from tests.workflow.test_stop_and_cancel import stored_state
from tests.workflow.test_worker_death import worker_process

Handle = WorkflowHandle[Any, Any]


class GatedStreamInput(BlockInput):
    before: int = pin()
    after: int = pin()
    size: int = pin(0)


class GatedStreamBlock(Block[GatedStreamInput]):
    """Objects with a number `n` and a text of `size` characters: some before the gate of its run opens, some after."""

    id = "gated_stream"
    description = "Emits, waits at a gate, emits."
    effect = BlockEffect.READ
    streams = True
    replayable_stream = True
    Input = GatedStreamInput
    Output = ValueOutput

    gates: ClassVar[dict[str, asyncio.Event]] = {}

    async def run(self, input: GatedStreamInput, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(input.before + input.after):
            if number == input.before:
                await self.gate_of(context.graph_exec_id).wait()
            yield "out", {"n": number, "text": "x" * input.size}

    @classmethod
    def gate_of(cls, graph_exec_id: str) -> asyncio.Event:
        return cls.gates.setdefault(graph_exec_id, asyncio.Event())


@asynccontextmanager
async def streaming(engine: Engine) -> AsyncIterator[Engine]:
    blocks = BlockRegistry([*sample_registry().all(), GatedStreamBlock])
    own = replace(engine.on_task_queue(f"streaming-{new_id()}"), blocks=blocks)
    async with own.worker():
        yield own


def gated(engine: Engine, *, before: int, after: int, size: int = 0) -> Graph:
    """The numbers of what is emitted go through an echo to the output `out`."""
    nodes = [
        make_node("stream", "gated_stream", before=before, after=after, size=size),
        make_node("each", "echo"),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [make_link("stream.out_#_n", "each.value"), make_link("each.out", "out.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


def plain(engine: Engine, block: str = "stream", **constants: Any) -> Graph:
    """What is emitted goes to the output `out`, an error to `error`."""
    nodes = [
        make_node("stream", block, {"retry": {"initial_seconds": 0.01}}, **constants),
        make_node("out", "agent_output_block", name="out"),
        make_node("error", "agent_output_block", name="error"),
    ]
    links = [make_link("stream.out", "out.value"), make_link("stream.error", "error.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


def open_gate(handle: Handle) -> None:
    GatedStreamBlock.gate_of(graph_exec_id_of(handle)).set()


async def until_through(engine: Engine, handle: Handle, count: int) -> None:
    """Waits until so many values have reached the output."""

    async def are_through() -> bool:
        rows = await engine.all_nodes(handle)
        done = [row for row in rows if row.node_id == "out" and row.status is ExecutionStatus.COMPLETED]
        return len(done) >= count

    await eventually(are_through)


async def test_what_is_behind_a_stream_runs_before_it_has_ended(idle_engine: Engine) -> None:
    async with streaming(idle_engine) as engine:
        handle = await engine.start(gated(engine, before=3, after=2))
        await until_through(engine, handle, 3)
        progress = await handle.query("get_progress")
        assert progress["in_flight"] == 1
        open_gate(handle)
        assert (await engine.outcome(await handle.result())).outputs == {"out": [0, 1, 2, 3, 4]}


@pytest.mark.parametrize("size", [0, 20_000], ids=["small", "by reference"])
async def test_many_values_come_once_and_in_order(idle_engine: Engine, size: int) -> None:
    """More than one batch before and after the gate; only a part of each value is linked."""
    async with streaming(idle_engine) as engine:
        handle = await engine.start(gated(engine, before=70, after=80, size=size))
        await until_through(engine, handle, 70)
        open_gate(handle)
        outcome = await engine.outcome(await handle.result())
        [stream] = [row for row in await engine.all_nodes(handle) if row.node_id == "stream"]
    assert outcome.outputs == {"out": list(range(150))}
    assert len(stream.outputs) == 150
    assert {value.ref is None for _, value in stream.outputs} == {size == 0}


async def test_large_values_of_a_stream_travel_whole(idle_engine: Engine) -> None:
    async with streaming(idle_engine) as engine:
        nodes = [
            make_node("stream", "gated_stream", before=0, after=60, size=20_000),
            make_node("out", "agent_output_block", name="out"),
        ]
        graph = make_graph(nodes, [make_link("stream.out", "out.value")], blocks=engine.blocks)
        handle = await engine.start(graph)
        open_gate(handle)
        outcome = await engine.outcome(await handle.result())
    assert [value["n"] for value in outcome.outputs["out"]] == list(range(60))
    assert {len(value["text"]) for value in outcome.outputs["out"]} == {20_000}


async def test_a_failure_in_the_middle_leaves_what_came_before(engine: Engine) -> None:
    handle = await engine.start(plain(engine, count=200, fail_at=70))
    outcome = await engine.outcome(await handle.result())
    [stream] = [row for row in await engine.all_nodes(handle) if row.node_id == "stream"]
    assert outcome.outputs == {"out": list(range(70)), "error": ["no more"]}
    assert (stream.status, len(stream.outputs)) == (ExecutionStatus.FAILED, 70)
    assert outcome.result.stats.node_error_count == 1


async def test_a_retry_by_hand_streams_anew(engine: Engine) -> None:
    """What its first generation has emitted stays."""
    graph = plain(engine, "once_stream", count=60, fail_at=55)
    handle = await engine.start(graph, run_options=RunOptions(hold_on_failure=True))

    async def is_held() -> bool:
        return (await handle.query("get_progress"))["held"] == 1

    await eventually(is_held)
    [stream] = [row for row in await engine.all_nodes(handle) if row.node_id == "stream"]
    control = NodeControl(node_exec_id=stream.node_exec_id, requested_by="user-1")
    await handle.execute_update("retry_node", control, id=new_id())

    async def is_held_again() -> bool:
        progress = await handle.query("get_progress")
        rows = await engine.all_nodes(handle)
        return progress["held"] == 1 and max(row.generation for row in rows) == 1

    await eventually(is_held_again)
    await handle.execute_update("release_hold", ControlRequest(), id=new_id())
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"out": [*range(55), *range(55)], "error": ["no more"] * 2}


@pytest.mark.parametrize("by", ["stop", "cancel"])
async def test_a_run_that_is_ended_keeps_what_has_come(idle_engine: Engine, by: str) -> None:
    async with streaming(idle_engine) as engine:
        handle = await engine.start(gated(engine, before=60, after=60))
        await until_through(engine, handle, 60)
        await handle.signal(by, StopRequest(grace_seconds=0))
        if by == "cancel":
            with pytest.raises(WorkflowFailureError):
                await handle.result()
        else:
            await handle.result()
        status, outputs, open_nodes = await stored_state(engine, graph_exec_id_of(handle))
    assert (status, open_nodes) == ("TERMINATED", 0)
    assert [value["inline"] for value in outputs["graph"]["out"]] == list(range(60))


async def test_nothing_is_routed_while_paused_and_nothing_lost(idle_engine: Engine) -> None:
    async with streaming(idle_engine) as engine:
        handle = await engine.start(gated(engine, before=60, after=120))
        await until_through(engine, handle, 60)
        await handle.signal("pause", ControlRequest(requested_by="user-1"))

        async def is_paused() -> bool:
            return (await handle.query("get_progress"))["paused"]

        await eventually(is_paused)
        open_gate(handle)

        async def stream_has_ended() -> bool:
            rows = await engine.all_nodes(handle)
            return any(row.node_id == "stream" and row.status is ExecutionStatus.COMPLETED for row in rows)

        await eventually(stream_has_ended)
        progress = await handle.query("get_progress")
        assert (progress["routed"], progress["paused"]) == (120, True)
        assert len([row for row in await engine.all_nodes(handle) if row.node_id == "each"]) == 60
        await handle.signal("resume", ControlRequest(requested_by="user-1"))
        assert (await engine.outcome(await handle.result())).outputs == {"out": list(range(180))}


async def test_a_run_does_not_begin_anew_while_a_stream_is_under_way(restless_engine: Engine) -> None:
    """A loop beside it makes the history long; the run begins anew as soon as the stream has ended."""
    nodes, links = counting(limit=60)
    nodes += [
        make_node("stream", "gated_stream", before=3, after=3),
        make_node("out", "agent_output_block", name="out"),
    ]
    links.append(make_link("stream.out_#_n", "out.value"))
    async with streaming(restless_engine) as engine:
        handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
        first_run_id = (await handle.describe()).run_id

        async def history_is_long() -> bool:
            return (await handle.query("get_progress"))["completed"] >= 30

        await eventually(history_is_long)
        assert (await handle.describe()).run_id == first_run_id
        open_gate(handle)
        outcome = await engine.outcome(await handle.result())
        runs = await chain_of(engine, handle)
    assert outcome.outputs == {"out": list(range(6))}
    assert outcome.result.stats.node_exec_count == 1 + 60 + 1 + 6
    assert len(runs) >= 2
    for run in runs:
        kinds = [event.event_type for event in (await run.fetch_history()).events]
        scheduled = kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
        assert scheduled == kinds.count(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
        assert (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED in kinds) == (run is runs[0])


@pytest.mark.timeout(180)
async def test_the_process_of_running_streams_is_killed(idle_engine: Engine) -> None:
    """One kills it after its 120th value, the others are in the middle then."""
    engine = idle_engine.on_task_queue(f"deadly-{new_id()}")
    killer = await engine.start(plain(engine, count=150, pause=0.02, die_at=120))
    replayable = await engine.start(plain(engine, count=200, pause=0.03))
    once = await engine.start(plain(engine, "once_stream", count=200, pause=0.03))
    async with worker_process(engine.settings, engine.task_queue) as first:
        await asyncio.wait_for(first.wait(), 60)
    async with worker_process(engine.settings, engine.task_queue):
        outcomes = [await engine.outcome(await handle.result()) for handle in (killer, replayable, once)]

    assert outcomes[0].outputs == {"out": list(range(150))}
    assert outcomes[1].outputs == {"out": list(range(200))}
    values = outcomes[2].outputs["out"]
    assert values == list(range(len(values)))
    assert 0 < len(values) < 200
    assert "interrupted" in outcomes[2].outputs["error"][0]
    [failed] = outcomes[2].result.stats.failed_nodes
    assert failed.code == "stream_interrupted"
