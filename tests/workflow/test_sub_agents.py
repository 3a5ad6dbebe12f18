"""Graphs that run other graphs: what goes in and comes out, how ends are handed on, and what a death changes."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus, WorkflowFailureError

from models.controls import ControlRequest, RunOptions
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import GraphExecId, new_id, workflow_id
from models.wire import StopRequest
from tests.builders import make_agent_node, make_graph, make_link, make_node
from tests.engine import OWNER, Engine, graph_exec_id_of
from tests.polling import eventually
from tests.sample_blocks import Journal
from tests.workflow.waiting import Handle, decision, rows_in, update, waiting
from workflows import options


def adder(engine: Engine) -> Graph:
    """x + 1 on y, twice: as it is, and formatted."""
    nodes = [
        make_node("in", "agent_input_block", name="x"),
        make_node("sum", "sum", b=1),
        make_node("y", "agent_output_block", name="y"),
        make_node("z", "agent_output_block", name="z", format="<{{ z }}>"),
    ]
    links = [make_link("in.result", "sum.a"), make_link("sum.out", "y.value"), make_link("sum.out", "z.value")]
    return make_graph(nodes, links, blocks=engine.blocks, name="Adder")


def parent_of(engine: Engine, child: Graph, **inputs: Any) -> Graph:
    nodes = [
        make_agent_node("agent", child, **inputs),
        make_node("y", "agent_output_block", name="y"),
        make_node("error", "agent_output_block", name="error"),
    ]
    links = [make_link("agent.y", "y.value"), make_link("agent.error", "error.value")]
    return make_graph(nodes, links, blocks=engine.blocks, name="Parent")


def parent_of_each(engine: Engine, child: Graph, *, count: int) -> Graph:
    """Runs the child with x = 0, 1, ... on output y."""
    nodes = [
        make_node("each", "spread", count=count),
        make_agent_node("agent", child),
        make_node("y", "agent_output_block", name="y"),
    ]
    links = [make_link("each.out", "agent.x"), make_link("agent.y", "y.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


async def child_handle(engine: Engine, handle: Handle, node_id: str = "agent") -> Handle:
    [row] = await waiting(engine, handle, node_id)
    assert row.wait is not None
    assert row.wait.graph_exec_id is not None
    return engine.client.get_workflow_handle(workflow_id(GraphExecId(row.wait.graph_exec_id), OWNER))


def sleeper(engine: Engine) -> Graph:
    nodes = [make_node("slow", "sleep", value="never", seconds=600), make_node("y", "agent_output_block", name="y")]
    return make_graph(nodes, [make_link("slow.out", "y.value")], blocks=engine.blocks, name="Sleeper")


async def test_inputs_go_in_and_outputs_come_out(engine: Engine) -> None:
    child = await engine.save(adder(engine))
    nodes = [
        make_node("in", "agent_input_block", name="x"),
        make_agent_node("agent", child),
        make_node("y", "agent_output_block", name="y"),
        make_node("z", "agent_output_block", name="z"),
    ]
    links = [make_link("in.result", "agent.x"), make_link("agent.y", "y.value"), make_link("agent.z", "z.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    handle = await engine.start(graph, {"x": 41})
    outcome = await engine.outcome(await handle.result())

    assert outcome.outputs == {"y": [42], "z": ["<42.0>"]}
    assert outcome.result.stats.node_exec_count == 8, "four of its own, four inside"


async def test_a_child_is_an_execution_of_its_own(engine: Engine) -> None:
    child = await engine.save(adder(engine))
    handle = await engine.start(parent_of(engine, child, x=1))
    await handle.result()
    [row] = [row for row in await engine.all_nodes(handle) if row.node_id == "agent"]
    assert row.status is ExecutionStatus.COMPLETED

    found: list[WorkflowExecution] = []
    query = f'ParentExecution = "{graph_exec_id_of(handle)}"'

    async def is_listed() -> bool:
        found[:] = [workflow async for workflow in engine.client.list_workflows(query)]
        return bool(found)

    await eventually(is_listed)
    inside: Handle = engine.client.get_workflow_handle(found[0].id)
    run = await engine.find_run(child, inside)
    assert run is not None
    assert (run.status, run.trigger, run.graph_id) == (ExecutionStatus.COMPLETED, "agent", child.id)
    assert found[0].typed_search_attributes.search_attributes


async def test_every_item_of_a_loop_runs_its_own_child(engine: Engine) -> None:
    child = await engine.save(adder(engine))
    outcome = await engine.execute(parent_of_each(engine, child, count=5))
    assert outcome.outputs == {"y": [1, 2, 3, 4, 5]}


async def test_a_failed_child_yields_error(engine: Engine) -> None:
    """Its own nodes may fail without that; what it emitted before stays."""
    nodes = [
        make_node("b", "broke"),
        make_node("first", "echo", value=1),
        make_node("y", "agent_output_block", name="y"),
    ]
    child = await engine.save(make_graph(nodes, [make_link("first.out", "y.value")], blocks=engine.blocks))
    outcome = await engine.execute(parent_of(engine, child))
    [message] = outcome.outputs["error"]
    assert "FAILED" in message
    assert "Insufficient balance" in message
    assert outcome.result.status is ExecutionStatus.COMPLETED


async def test_a_stopped_child_yields_error(engine: Engine) -> None:
    child = await engine.save(sleeper(engine))
    handle = await engine.start(parent_of(engine, child))
    inside = await child_handle(engine, handle)
    await eventually(lambda: graph_exec_id_of(inside) in Journal.running)
    await inside.signal("stop", StopRequest(grace_seconds=0, reason="enough"))
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"error": ["The sub-agent ended TERMINATED: enough"]}


@pytest.mark.parametrize("how", ["stop", "cancel", "temporal"])
async def test_a_parent_that_ends_leaves_no_child(engine: Engine, how: str) -> None:
    child = await engine.save(sleeper(engine))
    middle = await engine.save(parent_of(engine, child))
    handle = await engine.start(parent_of(engine, middle))
    between = await child_handle(engine, handle)
    inside = await child_handle(engine, between)
    await eventually(lambda: graph_exec_id_of(inside) in Journal.running)
    if how == "temporal":
        await handle.cancel()
    else:
        await handle.signal(how, StopRequest(grace_seconds=0))
    await eventually_closed(handle)
    for workflow in (between, inside):
        assert (await workflow.describe()).status is not WorkflowExecutionStatus.RUNNING
    assert {row.status for row in await engine.all_nodes(handle)} == {ExecutionStatus.TERMINATED}


async def eventually_closed(handle: Handle) -> None:
    async def is_closed() -> bool:
        return (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING

    await eventually(is_closed)


async def test_children_pause_with_their_parent(engine: Engine) -> None:
    nodes = [
        make_node("ask", "human_in_the_loop_block", data=1, name="?"),
        make_node("y", "agent_output_block", name="y"),
    ]
    links = [make_link("ask.approved_data", "y.value")]
    child = await engine.save(make_graph(nodes, links, blocks=engine.blocks))
    handle = await engine.start(parent_of(engine, child))
    inside = await child_handle(engine, handle)
    [row] = await waiting(engine, inside, "ask")

    async def is_paused() -> bool:
        return (await inside.query("get_progress"))["paused"]

    await handle.signal("pause", ControlRequest(requested_by="user-1"))
    await eventually(is_paused)
    await update(inside, "submit_review", decision(row.node_exec_id))
    assert (await inside.query("get_progress"))["completed"] == 0
    await handle.signal("resume", ControlRequest(requested_by="user-1"))
    assert (await engine.outcome(await handle.result())).outputs == {"y": [1]}


async def test_agents_are_nested_ten_deep_at_most(engine: Engine) -> None:
    graph = await engine.save(adder(engine))
    for _ in range(2):
        graph = await engine.save(parent_of(engine, graph, x=0))
    assert (await engine.execute(graph, run_options=RunOptions(depth=8))).outputs == {"y": [1]}
    outcome = await engine.execute(graph, run_options=RunOptions(depth=9))
    assert "10 deep" in outcome.outputs["error"][0]


@pytest.mark.parametrize("user_id", ["user-1", "user-2"])
async def test_a_graph_that_is_not_there_fails_the_node(engine: Engine, user_id: str) -> None:
    """Another user's is not there either."""
    child = (
        adder(engine)
        if user_id == "user-1"
        else await engine.save(adder(engine).model_copy(update={"user_id": user_id}))
    )
    outcome = await engine.execute(parent_of(engine, child, x=1))
    assert outcome.outputs == {"error": [f"Graph #{child.id} in version 1 not found or access denied."]}


