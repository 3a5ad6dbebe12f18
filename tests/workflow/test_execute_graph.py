"""Graphs run as workflows on a real server: data flow, failures, retries, results."""

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from models.execution import ExecutionStatus
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine
from tests.sample_blocks import Journal


async def test_chain_ends_completed_with_the_last_value(engine: Engine) -> None:
    nodes = [make_node("in", "agent_input_block", name="x"), *(make_node(f"n{i}", "echo") for i in range(5))]
    nodes.append(make_node("out", "agent_output_block", name="y"))
    links = [make_link("in.result", "n0.value")]
    links += [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(4)]
    links.append(make_link("n4.out", "out.value"))
    graph = make_graph(nodes, links, blocks=engine.blocks)

    outcome = await engine.execute(graph, {"x": {"deep": [1, 2, None]}})

    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.outputs == {"y": [{"deep": [1, 2, None]}]}
    assert outcome.result.stats.node_exec_count == 7
    assert outcome.result.stats.node_error_count == 0


async def test_failed_node_routes_its_error_and_does_not_fail_the_run(engine: Engine) -> None:
    nodes = [
        make_node("bad", "fail", {"customized_name": "The bad one"}, value=1, message="it broke"),
        make_node("kept", "agent_output_block", name="kept"),
        make_node("error", "agent_output_block", name="error"),
    ]
    links = [make_link("bad.out", "kept.value"), make_link("bad.error", "error.value")]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))

    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.outputs == {"kept": [1], "error": ["it broke"]}
    [failed] = outcome.result.stats.failed_nodes
    assert (failed.node_id, failed.title, failed.code, failed.error) == (
        "bad",
        "The bad one",
        "block_failed",
        "it broke",
    )
    assert outcome.result.stats.node_error_count == 1


async def test_input_of_the_wrong_type_fails_the_node_visibly(engine: Engine) -> None:
    nodes = [
        make_node("a", "echo", value="neither list nor object"),
        make_node("c", "condition_block", value2=1),
        make_node("e", "agent_output_block", name="e"),
    ]
    links = [make_link("a.out", "c.operator"), make_link("a.out", "c.value1"), make_link("c.error", "e.value")]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    [failed] = outcome.result.stats.failed_nodes
    assert (failed.node_id, failed.code) == ("c", "block_input_invalid")
    [message] = outcome.outputs["e"]
    assert "ConditionBlock" in message
    assert "operator" in message


async def test_transient_error_is_retried_with_the_same_idempotency_key(engine: Engine) -> None:
    graph = make_graph([make_node("f", "flaky", value="v", failures=2)], blocks=engine.blocks)
    handle = await engine.start(graph)
    outcome = await engine.outcome(await handle.result())
    [record] = await engine.node_records(graph, handle)
    attempts = [(key, attempt) for exec_id, key, attempt, _ in Journal.entries if exec_id == record.node_exec_id]

    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_exec_count == 1
    assert attempts == [(f"{record.node_exec_id}:0", n) for n in (1, 2, 3)]
    assert (record.status, record.attempt) == (ExecutionStatus.COMPLETED, 3)


async def test_transient_error_beyond_the_last_attempt_fails_the_node(engine: Engine) -> None:
    retry = {"max_attempts": 2, "initial_seconds": 0.01}
    graph = make_graph([make_node("f", "flaky", {"retry": retry}, failures=9)], blocks=engine.blocks)
    outcome = await engine.execute(graph)
    [failed] = outcome.result.stats.failed_nodes
    assert (failed.code, failed.error) == ("block_transient", "not yet (attempt 2)")


async def test_write_block_with_a_known_failure_may_be_retried(engine: Engine) -> None:
    graph = make_graph([make_node("w", "flaky_write", value="done", failures=2)], blocks=engine.blocks)
    outcome = await engine.execute(graph)
    assert outcome.result.stats.node_error_count == 0


