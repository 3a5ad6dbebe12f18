"""A run while its large state is being stored or read again: it ends when told to, and loses nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from activities.carry_state import CarryingActivities
from infra.blobs import open_blob_store
from infra.crypto import KeyRing
from models.errors import NotFoundError
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import new_id
from models.ports import BlobStore
from models.value_store import ValueStore
from models.wire import StopRequest
from services.worker.container import activity_set, build_worker, sandbox
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine
from tests.polling import eventually
from tests.workflow.test_continue_as_new import chain_of, counting
from tests.workflow.waiting import decision, update, waiting

Handle = WorkflowHandle[Any, Any]
Step = Literal["store", "load"]


@dataclass
class GatedBlobs:
    """The port BlobStore; the first call of the kind `held` waits until the gate opens. `lost`: it finds nothing."""

    blobs: BlobStore
    held: Step
    lost: bool = False

    def __post_init__(self) -> None:
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def _hold(self, step: Step) -> None:
        if step == self.held:
            self.begun.set()
            await self.gate.wait()

    async def put(self, key: str, data: bytes) -> None:
        await self._hold("store")
        await self.blobs.put(key, data)

    async def get(self, key: str) -> bytes:
        await self._hold("load")
        if self.lost:
            raise NotFoundError(f"There is no blob {key!r}.")
        return await self.blobs.get(key)

    async def delete_prefix(self, prefix: str) -> None:
        await self.blobs.delete_prefix(prefix)


@asynccontextmanager
async def gated(engine: Engine, held: Step, *, lost: bool = False) -> AsyncIterator[tuple[Engine, GatedBlobs]]:
    """A worker that carries states through the gate; what blocks store does not pass it."""
    settings = engine.settings
    keys = KeyRing.parse(settings.encryption.encryption_keys.get_secret_value())
    blobs = GatedBlobs(open_blob_store(settings.blobs, keys), held, lost)
    own = engine.on_task_queue(f"carrying-{new_id()}")
    async with (
        activity_set(own.client, settings, blocks=own.blocks) as activities,
        build_worker(
            own.client,
            replace(activities, carrying=CarryingActivities(values=ValueStore(blobs))),
            task_queue=own.task_queue,
            settings=settings.worker,
            workflow_runner=sandbox(),
        ),
    ):
        yield own, blobs


def large_values(engine: Engine) -> Graph:
    """1.5 MB wait for a partner beside a loop: they are stored before the run begins anew."""
    nodes, links = counting(limit=30)
    nodes += [make_node(f"many{i}", "spread", count=25, size=15_000) for i in range(4)]
    nodes.append(make_node("pair", "create_dictionary_block"))
    links += [make_link(f"many{i}.out", "pair.values_#_x") for i in range(4)]
    links.append(make_link("count.again", "pair.values_#_y"))
    return make_graph(nodes, links, blocks=engine.blocks)


def small_values(engine: Engine) -> Graph:
    """So many small values that the state itself is stored, and read again by the run that goes on."""
    nodes, links = counting(limit=30)
    nodes += [make_node(f"many{i}", "spread", count=10_000, size=100) for i in range(2)]
    nodes.append(make_node("pair", "create_dictionary_block"))
    links += [make_link(f"many{i}.out", "pair.values_#_x") for i in range(2)]
    links.append(make_link("count.again", "pair.values_#_y"))
    return make_graph(nodes, links, blocks=engine.blocks)


async def start(engine: Engine, step: Step) -> tuple[Graph, Handle]:
    graph = large_values(engine) if step == "store" else small_values(engine)
    return graph, await engine.start(graph)


async def until_begun(blobs: GatedBlobs) -> None:
    await asyncio.wait_for(blobs.begun.wait(), 120)


async def until_told(engine: Engine, handle: Handle, flag: str) -> None:
    """Waits until the workflow has taken the signal."""

    async def has_taken_it() -> bool:
        return (await engine.client.get_workflow_handle(handle.id).query("get_progress"))[flag]

    await eventually(has_taken_it)


@pytest.mark.parametrize("step", ["store", "load"])
async def test_a_stop_while_the_state_is_carried(restless_engine: Engine, step: Step) -> None:
    async with gated(restless_engine, step) as (engine, blobs):
        graph, handle = await start(engine, step)
        await until_begun(blobs)
        await engine.client.get_workflow_handle(handle.id).signal("stop", StopRequest(reason="enough"))
        await until_told(engine, handle, "stopping")
        blobs.gate.set()
        result = await asyncio.wait_for(handle.result(), 60)
        run = await engine.find_run(graph, handle)
    assert (result.status, result.error) == (ExecutionStatus.TERMINATED, "enough")
    assert run is not None
    assert run.status is ExecutionStatus.TERMINATED
    assert result.stats.node_exec_count > 5


@pytest.mark.parametrize("by_signal", [True, False], ids=["signal", "temporal"])
@pytest.mark.parametrize("step", ["store", "load"])
async def test_a_cancel_while_the_state_is_carried(restless_engine: Engine, step: Step, by_signal: bool) -> None:
    async with gated(restless_engine, step) as (engine, blobs):
        graph, handle = await start(engine, step)
        await until_begun(blobs)
        latest: Handle = engine.client.get_workflow_handle(handle.id)
        await (latest.signal("cancel", StopRequest()) if by_signal else latest.cancel())
        if by_signal:
            await until_told(engine, handle, "stopping")
        blobs.gate.set()
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(handle.result(), 60)
        run = await engine.find_run(graph, handle)
    assert (await latest.describe()).status is WorkflowExecutionStatus.CANCELED
    assert run is not None
    assert run.status is ExecutionStatus.TERMINATED


async def test_a_state_that_is_lost_ends_the_run_as_failed(restless_engine: Engine) -> None:
    async with gated(restless_engine, "load", lost=True) as (engine, blobs):
        blobs.gate.set()
        graph, handle = await start(engine, "load")
        with pytest.raises(WorkflowFailureError) as caught:
            await asyncio.wait_for(handle.result(), 120)
        run = await engine.find_run(graph, handle)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "state_lost"
    assert (await engine.client.get_workflow_handle(handle.id).describe()).status is WorkflowExecutionStatus.FAILED
    assert run is not None
    assert run.status is ExecutionStatus.FAILED
    assert run.error_code == "state_lost"


@pytest.mark.parametrize("step", ["store", "load"])
async def test_a_pause_while_the_state_is_carried_holds(restless_engine: Engine, step: Step) -> None:
    async with gated(restless_engine, step) as (engine, blobs):
        _, handle = await start(engine, step)
        await until_begun(blobs)
        latest: Handle = engine.client.get_workflow_handle(handle.id)
        await latest.signal("pause")
        await until_told(engine, handle, "paused")
        blobs.gate.set()

        async def is_quiet() -> bool:
            progress = await latest.query("get_progress")
            return progress["paused"] and not progress["in_flight"] and progress["completed"] > 0

        await eventually(is_quiet)
        completed = (await latest.query("get_progress"))["completed"]
        assert completed < 30
        await latest.signal("resume")
        outcome = await engine.outcome(await handle.result())
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_error_count == 0
    assert len(outcome.terminal["pair"]["dictionary"]) == 29


async def test_a_decision_while_the_state_is_stored_is_carried_out(restless_engine: Engine) -> None:
    """An accepted Update is neither lost with the run that took it nor refused by the next one."""
    async with gated(restless_engine, "store") as (engine, blobs):
        graph = large_values(engine)
        nodes = [*graph.nodes, make_node("ask", "human_in_the_loop_block", data="go", name="?")]
        nodes.append(make_node("out", "agent_output_block", name="out"))
        links = [*graph.links, make_link("ask.approved_data", "out.value")]
        handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
        await until_begun(blobs)
        latest: Handle = engine.client.get_workflow_handle(handle.id)
        [row] = await waiting(engine, latest, "ask")
        await update(latest, "submit_review", decision(row.node_exec_id))
        blobs.gate.set()
        outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 120))
        assert len(await chain_of(engine, handle)) >= 2
    assert outcome.outputs == {"out": ["go"]}
