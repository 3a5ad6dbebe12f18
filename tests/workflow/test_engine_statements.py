"""Statements of the engine's semantics (docs/engine.md) that need the whole path: plan, workflow, activity, record."""

from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from models.execution import ExecutionStatus
from models.graph import Graph, Link, Node
from models.wire import StopRequest
from tests.builders import make_graph, make_link, make_node, make_run
from tests.engine import OWNER, Engine

COMPLETED, FAILED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED


def graph_of(engine: Engine, nodes: list[Node], links: list[Link] | None = None) -> Graph:
    return make_graph(nodes, links or [], blocks=engine.blocks)


def output(name: str) -> Node:
    return make_node(name, "agent_output_block", name=name)


async def test_30_isolated_and_linked_input_nodes_start_and_notes_do_not(engine: Engine) -> None:
    nodes = [
        make_node("alone", "echo", value=1),
        make_node("again", "agent_input_block", name="x", value="default"),
        make_node("note", "note_block", text="remark"),
    ]
    graph = graph_of(engine, nodes, [make_link("alone.out", "again.value")])
    handle = await engine.start(graph)
    result = await handle.result()
    records = await engine.node_records(graph, handle)
    fired = sorted((record.node_id, record.firing) for record in records)
    assert fired == [("again", 0), ("again", 1), ("alone", 0)]
    assert result.stats.starved_nodes == ()


async def test_31_input_takes_its_run_input_else_its_default_and_without_either_emits_nothing(engine: Engine) -> None:
    nodes = [
        make_node("given", "agent_input_block", name="given", value="default"),
        make_node("default", "agent_input_block", name="default", value="default"),
        make_node("nothing", "agent_input_block", name="nothing"),
        *(output(f"{name} out") for name in ("given", "default", "nothing")),
    ]
    links = [make_link(f"{name}.result", f"{name} out.value") for name in ("given", "default", "nothing")]
    outcome = await engine.execute(graph_of(engine, nodes, links), {"given": "run input", "unknown": 1})
    assert outcome.outputs == {"given out": ["run input"], "default out": ["default"]}
    assert outcome.result.status is COMPLETED


async def test_39b_a_delivery_that_cannot_be_folded_fails_its_node_and_not_the_other_links(engine: Engine) -> None:
    """57 too: an index that is no number is an error."""
    nodes = [
        make_node("a", "echo", value=1),
        make_node("bad", "count_items_block"),
        make_node("good", "count_items_block"),
        output("error"),
        output("good count"),
    ]
    links = [
        make_link("a.out", "bad.collection_$_first"),
        make_link("a.out", "good.collection_$_1"),
        make_link("bad.error", "error.value"),
        make_link("good.count", "good count.value"),
    ]
    outcome = await engine.execute(graph_of(engine, nodes, links))
    [failed] = outcome.result.stats.failed_nodes
    assert (failed.node_id, failed.code) == ("bad", "block_input_invalid")
    assert "'first' is not a list index" in outcome.outputs["error"][0]
    assert outcome.outputs["good count"] == [2]


async def test_46_a_linked_pin_never_falls_back_to_its_constant(engine: Engine) -> None:
    nodes = [
        make_node("silent", "agent_input_block", name="silent"),
        make_node("a", "echo", value=1),
        make_node("sum", "sum", a=1, b=5),
    ]
    links = [make_link("a.out", "sum.a"), make_link("silent.result", "sum.b")]
    outcome = await engine.execute(graph_of(engine, nodes, links))
    assert [(node.node_id, node.waiting_for) for node in outcome.result.stats.starved_nodes] == [("sum", ("b",))]


@pytest.mark.parametrize("by_link", [True, False], ids=["by link", "as constant"])
async def test_47_49_a_value_of_the_wrong_type_ends_its_execution_failed(engine: Engine, by_link: bool) -> None:
    """Neither a silent stall nor COMPLETED: the row is FAILED and the message goes over the error pin."""
    constants: dict[str, Any] = {} if by_link else {"operator": "~"}
    nodes = [
        make_node("wrong", "echo", value="~"),
        make_node("value", "echo", value=1),
        make_node("check", "condition_block", value2=1, **constants),
        output("error"),
    ]
    links = [make_link("value.out", "check.value1"), make_link("check.error", "error.value")]
    if by_link:
        links.append(make_link("wrong.out", "check.operator"))
    graph = graph_of(engine, nodes, links)
    handle = await engine.start(graph)
    outcome = await engine.outcome(await handle.result())
    [record] = [record for record in await engine.node_records(graph, handle) if record.node_id == "check"]
    assert (record.status, record.error_code) == (FAILED, "block_input_invalid")
    assert outcome.outputs["error"] == [record.error]
    assert "operator" in (record.error or "")