async def test_a_child_that_cannot_run_fails_the_node(engine: Engine) -> None:
    nodes = [make_node("in", "agent_input_block", name="x"), make_node("sum", "sum", b=1)]
    child = await engine.save(make_graph(nodes, [], blocks=engine.blocks))
    outcome = await engine.execute(parent_of(engine, child))
    assert "cannot run" in outcome.outputs["error"][0]


async def test_children_go_on_while_their_parent_begins_anew(restless_engine: Engine) -> None:
    engine = restless_engine
    nodes = [
        make_node("ask", "human_in_the_loop_block", data=1, name="?"),
        make_node("y", "agent_output_block", name="y"),
    ]
    links = [make_link("ask.approved_data", "y.value")]
    child = await engine.save(make_graph(nodes, links, blocks=engine.blocks))
    graph = parent_of(engine, child)
    chain = [make_node(f"n{i}", "echo", **({"value": 0} if i == 0 else {})) for i in range(25)]
    more = [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(24)]
    graph = make_graph([*graph.nodes, *chain], [*graph.links, *more], blocks=engine.blocks)
    handle = await engine.start(graph)
    first = (await handle.describe()).run_id
    latest: Handle = engine.client.get_workflow_handle(handle.id)

    async def has_begun_anew() -> bool:
        return (await latest.describe()).run_id != first

    await eventually(has_begun_anew)
    inside = await child_handle(engine, latest)
    [row] = await waiting(engine, inside, "ask")
    await update(inside, "submit_review", decision(row.node_exec_id))
    assert (await engine.outcome(await handle.result())).outputs == {"y": [1]}


