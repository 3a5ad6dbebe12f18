"""One run of every shape that waits, or in which people took a hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.controls import (
    ControlRequest,
    DeadlineExtension,
    EventDelivery,
    GivenOutputs,
    NodeControl,
    RunOptions,
)
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import GraphExecId, new_id, workflow_id
from models.values import Value
from models.wire import NodeRecord, StopRequest
from tests.builders import make_agent_node, make_graph, make_link, make_node
from tests.engine import OWNER, Engine, graph_exec_id_of
from tests.polling import eventually
from tests.replay.handles import Handle, ended
from tests.sample_blocks import Journal
from tests.workflow.waiting import decision, rows_in, update, waiting

HELD = RunOptions(hold_on_failure=True)


async def timer(engine: Engine) -> Handle:
    nodes = [make_node("t", "countdown_timer_block", seconds=1, repeat=2), make_node("e", "echo")]
    graph = make_graph(nodes, [make_link("t.output_message", "e.value")], blocks=engine.blocks)
    return await ended(await engine.start(graph))


async def review(engine: Engine) -> Handle:
    handle = await engine.start(_review_graph(engine))
    [row] = await waiting(engine, handle, "ask")
    await update(handle, "submit_review", decision(row.node_exec_id, message="fine", data=Value(inline=2)))
    return await ended(handle)


async def review_that_expires(engine: Engine) -> Handle:
    settings = {"review": {"expires_after_seconds": 2, "remind_after_seconds": [1]}}
    return await ended(await engine.start(_review_graph(engine, settings)))


async def event(engine: Engine) -> Handle:
    nodes = [make_node("w", "wait_for_event_block", name="e"), make_node("e", "echo")]
    handle = await engine.start(make_graph(nodes, [make_link("w.payload", "e.value")], blocks=engine.blocks))
    await waiting(engine, handle, "w")
    await update(handle, "deliver_event", EventDelivery(name="e", payload=Value(inline=1)))
    return await ended(handle)


async def stopped_while_waiting(engine: Engine) -> Handle:
    handle = await engine.start(_review_graph(engine))
    await waiting(engine, handle, "ask")
    await handle.signal("stop", StopRequest(grace_seconds=0))
    return await ended(handle)


async def sub_agent(engine: Engine) -> Handle:
    nodes = [make_node("in", "agent_input_block", name="x"), make_node("y", "agent_output_block", name="y")]
    child = await engine.save(make_graph(nodes, [make_link("in.result", "y.value")], blocks=engine.blocks))
    return await ended(await engine.start(_parent(engine, child)))


async def run_inside(engine: Engine) -> Handle:
    """The child's own history: it makes its plan first, and reports its end."""
    child = await engine.save(_review_graph(engine))
    handle = await engine.start(_parent(engine, child))
    inside = await _inside(engine, handle)
    [row] = await waiting(engine, inside, "ask")
    await update(inside, "submit_review", decision(row.node_exec_id))
    await ended(handle)
    return inside


async def child_that_fails(engine: Engine) -> Handle:
    child = await engine.save(make_graph([make_node("b", "broke")], [], blocks=engine.blocks))
    return await ended(await engine.start(_parent(engine, child)))


async def run_without_a_graph(engine: Engine) -> Handle:
    """A run that has to make its plan, and whose graph is gone."""
    graph = _review_graph(engine)
    return await ended(await engine.start(graph, without_plan=True))


async def parent_stopped(engine: Engine) -> Handle:
    child = await engine.save(_review_graph(engine))
    handle = await engine.start(_parent(engine, child))
    await waiting(engine, await _inside(engine, handle), "ask")
    await handle.signal("stop", StopRequest(grace_seconds=0))
    return await ended(handle)


async def stream(engine: Engine) -> Handle:
    nodes = [make_node("s", "stream", count=5, pause=0.2), make_node("e", "echo")]
    graph = make_graph(nodes, [make_link("s.out", "e.value")], blocks=engine.blocks)
    return await ended(await engine.start(graph))


async def pause(engine: Engine) -> Handle:
    nodes = [make_node("s", "sleep", value=1, seconds=2.0), make_node("e", "echo")]
    handle = await engine.start(make_graph(nodes, [make_link("s.out", "e.value")], blocks=engine.blocks))
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    await handle.signal("pause", ControlRequest(requested_by="user-1"))
    await rows_in(engine, handle, "s", ExecutionStatus.COMPLETED)
    await handle.signal("resume", ControlRequest(requested_by="user-1"))
    return await ended(handle)