@pytest.mark.parametrize(
    ("value", "sink", "emitted"),
    [
        ("[1, 2]", "add_to_list_block.list", [1, 2]),
        ("12.5", "sum.a", 13.5),
        (["x", "y"], "sum.a", 3.0),
        ("no number", "sum.a", 1.0),
        (5, "find_in_dictionary_block.key", "five"),
    ],
    ids=["text to list", "text to number", "length of a list", "no number is 0", "key stays a number"],
)
async def test_50_values_are_converted_on_their_way_over_a_link(
    engine: Engine, value: Any, sink: str, emitted: Any
) -> None:
    block, pin = sink.split(".")
    constants: dict[str, dict[str, Any]] = {"sum": {"b": 1}, "find_in_dictionary_block": {"input": {"5": "five"}}}
    pins = {"sum": "out", "add_to_list_block": "updated_list", "find_in_dictionary_block": "output"}
    nodes = [
        make_node("source", "echo", value=value),
        make_node("sink", block, **constants.get(block, {})),
        output("o"),
    ]
    links = [make_link("source.out", f"sink.{pin}"), make_link(f"sink.{pins[block]}", "o.value")]
    outcome = await engine.execute(graph_of(engine, nodes, links))
    assert outcome.outputs == {"o": [emitted]}


async def test_51_55_an_input_is_static_and_serves_every_item(engine: Engine) -> None:
    """The links out of INPUT nodes become static by themselves."""
    nodes = [
        make_node("factor", "agent_input_block", name="factor"),
        make_node("items", "spread", count=5),
        make_node("product", "calculator_block", operation="Multiply"),
        output("products"),
    ]
    links = [
        make_link("factor.result", "product.a"),
        make_link("items.out", "product.b"),
        make_link("product.result", "products.value"),
    ]
    outcome = await engine.execute(graph_of(engine, nodes, links), {"factor": 3})
    assert outcome.outputs == {"products": [0.0, 3.0, 6.0, 9.0, 12.0]}
    assert outcome.result.stats.leftover_count == 0


async def test_56_58_paths_through_lists_objects_and_attributes_select_and_fold(engine: Engine) -> None:
    """59 too: the row shows the folded pin beside the raw ones."""
    nodes = [
        make_node("source", "echo", value={"a": [{"b": "deep"}]}),
        make_node("sink", "create_dictionary_block"),
        output("whole"),
        output("missing"),
    ]
    links = [
        make_link("source.out_#_a_$_0_@_b", "sink.values_#_x_$_1_@_y"),
        make_link("source.out_#_nowhere", "missing.value"),
        make_link("sink.dictionary", "whole.value"),
    ]
    graph = graph_of(engine, nodes, links)
    handle = await engine.start(graph)
    outcome = await engine.outcome(await handle.result())
    [sink] = [record for record in await engine.node_records(graph, handle) if record.node_id == "sink"]
    folded = {"x": [None, {"y": "deep"}]}
    assert outcome.outputs == {"whole": [folded]}
    assert {pin: value.inline for pin, value in sink.inputs.items()} == {
        "values": folded,
        "values_#_x_$_1_@_y": "deep",
    }


async def test_56_a_part_of_a_large_value_is_selected_and_the_rest_never_travels(engine: Engine) -> None:
    nodes = [
        make_node("source", "echo", value={"big": "x" * 100_000, "small": 7}),
        output("small"),
        output("big"),
    ]
    links = [make_link("source.out_#_small", "small.value"), make_link("source.out_#_big", "big.value")]
    handle = await engine.start(graph_of(engine, nodes, links))
    outcome = await engine.outcome(await handle.result())
    history = await handle.fetch_history()
    assert outcome.outputs == {"small": [7], "big": ["x" * 100_000]}
    assert sum(event.ByteSize() for event in history.events) < 50_000


