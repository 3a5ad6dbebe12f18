"""Waiting for time, people and events: in a run, across continue-as-new, and through the death of every process."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError

from models.controls import (
    DeadlineExtension,
    EventDelivery,
    ReviewDecision,
    ReviewDecisions,
    RunOptions,
)
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import NodeExecId, new_id
from models.values import Value
from models.wire import StopRequest
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine
from tests.polling import eventually
from tests.workflow.waiting import Handle, decision, refused, update, waiting


def review_graph(engine: Engine, metadata: dict[str, Any] | None = None, **constants: Any) -> Graph:
    """A review beside a branch that needs none."""
    nodes = [
        make_node("ask", "human_in_the_loop_block", metadata, **{"data": {"sum": 5}, "name": "Pay?", **constants}),
        make_node("approved", "agent_output_block", name="approved"),
        make_node("rejected", "agent_output_block", name="rejected"),
        make_node("message", "agent_output_block", name="message"),
        make_node("failed", "agent_output_block", name="failed"),
        make_node("other", "echo", value="meanwhile"),
        make_node("aside", "agent_output_block", name="aside"),
    ]
    links = [
        make_link("ask.approved_data", "approved.value"),
        make_link("ask.rejected_data", "rejected.value"),
        make_link("ask.review_message", "message.value"),
        make_link("ask.error", "failed.value"),
        make_link("other.out", "aside.value"),
    ]
    return make_graph(nodes, links, blocks=engine.blocks)


async def test_a_countdown_emits_as_often_as_told(engine: Engine) -> None:
    nodes = [
        make_node("timer", "countdown_timer_block", input_message="tick", seconds=1, repeat=3),
        make_node("out", "agent_output_block", name="out"),
    ]
    graph = make_graph(nodes, [make_link("timer.output_message", "out.value")], blocks=engine.blocks)
    handle = await engine.start(graph)
    outcome = await engine.outcome(await handle.result())

    assert outcome.outputs == {"out": ["tick"] * 3}
    timer = next(row for row in await engine.all_nodes(handle) if row.node_id == "timer")
    assert timer.status is ExecutionStatus.COMPLETED
    assert [value.inline for _, value in timer.outputs] == ["tick"] * 3
    assert timer.wait is None


async def test_a_timer_holds_its_place_in_the_order_of_its_node(engine: Engine) -> None:
    """The first execution waits longest; what it emits still comes first."""
    nodes = [
        make_node("two", "spread", count=2),
        make_node("timer", "countdown_timer_block", input_message="x"),
        make_node("first", "condition_block", value2=0, operator="==", yes_value=2, no_value=0),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [
        make_link("two.out", "first.value1"),
        make_link("first.yes_output", "timer.seconds"),
        make_link("first.no_output", "timer.seconds"),
        make_link("two.out", "timer.input_message"),
        make_link("timer.output_message", "out.value"),
    ]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    assert outcome.outputs == {"out": [0, 1]}


async def test_a_review_is_decided_while_other_branches_run(engine: Engine) -> None:
    graph = review_graph(engine)
    handle = await engine.start(graph)
    [row] = await waiting(engine, handle, "ask")
    assert row.status is ExecutionStatus.REVIEW

    answer = await update(handle, "submit_review", decision(row.node_exec_id, message="fine"))
    outcome = await engine.outcome(await handle.result())

    assert answer.node_exec_ids == (row.node_exec_id,)
    assert outcome.outputs == {"aside": ["meanwhile"], "approved": [{"sum": 5}], "message": ["fine"]}
    [ended] = [r for r in await engine.all_nodes(handle) if r.node_id == "ask"]
    assert (ended.status, ended.wait) == (ExecutionStatus.COMPLETED, None)


async def test_a_run_that_only_waits_for_people_is_in_review(engine: Engine) -> None:
    graph = review_graph(engine)
    handle = await engine.start(graph)
    [row] = await waiting(engine, handle, "ask")

    async def is_in_review() -> bool:
        run = await engine.find_run(graph, handle)
        return run is not None and (run.status, run.status_reason) == (ExecutionStatus.REVIEW, "reviews")

    await eventually(is_in_review)
    await update(handle, "submit_review", decision(row.node_exec_id))
    await handle.result()
    run = await engine.find_run(graph, handle)
    assert run is not None
    assert (run.status, run.status_reason) == (ExecutionStatus.COMPLETED, None)


async def test_a_rejection_takes_the_other_pin_with_the_edited_data(engine: Engine) -> None:
    handle = await engine.start(review_graph(engine))
    [row] = await waiting(engine, handle, "ask")
    edited = Value(inline={"sum": 4})
    await update(handle, "submit_review", decision(row.node_exec_id, approved=False, data=edited, message="less"))
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"aside": ["meanwhile"], "rejected": [{"sum": 4}], "message": ["less"]}


async def test_what_may_not_be_edited_is_not(engine: Engine) -> None:
    handle = await engine.start(review_graph(engine, editable=False))
    [row] = await waiting(engine, handle, "ask")
    edited = decision(row.node_exec_id, data=Value(inline=1))
    assert await refused(handle, "submit_review", edited) == "invalid_request"
    await update(handle, "submit_review", decision(row.node_exec_id))
    assert (await engine.outcome(await handle.result())).outputs["approved"] == [{"sum": 5}]


async def test_a_decided_review_cannot_be_decided_again(engine: Engine) -> None:
    """Nor one that never was; and one of fifty who decide at once wins."""
    nodes = [make_node("ask", "human_in_the_loop_block", data=1, name="?"), make_node("s", "sleep", seconds=600)]
    handle = await engine.start(make_graph(nodes, [], blocks=engine.blocks))
    [row] = await waiting(engine, handle, "ask")

    async def decide() -> bool:
        try:
            await update(handle, "submit_review", decision(row.node_exec_id))
        except WorkflowUpdateFailedError as error:
            return getattr(error.cause, "type", None) != "conflict"
        return True

    batches = [await asyncio.gather(*(decide() for _ in range(10))) for _ in range(5)]
    assert sum(map(sum, batches)) == 1
    assert await refused(handle, "submit_review", decision(NodeExecId(new_id()))) == "conflict"
    await handle.signal("stop", StopRequest(grace_seconds=0))
    await handle.result()


async def test_several_reviews_are_decided_together_or_not_at_all(engine: Engine) -> None:
    nodes = [
        make_node("three", "spread", count=3),
        make_node("ask", "human_in_the_loop_block", name="?"),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [make_link("three.out", "ask.data"), make_link("ask.approved_data", "out.value")]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    rows = await waiting(engine, handle, "ask", count=3)

    some = tuple(ReviewDecision(node_exec_id=row.node_exec_id, approved=True) for row in reversed(rows))
    unknown = ReviewDecision(node_exec_id=NodeExecId(new_id()), approved=True)
    assert await refused(handle, "submit_review", ReviewDecisions(decisions=(*some, unknown))) == "conflict"
    assert await refused(handle, "submit_review", ReviewDecisions(decisions=(*some, some[0]))) == "invalid_request"
    await update(handle, "submit_review", ReviewDecisions(decisions=some))
    outcome = await engine.outcome(await handle.result())
    assert sorted(outcome.outputs["out"]) == [0, 1, 2]


async def test_an_approval_for_the_future_is_not_asked_again(engine: Engine) -> None:
    nodes = [
        make_node("early", "echo", value="first"),
        make_node("late", "sleep", value="second", seconds=2.0),
        make_node("ask", "human_in_the_loop_block", name="?"),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [
        make_link("early.out", "ask.data"),
        make_link("late.out", "ask.data"),
        make_link("ask.approved_data", "out.value"),
    ]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    [row] = await waiting(engine, handle, "ask")
    await update(handle, "submit_review", decision(row.node_exec_id, auto_approve_future=True))
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs["out"] == ["first", "second"]


@pytest.mark.parametrize(("on_expiry", "pin"), [("reject", "rejected"), ("approve", "approved"), ("fail", "failed")])
async def test_a_review_that_nobody_decides_ends_as_its_node_says(engine: Engine, on_expiry: str, pin: str) -> None:
    settings = {"expires_after_seconds": 2, "on_expiry": on_expiry, "remind_after_seconds": [1]}
    outcome = await engine.execute(review_graph(engine, {"review": settings}))
    assert pin in outcome.outputs
    assert set(outcome.outputs) <= {"aside", "message", pin}


async def test_a_deadline_can_be_moved(engine: Engine) -> None:
    handle = await engine.start(review_graph(engine, {"review": {"expires_after_seconds": 3600}}))
    [row] = await waiting(engine, handle, "ask")
    assert row.wait is not None
    assert row.wait.until is not None
    soon = row.wait.until.replace(year=row.wait.until.year + 1)
    await update(handle, "extend_deadline", DeadlineExtension(node_exec_id=row.node_exec_id, until=soon))
    past = soon.replace(year=2020)
    late = DeadlineExtension(node_exec_id=row.node_exec_id, until=past)
    assert await refused(handle, "extend_deadline", late) == "invalid_request"
    unknown = DeadlineExtension(node_exec_id=NodeExecId(new_id()), until=soon)
    assert await refused(handle, "extend_deadline", unknown) == "conflict"
    await update(handle, "submit_review", decision(row.node_exec_id))
    await handle.result()


async def test_without_safe_mode_nobody_is_asked(engine: Engine) -> None:
    options = RunOptions(human_in_the_loop_safe_mode=False)
    outcome = await engine.execute(review_graph(engine), run_options=options)
    assert outcome.outputs["approved"] == [{"sum": 5}]


async def test_a_sensitive_block_runs_with_what_the_reviewer_made_of_its_input(engine: Engine) -> None:
    nodes = [make_node("act", "sensitive", value="all"), make_node("out", "agent_output_block", name="out")]
    graph = make_graph(nodes, [make_link("act.out", "out.value")], blocks=engine.blocks)
    assert (await engine.execute(graph)).outputs == {"out": ["all"]}

    handle = await engine.start(graph, run_options=RunOptions(sensitive_action_safe_mode=True))
    [row] = await waiting(engine, handle, "act")
    assert row.status is ExecutionStatus.REVIEW
    await update(handle, "submit_review", decision(row.node_exec_id, data=Value(inline={"value": "some"})))
    assert (await engine.outcome(await handle.result())).outputs == {"out": ["some"]}


async def test_a_sensitive_block_that_is_rejected_fails(engine: Engine) -> None:
    graph = make_graph([make_node("act", "sensitive", value="all")], [], blocks=engine.blocks)
    handle = await engine.start(graph, run_options=RunOptions(sensitive_action_safe_mode=True))
    [row] = await waiting(engine, handle, "act")
    await update(handle, "submit_review", decision(row.node_exec_id, approved=False, message="not now"))
    result = await handle.result()
    assert result.stats.failed_nodes[0].error == "Block execution rejected by reviewer: not now"


async def test_an_event_is_delivered_once(engine: Engine) -> None:
    nodes = [
        make_node("event", "wait_for_event_block", name="paid"),
        make_node("token", "agent_output_block", name="token"),
        make_node("payload", "agent_output_block", name="payload"),
    ]
    links = [make_link("event.token", "token.value"), make_link("event.payload_#_amount", "payload.value")]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    [row] = await waiting(engine, handle, "event")
    assert row.wait is not None
    assert (row.wait.kind, row.wait.name) == ("event", "paid")

    delivery = EventDelivery(name="paid", payload=Value(inline={"amount": 7}))
    assert await refused(handle, "deliver_event", delivery.model_copy(update={"name": "other"})) == "conflict"
    await update(handle, "deliver_event", delivery)
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs["payload"] == [7]
    assert len(outcome.outputs["token"]) == 1


async def test_an_event_that_never_comes_expires(engine: Engine) -> None:
    nodes = [
        make_node("event", "wait_for_event_block", name="paid", expires_after_seconds=1),
        make_node("out", "agent_output_block", name="expired"),
    ]
    outcome = await engine.execute(make_graph(nodes, [make_link("event.expired", "out.value")], blocks=engine.blocks))
    assert outcome.outputs == {"expired": [True]}


async def test_waits_end_with_a_stopped_run(engine: Engine) -> None:
    nodes = [
        make_node("ask", "human_in_the_loop_block", data=1, name="?"),
        make_node("timer", "countdown_timer_block", days=100),
        make_node("event", "wait_for_event_block", name="e"),
    ]
    handle = await engine.start(make_graph(nodes, [], blocks=engine.blocks))
    await waiting(engine, handle, "event")
    await waiting(engine, handle, "timer", count=1)
    await waiting(engine, handle, "ask", count=1)
    await handle.signal("stop", StopRequest(grace_seconds=0))
    result = await handle.result()
    assert result.status is ExecutionStatus.TERMINATED
    assert {row.status for row in await engine.all_nodes(handle)} == {ExecutionStatus.TERMINATED}


async def test_waits_go_on_through_continue_as_new(restless_engine: Engine) -> None:
    """The run is long before it waits, so that it begins anew while it does."""
    engine = restless_engine
    nodes = [
        make_node("ask", "human_in_the_loop_block", data=1, name="?"),
        make_node("event", "wait_for_event_block", name="e"),
        make_node("timer", "countdown_timer_block", input_message="late", seconds=8),
        *(make_node(f"n{i}", "echo", **({"value": 0} if i == 0 else {})) for i in range(25)),
        *(make_node(name, "agent_output_block", name=name) for name in ("asked", "came", "rang")),
    ]
    links = [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(24)]
    links += [
        make_link("ask.approved_data", "asked.value"),
        make_link("event.payload", "came.value"),
        make_link("timer.output_message", "rang.value"),
    ]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    first = (await handle.describe()).run_id

    async def has_begun_anew() -> bool:
        return (await engine.client.get_workflow_handle(handle.id).describe()).run_id != first

    await eventually(has_begun_anew)
    latest: Handle = engine.client.get_workflow_handle(handle.id)
    [row] = await waiting(engine, latest, "ask")
    await update(latest, "submit_review", decision(row.node_exec_id))
    await update(latest, "deliver_event", EventDelivery(name="e", payload=Value(inline="here")))
    outcome = await engine.outcome(await handle.result())
    assert outcome.outputs == {"asked": [1], "came": ["here"], "rang": ["late"]}


async def test_a_worker_may_die_while_everything_waits(idle_engine: Engine) -> None:
    engine = idle_engine.on_task_queue(f"mortal-{new_id()}")
    async with engine.worker():
        handle = await engine.start(review_graph(engine))
        [row] = await waiting(engine, handle, "ask")
    deciding = asyncio.create_task(update(handle, "submit_review", decision(row.node_exec_id, message="later")))
    async with engine.worker():
        await deciding
        outcome = await engine.outcome(await handle.result())
    assert outcome.outputs["approved"] == [{"sum": 5}]
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