async def test_children_that_are_to_start_go_with_a_run_that_begins_anew(
    restless_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history has grown too long before their nodes have told what they are to run."""
    monkeypatch.setattr(options, "FORCE_CONTINUE_AS_NEW_EVENTS", 30)
    engine = restless_engine
    child = await engine.save(adder(engine))
    handle = await engine.start(parent_of_each(engine, child, count=15))
    outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 60))
    assert outcome.outputs == {"y": list(range(1, 16))}
    assert outcome.result.stats.node_exec_count == 1 + 15 * (1 + 4 + 1)


async def test_a_worker_may_die_while_children_run(idle_engine: Engine) -> None:
    engine = idle_engine.on_task_queue(f"mortal-{new_id()}")
    nodes = [make_node("nap", "sleep", value="up", seconds=1.0), make_node("y", "agent_output_block", name="y")]
    child = await engine.save(make_graph(nodes, [make_link("nap.out", "y.value")], blocks=engine.blocks))
    async with engine.worker(worker_graceful_shutdown_seconds=0):
        handle = await engine.start(parent_of(engine, child))
        inside = await child_handle(engine, handle)
        await eventually(lambda: graph_exec_id_of(inside) in Journal.running)
    async with engine.worker():
        result = await asyncio.wait_for(handle.result(), 60)
    assert (await engine.outcome(result)).outputs == {"y": ["up"]}
    rows = await rows_in(engine, handle, "agent", ExecutionStatus.COMPLETED)
    assert len(rows) == 1


async def test_a_run_makes_its_own_plan_if_it_has_none(engine: Engine) -> None:
    graph = await engine.save(adder(engine))
    handle = await engine.start(graph, {"x": 1}, without_plan=True)
    assert (await engine.outcome(await handle.result())).outputs["y"] == [2]


async def test_a_run_whose_graph_is_gone_is_recorded_as_failed(engine: Engine) -> None:
    graph = adder(engine)
    handle = await engine.start(graph, {"x": 1}, without_plan=True)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    run = await engine.find_run(graph, handle)
    assert run is not None
    assert (run.status, run.error_code) == (ExecutionStatus.FAILED, "not_found")