async def test_block_over_its_time_limit_fails_and_keeps_what_it_emitted(engine: Engine) -> None:
    nodes = [make_node("t", "short_timeout", seconds=60), make_node("o", "agent_output_block", name="o")]
    outcome = await engine.execute(make_graph(nodes, [make_link("t.out", "o.value")], blocks=engine.blocks))
    [failed] = outcome.result.stats.failed_nodes
    assert "wall-clock cap of 0.2 s" in failed.error
    assert outcome.outputs == {"o": ["before"]}


async def test_node_may_override_its_time_limit(engine: Engine) -> None:
    graph = make_graph([make_node("t", "short_timeout", {"timeout_seconds": 30}, seconds=0.4)], blocks=engine.blocks)
    outcome = await engine.execute(graph)
    assert outcome.result.stats.node_error_count == 0


async def test_insufficient_credits_fail_the_whole_run(engine: Engine) -> None:
    nodes = [make_node("b", "broke"), make_node("long", "sleep", seconds=600)]
    handle = await engine.start(make_graph(nodes, blocks=engine.blocks))
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message) == (
        "insufficient_credits",
        "Insufficient balance of $0, where this will cost $1",
    )


async def test_graph_without_outputs_gives_those_of_its_last_nodes(engine: Engine) -> None:
    nodes = [make_node("a", "echo", value=7), make_node("z", "echo")]
    outcome = await engine.execute(make_graph(nodes, [make_link("a.out", "z.value")], blocks=engine.blocks))
    assert outcome.outputs == {}
    assert list(outcome.terminal) == ["z"]
    assert outcome.terminal["z"]["out"] == [{"inline": 7}]


async def test_dynamic_pins_build_and_take_apart_values(engine: Engine) -> None:
    nodes = [
        make_node("a", "echo", value="first"),
        make_node("b", "echo", value="second"),
        make_node("d", "create_dictionary_block", values={"constant": 0}),
        make_node("o", "agent_output_block", name="whole"),
        make_node("p", "agent_output_block", name="part"),
    ]
    links = [
        make_link("a.out", "d.values_#_list_$_1"),
        make_link("b.out", "d.values_#_Some key!"),
        make_link("d.dictionary", "o.value"),
        make_link("d.dictionary_#_list_$_1", "p.value"),
    ]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    assert outcome.outputs == {
        "whole": [{"constant": 0, "list": [None, "first"], "Some key!": "second"}],
        "part": ["first"],
    }


async def test_self_loop_accumulates_a_hundred_items_in_order(engine: Engine) -> None:
    nodes = [
        make_node("seed", "echo", value=[]),
        make_node("items", "spread", count=100),
        make_node("acc", "add_to_list_block", list=[]),
        make_node("count", "count_items_block"),
        make_node("is_last", "condition_block", operator="==", value2=100),
        make_node("out", "agent_output_block", name="all"),
    ]
    links = [
        make_link("seed.out", "acc.list"),
        make_link("items.out", "acc.entry"),
        make_link("acc.updated_list", "acc.list"),
        make_link("acc.updated_list", "count.collection"),
        make_link("count.count", "is_last.value1"),
        make_link("acc.updated_list", "is_last.yes_value"),
        make_link("is_last.yes_output", "out.value"),
    ]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.outputs == {"all": [list(range(100))]}
    assert outcome.result.stats.leftover_count == 1


async def test_starved_nodes_are_reported(engine: Engine) -> None:
    nodes = [make_node("in", "agent_input_block", name="x"), make_node("a", "echo", value=1), make_node("s", "sum")]
    links = [make_link("in.result", "s.a"), make_link("a.out", "s.b")]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    assert outcome.result.status is ExecutionStatus.COMPLETED
    [starved] = outcome.result.stats.starved_nodes
    assert (starved.node_id, starved.waiting_for) == ("s", ("a",))


async def test_masks_override_what_arrives(engine: Engine) -> None:
    nodes = [
        make_node("a", "echo", value=1),
        make_node("s", "sum", b=1),
        make_node("o", "agent_output_block", name="o"),
    ]
    links = [make_link("a.out", "s.a"), make_link("s.out", "o.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    outcome = await engine.execute(graph, masks={"s": {"b": 41}})
    assert outcome.outputs == {"o": [42.0]}
