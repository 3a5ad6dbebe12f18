"""What people do to a run while it goes on: pause, repair, replace, hold, move deadlines; and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from models.controls import (
    ControlAction,
    ControlAnswer,
    ControlRequest,
    DeadlineExtension,
    EventDelivery,
    GivenOutputs,
    NodeControl,
    RunOptions,
)
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import NodeExecId, NodeId, new_id
from models.values import Value
from models.wire import StopRequest
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, graph_exec_id_of
from tests.polling import eventually
from tests.sample_blocks import Journal
from tests.workflow.waiting import Handle, decision, refused, rows_in, update, waiting

HELD = RunOptions(hold_on_failure=True)


def failing_graph(engine: Engine) -> Graph:
    """A node that fails until its third execution, and what hangs on its output and on its error."""
    nodes = [
        make_node("bad", "fails_at_first", value="x", key=new_id(), failures=2),
        make_node("good", "agent_output_block", name="good"),
        make_node("trouble", "agent_output_block", name="trouble"),
    ]
    links = [make_link("bad.out", "good.value"), make_link("bad.error", "trouble.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


async def held(engine: Engine, graph: Graph, handle: Handle) -> None:
    async def is_held() -> bool:
        run = await engine.find_run(graph, handle)
        return run is not None and (run.status, run.status_reason) == (ExecutionStatus.REVIEW, "failed_nodes")

    await eventually(is_held)


async def test_without_the_option_a_failure_does_not_hold_the_run(engine: Engine) -> None:
    outcome = await engine.execute(failing_graph(engine))
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_error_count == 1


async def test_a_held_run_is_repaired_by_retries(engine: Engine) -> None:
    """What the error has triggered stays; a retry that fails is held again."""
    graph = failing_graph(engine)
    handle = await engine.start(graph, run_options=HELD)
    for generation in (1, 2):
        await held(engine, graph, handle)
        [row] = await rows_in(engine, handle, "bad", ExecutionStatus.FAILED)
        await update(handle, "retry_node", NodeControl(node_exec_id=row.node_exec_id, requested_by="user-1"))

        async def is_repeated(generation: int = generation) -> bool:
            return any(row.generation == generation for row in await engine.all_nodes(handle))

        await eventually(is_repeated)
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"good": ["x"], "trouble": ["not yet", "not yet"]}
    assert outcome.result.stats.node_error_count == 0
    assert outcome.result.stats.failed_nodes == ()
    [row] = [row for row in await engine.all_nodes(handle) if row.node_id == "bad"]
    assert (row.generation, row.status) == (2, ExecutionStatus.COMPLETED)


async def test_a_held_run_is_released(engine: Engine) -> None:
    graph = failing_graph(engine)
    handle = await engine.start(graph, run_options=HELD)
    await held(engine, graph, handle)
    await update(handle, "release_hold", ControlRequest(requested_by="user-1"))
    result = await handle.result()
    assert (result.status, result.stats.node_error_count) == (ExecutionStatus.COMPLETED, 1)


async def test_a_held_run_can_be_stopped(engine: Engine) -> None:
    graph = failing_graph(engine)
    handle = await engine.start(graph, run_options=HELD)
    await held(engine, graph, handle)
    await handle.signal("stop", StopRequest())
    assert (await handle.result()).status is ExecutionStatus.TERMINATED


async def test_a_failed_node_is_given_its_outputs(engine: Engine) -> None:
    nodes = [
        make_node("bad", "fail", value=0),
        make_node("all", "agent_output_block", name="all"),
        make_node("part", "agent_output_block", name="part"),
    ]
    links = [make_link("bad.out", "all.value"), make_link("bad.out_#_a", "part.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    handle = await engine.start(graph, run_options=HELD)
    await held(engine, graph, handle)
    [row] = await rows_in(engine, handle, "bad", ExecutionStatus.FAILED)

    too_much = GivenOutputs(node_exec_id=row.node_exec_id, outputs=(("out", "x" * 300_000),))
    assert await refused(handle, "set_output", too_much) == "invalid_request"
    given = GivenOutputs(node_exec_id=row.node_exec_id, outputs=(("out", {"a": 1}),), requested_by="user-1")
    await update(handle, "set_output", given)
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"all": [0, {"a": 1}], "part": [1]}
    [row] = [row for row in await engine.all_nodes(handle) if row.node_id == "bad"]
    assert (row.generation, row.status, row.error) == (1, ExecutionStatus.COMPLETED, None)


@pytest.mark.parametrize("block", ["sleep", "human_in_the_loop_block", "countdown_timer_block", "wait_for_event_block"])
async def test_what_runs_or_waits_is_skipped(engine: Engine, block: str) -> None:
    constants: dict[str, dict[str, Any]] = {
        "sleep": {"seconds": 600},
        "human_in_the_loop_block": {"data": 1, "name": "?"},
        "countdown_timer_block": {"days": 1},
        "wait_for_event_block": {"name": "e"},
    }
    graph = make_graph([make_node("n", block, **constants[block])], [], blocks=engine.blocks)
    handle = await engine.start(graph)
    if block == "sleep":
        await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    else:
        await waiting(engine, handle, "n")

    async def is_there() -> bool:
        return bool(await engine.all_nodes(handle))

    await eventually(is_there)
    [row] = await engine.all_nodes(handle)
    await update(handle, "skip_node", NodeControl(node_exec_id=row.node_exec_id, requested_by="user-1"))
    result = await handle.result()
    assert (result.status, result.stats.node_error_count) == (ExecutionStatus.COMPLETED, 0)
    [row] = await engine.all_nodes(handle)
    assert (row.status, row.outputs, row.wait) == (ExecutionStatus.COMPLETED, (), None)


async def test_a_paused_run_routes_and_starts_nothing(engine: Engine) -> None:
    nodes = [
        make_node("slow", "sleep", value=1, seconds=3.0),
        make_node("timer", "countdown_timer_block", seconds=3),
        make_node("after", "agent_output_block", name="after"),
        make_node("rang", "agent_output_block", name="rang"),
    ]
    links = [make_link("slow.out", "after.value"), make_link("timer.output_message", "rang.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    handle = await engine.start(graph)
    await waiting(engine, handle, "timer")
    await handle.signal("pause", ControlRequest(requested_by="user-1"))

    async def is_shown() -> bool:
        run = await engine.find_run(graph, handle)
        return run is not None and run.paused_at is not None and run.status is ExecutionStatus.RUNNING

    await eventually(is_shown)
    await rows_in(engine, handle, "slow", ExecutionStatus.COMPLETED)
    progress = await handle.query("get_progress")
    assert (progress["paused"], progress["completed"], progress["waiting"]) == (True, 0, 1)

    await handle.signal("resume", ControlRequest(requested_by="user-1"))
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"after": [1], "rang": ["timer finished"]}
    run = await engine.find_run(graph, handle)
    assert run is not None
    assert run.paused_at is None


async def test_a_paused_run_with_nothing_to_do_waits_for_resume(engine: Engine) -> None:
    graph = make_graph([make_node("a", "sleep", seconds=2.0)], [], blocks=engine.blocks)
    handle = await engine.start(graph)
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    await handle.signal("pause", ControlRequest())
    await rows_in(engine, handle, "a", ExecutionStatus.COMPLETED)
    assert (await handle.query("get_progress"))["paused"]
    await handle.signal("resume", ControlRequest())
    assert (await handle.result()).status is ExecutionStatus.COMPLETED


async def test_decisions_are_taken_while_a_run_is_paused(engine: Engine) -> None:
    graph = make_graph([make_node("ask", "human_in_the_loop_block", data=1, name="?")], [], blocks=engine.blocks)
    handle = await engine.start(graph)
    [row] = await waiting(engine, handle, "ask")
    await handle.signal("pause", ControlRequest())
    await update(handle, "submit_review", decision(row.node_exec_id))
    assert (await handle.query("get_progress"))["completed"] == 0
    await handle.signal("resume", ControlRequest())
    assert (await handle.result()).stats.node_exec_count == 1


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_paused_run_can_be_ended(engine: Engine, how: str) -> None:
    graph = make_graph([make_node("s", "sleep", seconds=600)], [], blocks=engine.blocks)
    handle = await engine.start(graph)
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    await handle.signal("pause", ControlRequest())
    await handle.signal(how, StopRequest(grace_seconds=0))
    if how == "stop":
        assert (await handle.result()).status is ExecutionStatus.TERMINATED
    else:
        with pytest.raises(WorkflowFailureError):
            await handle.result()


async def test_an_execution_fails_at_its_deadline_unless_it_is_moved(engine: Engine) -> None:
    graph = make_graph([make_node("s", "sleep", seconds=600)], [], blocks=engine.blocks)
    later = datetime.now(UTC) + timedelta(hours=1)
    handle = await engine.start(graph, run_options=RunOptions(deadline=later))
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    await update(handle, "extend_deadline", DeadlineExtension(until=soon, requested_by="user-1"))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "execution_timeout"
    run = await engine.find_run(graph, handle)
    assert run is not None
    assert (run.status, run.error_code) == (ExecutionStatus.FAILED, "execution_timeout")


async def test_the_next_attempts_of_a_node_get_more_time(engine: Engine) -> None:
    nodes = [make_node("s", "sleep", {"timeout_seconds": 0.2}, value=1, seconds=1.0)]
    graph = make_graph(nodes, [], blocks=engine.blocks)
    handle = await engine.start(graph, run_options=HELD)
    await held(engine, graph, handle)
    [row] = await rows_in(engine, handle, "s", ExecutionStatus.FAILED)
    nobody = DeadlineExtension(node_id=NodeId("nobody"), timeout_seconds=9)
    assert await refused(handle, "extend_deadline", nobody) == "not_found"
    await update(handle, "extend_deadline", DeadlineExtension(node_id=NodeId("s"), timeout_seconds=60))
    await update(handle, "retry_node", NodeControl(node_exec_id=row.node_exec_id))
    assert (await handle.result()).stats.node_error_count == 0


async def test_what_makes_no_sense_is_refused_and_changes_nothing(engine: Engine) -> None:
    nodes = [make_node("ask", "human_in_the_loop_block", data=1, name="?"), make_node("done", "echo", value=1)]
    graph = make_graph(nodes, [], blocks=engine.blocks)
    handle = await engine.start(graph)
    [review] = await waiting(engine, handle, "ask")
    [done] = await rows_in(engine, handle, "done", ExecutionStatus.COMPLETED)
    before = await handle.query("get_progress")
    for node_exec_id in (done.node_exec_id, NodeExecId(new_id())):
        control = NodeControl(node_exec_id=node_exec_id)
        assert await refused(handle, "retry_node", control) == "conflict"
        assert await refused(handle, "skip_node", control) == "conflict"
        given = GivenOutputs(node_exec_id=node_exec_id, outputs=(("out", 1),))
        assert await refused(handle, "set_output", given) == "conflict"
    assert await refused(handle, "retry_node", NodeControl(node_exec_id=review.node_exec_id)) == "conflict"
    assert await refused(handle, "release_hold", ControlRequest()) == "conflict"
    assert await handle.query("get_progress") == before
    await update(handle, "submit_review", decision(review.node_exec_id))
    await handle.result()


async def test_who_did_what_is_recorded(engine: Engine) -> None:
    graph = failing_graph(engine)
    await engine.save(graph)
    handle = await engine.start(graph, run_options=HELD)
    await held(engine, graph, handle)
    [row] = await rows_in(engine, handle, "bad", ExecutionStatus.FAILED)
    await handle.signal("pause", ControlRequest(requested_by="anna", reason="look"))
    await handle.signal("resume", ControlRequest(requested_by="bert"))
    control = NodeControl(node_exec_id=row.node_exec_id, requested_by="carl", reason="not needed")
    await update(handle, "skip_node", control)
    await handle.result()
    controls = await engine.list_controls(graph, handle)
    assert [(c.action, c.requested_by) for c in controls] == [
        (ControlAction.PAUSE, "anna"),
        (ControlAction.RESUME, "bert"),
        (ControlAction.SKIP_NODE, "carl"),
    ]
    assert controls[2].details == {"reason": "not needed"}


async def test_pinned_outputs_stand_in_for_blocks(engine: Engine) -> None:
    """Over masks, links and constants; the block does not run."""
    nodes = [
        make_node("in", "echo", value="real"),
        make_node("mid", "fail", value=1),
        make_node("out", "agent_output_block", name="out"),
        make_node("part", "agent_output_block", name="part"),
    ]
    links = [
        make_link("in.out", "mid.value"),
        make_link("mid.out", "out.value"),
        make_link("mid.out_#_a", "part.value"),
    ]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    pinned = {"mid": [("out", 1), ("out", {"a": 2})]}
    masks = {"mid": {"value": "masked"}}
    handle = await engine.start(graph, pinned=pinned, masks=masks, run_options=RunOptions(test=True))
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"out": [1, {"a": 2}], "part": [2]}
    [row] = [row for row in await engine.all_nodes(handle) if row.node_id == "mid"]
    assert (row.pinned, row.status) == (True, ExecutionStatus.COMPLETED)
    assert outcome.result.stats.node_error_count == 0


async def test_a_loop_of_pinned_nodes_can_be_stopped(engine: Engine) -> None:
    nodes = [make_node("seed", "echo", value=1), make_node("a", "echo"), make_node("b", "echo")]
    links = [make_link("seed.out", "a.value"), make_link("a.out", "b.value"), make_link("b.out", "a.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    pinned = {"a": [("out", 1)], "b": [("out", 2)]}
    handle = await engine.start(graph, pinned=pinned, run_options=RunOptions(test=True))

    async def has_gone_round() -> bool:
        return (await handle.query("get_progress"))["completed"] > 500

    await eventually(has_gone_round)
    await handle.signal("stop", StopRequest(grace_seconds=0))
    assert (await handle.result()).status is ExecutionStatus.TERMINATED


async def test_a_rejected_action_is_retried_and_asked_about_again(engine: Engine) -> None:
    graph = make_graph([make_node("act", "sensitive", value="v")], [], blocks=engine.blocks)
    options = RunOptions(sensitive_action_safe_mode=True, hold_on_failure=True)
    handle = await engine.start(graph, run_options=options)
    [row] = await waiting(engine, handle, "act")
    await update(handle, "submit_review", decision(row.node_exec_id, approved=False))
    await held(engine, graph, handle)
    await update(handle, "retry_node", NodeControl(node_exec_id=row.node_exec_id))

    async def is_asked_again() -> bool:
        return any(row.generation == 1 and row.wait is not None for row in await engine.all_nodes(handle))

    await eventually(is_asked_again)
    await waiting(engine, handle, "act")
    await update(handle, "submit_review", decision(row.node_exec_id))
    assert (await handle.result()).stats.node_error_count == 0


async def test_a_deadline_that_no_calendar_holds_is_refused(engine: Engine) -> None:
    graph = make_graph([make_node("t", "countdown_timer_block", days=1)], [], blocks=engine.blocks)
    handle = await engine.start(graph)
    [row] = await waiting(engine, handle, "t")
    late = datetime.fromisoformat("9999-12-31T23:59:59-14:00")
    for node_exec_id in (row.node_exec_id, None):
        extension = DeadlineExtension(node_exec_id=node_exec_id, until=late)
        assert await refused(handle, "extend_deadline", extension) == "invalid_request"
    await handle.signal("stop", StopRequest(grace_seconds=0))
    assert (await handle.result()).status is ExecutionStatus.TERMINATED


async def test_an_answer_given_before_is_given_again_in_a_later_run(restless_engine: Engine) -> None:
    """The id of a request counts for the whole execution, not for one run of its workflow."""
    engine = restless_engine
    chain = [make_node(f"n{i}", "echo", **({"value": 0} if i == 0 else {})) for i in range(25)]
    nodes = [
        make_node("first", "wait_for_event_block", name="e"),
        make_node("then", "wait_for_event_block", name="e"),
        *chain,
    ]
    links = [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(24)]
    links += [make_link("first.payload", "n0.value"), make_link("n24.out", "then.name")]
    nodes[2] = make_node("n0", "echo")
    graph = make_graph(nodes, links, blocks=engine.blocks)
    handle = await engine.start(graph)
    latest: Handle = engine.client.get_workflow_handle(handle.id)
    first = (await latest.describe()).run_id
    await waiting(engine, latest, "first")
    delivery = EventDelivery(name="e", payload=Value(inline="e"))
    answer = await latest.execute_update("deliver_event", delivery, id="one", result_type=ControlAnswer)
    [row] = await waiting(engine, latest, "then")
    assert (await latest.describe()).run_id != first
    again = await latest.execute_update("deliver_event", delivery, id="one", result_type=ControlAnswer)
    assert again == answer
    assert (await latest.query("get_progress"))["waiting"] == 1
    await update(latest, "deliver_event", delivery)
    await latest.result()
    assert row.wait is not None