async def test_60_a_tool_call_reaches_only_the_named_pin_of_the_named_node(engine: Engine) -> None:
    calls = {"left_~_a": 1, "left_~_b": 2, "right_~_a": 10, "right_~_b": 20, "stranger_~_a": 0}
    nodes = [
        make_node("agent", "tool_calls", calls=calls),
        make_node("left", "sum"),
        make_node("right", "sum"),
        output("left sum"),
        output("right sum"),
    ]
    links = [
        *(make_link("agent.tools", f"{side}.{pin}") for side in ("left", "right") for pin in "ab"),
        *(make_link(f"{side}.out", f"{side} sum.value") for side in ("left", "right")),
    ]
    outcome = await engine.execute(graph_of(engine, nodes, links))
    assert outcome.outputs == {"left sum": [3.0], "right sum": [30.0]}


async def test_63_outputs_follow_the_order_of_dispatch_and_not_of_completion(engine: Engine) -> None:
    nodes = [
        make_node("delays", "step_through_items_block", items=[0.6, 0.3, 0.0]),
        make_node("slow", "sleep"),
        output("order"),
    ]
    links = [
        make_link("delays.item", "slow.seconds"),
        make_link("delays.item", "slow.value"),
        make_link("slow.out", "order.value"),
    ]
    outcome = await engine.execute(graph_of(engine, nodes, links))
    assert outcome.outputs == {"order": [0.6, 0.3, 0.0]}


async def test_74_a_failure_leaves_the_other_branches_running_and_is_counted(engine: Engine) -> None:
    nodes = [
        make_node("items", "spread", count=3),
        make_node("bad", "fail"),
        make_node("good", "echo"),
        output("good out"),
    ]
    links = [make_link("items.out", "bad.value"), make_link("items.out", "good.value")]
    links.append(make_link("good.out", "good out.value"))
    outcome = await engine.execute(graph_of(engine, nodes, links))
    [failed] = outcome.result.stats.failed_nodes
    assert outcome.result.status is COMPLETED
    assert outcome.outputs == {"good out": [0, 1, 2]}
    assert (failed.node_id, failed.count, outcome.result.stats.node_error_count) == ("bad", 3, 3)


async def test_80_outputs_are_the_inputs_of_output_nodes_in_routing_order_by_name(engine: Engine) -> None:
    nodes = [
        make_node("first", "echo", value="one"),
        make_node("then", "echo"),
        make_node("plain", "agent_output_block", name="all"),
        make_node("formatted", "agent_output_block", name="all", format="<b>{{ all }}</b>"),
    ]
    links = [
        make_link("first.out", "formatted.value"),
        make_link("first.out", "then.value"),
        make_link("then.out", "plain.value"),
    ]
    outcome = await engine.execute(graph_of(engine, nodes, links))
    assert outcome.outputs == {"all": ["one", "one"]}


async def test_101_stopping_what_has_ended_changes_nothing(engine: Engine) -> None:
    run = await make_run(
        graph_of(engine, [make_node("a", "echo", value=1)]), blocks=engine.blocks, values=engine.values
    )
    await engine.runner.start(run, owner_key_id=OWNER)
    await engine.handle(run).result()
    graph_exec_id = run.run.graph_exec_id
    assert not await engine.runner.stop(graph_exec_id, owner_key_id=OWNER, request=StopRequest())
    await engine.runner.cancel(graph_exec_id, owner_key_id=OWNER)
    assert (await engine.handle(run).describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_119_a_run_that_has_ended_is_never_started_again(engine: Engine) -> None:
    """102 too: what asks for it once more, whatever the run's end was."""
    graph = graph_of(engine, [make_node("a", "broke")])
    run = await make_run(graph, blocks=engine.blocks, values=engine.values)
    assert await engine.runner.start(run, owner_key_id=OWNER)
    assert not await engine.runner.start(run, owner_key_id=OWNER)
    with pytest.raises(Exception, match="execution failed"):
        await engine.handle(run).result()
    assert not await engine.runner.start(run, owner_key_id=OWNER)


async def test_precedence_is_mask_then_link_then_constant(engine: Engine) -> None:
    nodes = [
        make_node("a", "echo", value=1),
        make_node("b", "echo", value=2),
        make_node("sum", "sum", a=100, b=100),
        output("o"),
    ]
    links = [make_link("a.out", "sum.a"), make_link("b.out", "sum.b"), make_link("sum.out", "o.value")]
    graph = graph_of(engine, nodes, links)
    assert (await engine.execute(graph)).outputs == {"o": [3.0]}
    # A masked pin is present from the start; what arrives there still makes executions of its own.
    masked = await engine.execute(graph, masks={"sum": {"b": 40}})
    assert masked.outputs["o"] == [41.0]