async def repairs(engine: Engine) -> Handle:
    """Held, retried, held, given outputs, held, released."""
    nodes = [
        make_node("a", "fails_at_first", key=new_id(), failures=1),
        make_node("b", "fail"),
        make_node("c", "fail"),
        make_node("d", "fail"),
    ]
    handle = await engine.start(make_graph(nodes, [], blocks=engine.blocks), run_options=HELD)
    failed: dict[str, NodeRecord] = {}
    for node in ("a", "b", "c", "d"):
        [failed[node]] = await rows_in(engine, handle, node, ExecutionStatus.FAILED)

    async def is_held() -> bool:
        return (await handle.query("get_progress"))["held"] > 0

    await eventually(is_held)
    await update(handle, "retry_node", NodeControl(node_exec_id=failed["a"].node_exec_id))
    await update(handle, "skip_node", NodeControl(node_exec_id=failed["b"].node_exec_id))
    await update(handle, "set_output", GivenOutputs(node_exec_id=failed["c"].node_exec_id, outputs=(("out", 1),)))
    await rows_in(engine, handle, "a", ExecutionStatus.COMPLETED)
    await eventually(is_held)
    await update(handle, "release_hold", ControlRequest(requested_by="user-1"))
    return await ended(handle)


async def deadline(engine: Engine) -> Handle:
    nodes = [make_node("ask", "human_in_the_loop_block", data=1, name="?")]
    later = datetime.now(UTC) + timedelta(hours=1)
    graph = make_graph(nodes, [], blocks=engine.blocks)
    handle = await engine.start(graph, run_options=RunOptions(deadline=later))
    await waiting(engine, handle, "ask")
    await update(handle, "extend_deadline", DeadlineExtension(until=datetime.now(UTC) + timedelta(seconds=1)))
    return await ended(handle)


async def pinned(engine: Engine) -> Handle:
    nodes = [make_node("a", "echo", value=1), make_node("b", "echo")]
    graph = make_graph(nodes, [make_link("a.out", "b.value")], blocks=engine.blocks)
    options = RunOptions(test=True)
    return await ended(await engine.start(graph, pinned={"a": [("out", 2)]}, run_options=options))


async def waits_carried_over(engine: Engine) -> Handle:
    """On a server that suggests continuing as new early; gives the run that takes up what waits."""
    child = await engine.save(_review_graph(engine))
    nodes = [
        *_parent(engine, child).nodes,
        make_node("t", "countdown_timer_block", days=1),
        *(make_node(f"n{i}", "echo", **({"value": 0} if i == 0 else {})) for i in range(12)),
    ]
    links = [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(11)]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    first = (await handle.describe()).run_id
    latest: Handle = engine.client.get_workflow_handle(handle.id)

    async def has_begun_anew() -> bool:
        return (await latest.describe()).run_id != first

    await eventually(has_begun_anew)
    second = (await latest.describe()).run_id
    inside = await _inside(engine, latest)
    [row] = await waiting(engine, inside, "ask")
    await update(inside, "submit_review", decision(row.node_exec_id))
    await rows_in(engine, latest, "agent", ExecutionStatus.COMPLETED)
    await latest.signal("stop", StopRequest(grace_seconds=0))
    await ended(latest)
    return engine.client.get_workflow_handle(handle.id, run_id=second)


SCENARIOS = (
    timer,
    review,
    review_that_expires,
    event,
    stopped_while_waiting,
    sub_agent,
    run_inside,
    child_that_fails,
    run_without_a_graph,
    parent_stopped,
    stream,
    pause,
    repairs,
    deadline,
    pinned,
)
RESTLESS_SCENARIOS = (waits_carried_over,)


def _review_graph(engine: Engine, metadata: dict[str, Any] | None = None) -> Graph:
    nodes = [
        make_node("ask", "human_in_the_loop_block", metadata, data=1, name="?"),
        make_node("y", "agent_output_block", name="y"),
    ]
    return make_graph(nodes, [make_link("ask.approved_data", "y.value")], blocks=engine.blocks)


def _parent(engine: Engine, child: Graph) -> Graph:
    nodes = [make_agent_node("agent", child, x=1), make_node("e", "echo")]
    return make_graph(nodes, [make_link("agent.y", "e.value")], blocks=engine.blocks)


async def _inside(engine: Engine, handle: Handle) -> Handle:
    [row] = await waiting(engine, handle, "agent")
    assert row.wait is not None
    assert row.wait.graph_exec_id is not None
    return engine.client.get_workflow_handle(workflow_id(GraphExecId(row.wait.graph_exec_id), OWNER))
