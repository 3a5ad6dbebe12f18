"""From a graph to a plan: what is refused, with which node and field named, and what the plan then says."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from activities.blocks.registry import BlockRegistry
from activities.planning.compile import compile_plan
from activities.planning.support import Unsupported, find_unsupported
from activities.planning.validate import REQUIRED, NodeErrors, check_runnable, check_structure
from models.blocks import Block, BlockContext, BlockInput, BlockKind, Emission, ExecutorKind, pin
from models.errors import GraphValidationError, UnknownBlockError
from models.graph import MAX_STORED_BYTES, Graph, Link, Node
from models.ids import BlockId, GraphExecId
from models.plan import MAX_NODES, MAX_PLAN_BYTES, ExecutionPlan
from models.value_store import ValueStore, run_prefix
from tests.builders import make_graph, make_link, make_node
from tests.fakes import MemoryBlobStore
from tests.sample_blocks import ValueOutput, sample_registry

RUN = GraphExecId("0190b5c5-0000-7000-8000-000000000001")


class ListInput(BlockInput):
    items: list[int] = pin()
    factor: float = pin(1.0, ge=0)


class ScaleBlock(Block[ListInput]):
    id = "scale"
    description = "Takes a list and a number."
    Input = ListInput
    Output = ValueOutput

    async def run(self, input: ListInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", [item * input.factor for item in input.items]


class PercentInput(BlockInput):
    name: str = pin()
    value: int = pin(ge=0, le=100)


class PercentInputBlock(Block[PercentInput]):
    id = "percent"
    description = "An input of the graph that needs a value within limits."
    kind = BlockKind.INPUT
    Input = PercentInput
    Output = ValueOutput

    async def run(self, input: PercentInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", input.value


BLOCKS = BlockRegistry([*sample_registry().all(), ScaleBlock, PercentInputBlock])


def errors_of(nodes: list[Node], links: list[Link] | None = None) -> NodeErrors:
    with pytest.raises(GraphValidationError) as caught:
        check_structure(nodes, links or [], BLOCKS)
    assert caught.value.message.startswith("Graph validation failed: ") == bool(caught.value.node_errors)
    return caught.value.node_errors


def run_errors(
    graph: Graph, inputs: Mapping[str, Any] | None = None, masks: Mapping[str, Mapping[str, Any]] | None = None
) -> NodeErrors:
    with pytest.raises(GraphValidationError) as caught:
        check_runnable(graph, BLOCKS, inputs=inputs or {}, masks=masks)
    return caught.value.node_errors


# --- structure ---------------------------------------------------------------------------------------------------


def test_unknown_and_disabled_blocks_are_refused() -> None:
    errors = errors_of([make_node("a", "nonsense"), make_node("b", "switched_off"), make_node("c", "echo")])
    assert errors == {
        "a": {"block_id": "Invalid block 'nonsense': there is no such block"},
        "b": {"block_id": "Block 'SwitchedOffBlock' is disabled: it is switched off in tests"},
    }


def test_duplicate_node_ids_are_refused() -> None:
    errors = errors_of([make_node("a", "echo"), make_node("a", "sum"), make_node("b", "echo")])
    assert list(errors) == ["a"]
    assert "used by 2 nodes" in errors["a"]["id"]


def test_dangling_links_are_reported_at_the_end_that_exists() -> None:
    nodes = [make_node("a", "echo")]
    errors = errors_of(nodes, [make_link("gone.out", "a.value"), make_link("a.out", "lost.value")])
    assert errors == {
        "a": {
            "value": "Link 'gone.out->a.value' starts at 'gone': no such node",
            "out": "Link 'a.out->lost.value' ends at 'lost': no such node",
        }
    }


def test_link_without_any_existing_end_is_reported_at_both() -> None:
    errors = errors_of([make_node("a", "echo")], [make_link("x.out", "y.in")])
    assert {node: list(fields) for node, fields in errors.items()} == {"y": ["in"], "x": ["out"]}


@pytest.mark.parametrize("name", ["nothing", "nothing_#_key", "tool"])
def test_unknown_pins_are_named_with_their_node(name: str) -> None:
    nodes = [make_node("a", "echo"), make_node("b", "echo")]
    errors = errors_of(nodes, [make_link(f"a.{name}", f"b.{name}")])
    assert f"block 'EchoBlock' has no output pin {name!r}" in errors["a"][name]
    assert f"block 'EchoBlock' has no input pin {name!r}" in errors["b"][name]


def test_every_block_has_an_error_pin_and_tool_pins_are_exempt() -> None:
    nodes = [make_node("a", "echo"), make_node("b", "echo")]
    names = ("error", "out_#_key_$_0", "tools", "tools_^_search_~_query")
    links = [make_link(f"a.{name}", "b.value") for name in names]
    assert check_structure(nodes, links, BLOCKS) == tuple(links)


def test_static_outputs_make_their_links_static_and_never_the_other_way_round() -> None:
    nodes = [make_node("store", "store_value_block"), make_node("a", "echo"), make_node("b", "echo")]
    links = [
        make_link("store.output", "b.value"),
        make_link("a.out", "b.value", static=True),
        make_link("b.out", "a.value"),
    ]
    assert [link.is_static for link in check_structure(nodes, links, BLOCKS)] == [True, True, False]


def test_repeated_links_collapse_to_the_last_ones_flags_at_the_first_ones_place() -> None:
    nodes = [make_node("a", "echo"), make_node("b", "echo")]
    repeated, other = make_link("a.out", "b.value"), make_link("b.out", "a.value")
    checked = check_structure(nodes, [repeated, other, make_link("a.out", "b.value", static=True)], BLOCKS)
    assert [(link.source_id, link.is_static) for link in checked] == [("a", True), ("b", False)]


def test_cycles_are_allowed() -> None:
    nodes = [make_node("a", "echo"), make_node("b", "echo")]
    links = [make_link("a.out", "b.value"), make_link("b.out", "a.value"), make_link("a.out", "a.value")]
    assert len(check_structure(nodes, links, BLOCKS)) == 3


def test_too_many_nodes() -> None:
    nodes = [make_node(f"n{number}", "echo") for number in range(MAX_NODES + 1)]
    with pytest.raises(GraphValidationError, match=f"{MAX_NODES + 1} nodes; the limit is {MAX_NODES}"):
        check_structure(nodes, [], BLOCKS)
    assert check_structure(nodes[1:], [], BLOCKS) == ()


def test_constants_that_do_not_fit_together_are_refused_when_saved() -> None:
    nodes = [make_node(f"n{number}", "echo", value="x" * 15_000) for number in range(110)]
    with pytest.raises(GraphValidationError, match=f"the limit is {MAX_PLAN_BYTES}"):
        check_structure(nodes, [], BLOCKS)


def test_large_constants_count_only_as_references() -> None:
    nodes = [make_node(f"n{number}", "echo", value="x" * 20_000) for number in range(110)]
    assert check_structure(nodes, [], BLOCKS) == ()


def test_long_names_of_links_count() -> None:
    nodes = [make_node("a", "echo"), make_node("b", "echo")]
    links = [make_link("a.out", f"b.value_#_{number}{'k' * 900}") for number in range(1000)]
    with pytest.raises(GraphValidationError, match="the limit is"):
        check_structure(nodes, links, BLOCKS)


async def test_a_graph_that_can_be_saved_has_a_plan_that_fits() -> None:
    nodes = [make_node("a" * 30, "echo"), *(make_node("n" * 30 + str(i), "echo", value="x" * 100) for i in range(2000))]
    links = [make_link(f"{'a' * 30}.out", f"{'n' * 30}{i}.value") for i in range(2000)]
    graph = make_graph(nodes, links, blocks=BLOCKS)
    plan = await compile_plan(graph, BLOCKS, values=ValueStore(MemoryBlobStore()), graph_exec_id=RUN)
    assert plan.size_bytes < MAX_PLAN_BYTES


# --- runnable ----------------------------------------------------------------------------------------------------


def test_missing_required_pins_are_named() -> None:
    nodes = [make_node("s", "sum", a=1), make_node("t", "sum", a=None)]
    errors = run_errors(make_graph(nodes, blocks=BLOCKS))
    assert errors == {"s": {"b": REQUIRED}, "t": {"a": REQUIRED, "b": REQUIRED}}


@pytest.mark.parametrize("source", ["default", "link", "mask"])
def test_required_pin_may_come_from(source: str) -> None:
    nodes = [make_node("e", "echo"), make_node("s", "sum", a=1, **({"b": 2} if source == "default" else {}))]
    links = [make_link("e.out", "s.b")] if source == "link" else []
    masks = {"s": {"b": 2}} if source == "mask" else None
    check_runnable(make_graph(nodes, links, blocks=BLOCKS), BLOCKS, inputs={}, masks=masks)


def test_required_pin_may_come_from_dynamic_links_or_constants() -> None:
    nodes = [make_node("e", "echo"), make_node("s", "scale"), make_node("t", "scale", **{"items_$_0": 1})]
    links = [make_link("e.out", "s.items_$_0"), make_link("e.out", "s.items_$_1")]
    check_runnable(make_graph(nodes, links, blocks=BLOCKS), BLOCKS, inputs={})


def test_null_mask_does_not_satisfy_a_required_pin() -> None:
    graph = make_graph([make_node("s", "sum", a=1)], blocks=BLOCKS)
    assert run_errors(graph, masks={"s": {"b": None}}) == {"s": {"b": REQUIRED}}


def test_starting_nodes_are_checked_for_what_they_take_and_others_are_not() -> None:
    nodes = [
        make_node("s", "scale", items=[1], factor=-1),
        make_node("e", "echo"),
        make_node("t", "scale", factor=-1),
    ]
    errors = run_errors(make_graph(nodes, [make_link("e.out", "t.items")], blocks=BLOCKS))
    assert list(errors) == ["s"]
    assert "factor" in errors["s"]["input"]


def test_bad_dynamic_constant_names_its_node() -> None:
    graph = make_graph([make_node("s", "scale", **{"items_$_x": 1})], blocks=BLOCKS)
    assert "items_$_x" in run_errors(graph)["s"]["input"]


def test_run_input_satisfies_or_fails_its_input_node() -> None:
    graph = make_graph([make_node("i", "percent", name="p")], blocks=BLOCKS)
    check_runnable(graph, BLOCKS, inputs={"p": 5})
    assert "value" in run_errors(graph, {"p": 101})["i"]["input"]
    assert run_errors(graph) == {"i": {"value": REQUIRED}}


def test_mask_counts_over_the_run_input() -> None:
    graph = make_graph([make_node("i", "percent", name="p")], blocks=BLOCKS)
    check_runnable(graph, BLOCKS, inputs={"p": 101}, masks={"i": {"value": 2}})
    assert "value" in run_errors(graph, {"p": 1}, masks={"i": {"value": 102}})["i"]["input"]


def test_input_nodes_run_without_a_value() -> None:
    nodes = [make_node("i", "agent_input_block", name="n"), make_node("e", "echo")]
    check_runnable(make_graph(nodes, [make_link("i.result", "e.value")], blocks=BLOCKS), BLOCKS, inputs={})


def test_unknown_run_inputs_are_ignored() -> None:
    graph = make_graph([make_node("i", "agent_input_block", name="n")], blocks=BLOCKS)
    check_runnable(graph, BLOCKS, inputs={"other": object()})


@pytest.mark.parametrize("kind", ["empty", "note", "cycle"])
def test_graph_without_starting_nodes(kind: str) -> None:
    nodes = {"empty": [], "note": [make_node("n", "note_block")], "cycle": [make_node("e", "echo")]}[kind]
    links = [make_link("e.out", "e.value")] if kind == "cycle" else []
    with pytest.raises(GraphValidationError, match="No starting nodes"):
        check_runnable(make_graph(nodes, links, blocks=BLOCKS), BLOCKS, inputs={})


def test_block_disabled_since_the_graph_was_saved_is_refused() -> None:
    graph = make_graph([make_node("e", "echo")], blocks=BLOCKS)
    graph = graph.model_copy(update={"nodes": (make_node("e", "switched_off"), make_node("f", "gone"))})
    errors = run_errors(graph)
    assert (list(errors), list(errors["e"]), list(errors["f"])) == (["e", "f"], ["block_id"], ["block_id"])


def test_what_is_tolerated_is_kept_and_stops_only_runs() -> None:
    nodes = [make_node("e", "echo"), make_node("off", "switched_off"), make_node("x", "gone")]
    links = [make_link("e.no_pin", "x.anything"), make_link("x.any", "off.no_pin"), make_link("x.y", "x.z")]
    unsupported = find_unsupported(nodes, links, BLOCKS)
    assert list(unsupported) == [
        Unsupported(nodes[1].id, nodes[1].block_id),
        Unsupported(nodes[2].id, nodes[2].block_id),
        Unsupported(nodes[0].id, nodes[0].block_id, "no_pin", is_output=True),
        Unsupported(nodes[1].id, nodes[1].block_id, "no_pin"),
    ]
    assert check_structure(nodes, links, BLOCKS, tolerated=unsupported) == tuple(links)
    with pytest.raises(GraphValidationError) as caught:
        check_structure([*nodes, make_node("y", "gone")], links, BLOCKS, tolerated=unsupported)
    assert list(caught.value.node_errors) == ["y"]
    graph = make_graph(nodes[:1], blocks=BLOCKS).model_copy(update={"nodes": tuple(nodes), "links": tuple(links)})
    assert run_errors(graph).keys() == {"e", "off", "x"}


def test_a_known_node_is_not_tolerated_with_another_block() -> None:
    tolerated = find_unsupported([make_node("a", "gone")], [], BLOCKS)
    with pytest.raises(GraphValidationError):
        check_structure([make_node("a", "gone too")], [], BLOCKS, tolerated=tolerated)


# --- the plan ----------------------------------------------------------------------------------------------------


async def compiled(
    nodes: list[Node],
    links: list[Link] | None = None,
    *,
    blobs: MemoryBlobStore | None = None,
    masks: Mapping[str, Mapping[str, Any]] | None = None,
) -> ExecutionPlan:
    graph = make_graph(nodes, links or [], blocks=BLOCKS)
    values = ValueStore(blobs or MemoryBlobStore())
    return await compile_plan(graph, BLOCKS, values=values, graph_exec_id=RUN, masks=masks)


async def test_plan_keeps_nodes_links_and_pins_in_the_graphs_order() -> None:
    nodes = [make_node("s", "store_value_block", input=1), make_node("a", "echo"), make_node("b", "sum")]
    links = [
        make_link("a.out", "b.b"),
        make_link("s.output", "b.a"),
        make_link("a.error", "b.a"),
        make_link("a.out", "a.value"),
    ]
    plan = await compiled(nodes, links)
    s, a, b = plan.nodes
    assert [node.id for node in plan.nodes] == ["s", "a", "b"]
    assert [(link.source_name, link.sink_id, link.sink_name) for link in a.links] == [
        ("out", "b", "b"),
        ("error", "b", "a"),
        ("out", "a", "value"),
    ]
    assert (b.linked_pins, b.static_pins) == (("b", "a"), ("a",))
    assert [link.is_static for link in s.links] == [True]
    assert [node.is_start for node in plan.nodes] == [True, False, False]


async def test_input_nodes_start_even_with_links_and_notes_never_run() -> None:
    nodes = [
        make_node("a", "echo"),
        make_node("i", "agent_input_block", name="x"),
        make_node("o", "agent_output_block", name="y"),
        make_node("n", "note_block", text="hello"),
        make_node("t", "text_input_block"),
    ]
    plan = await compiled(nodes, [make_link("a.out", "i.value"), make_link("i.result", "o.value")])
    assert {node.id: (node.is_start, node.graph_pin) for node in plan.nodes} == {
        "a": (True, None),
        "i": (True, "x"),
        "o": (False, "y"),
        "n": (False, None),
        "t": (True, "text"),
    }
    kinds = {node.id: plan.blocks[node.block_id] for node in plan.nodes}
    assert (kinds["n"].executor, kinds["a"].executor) == (ExecutorKind.SKIP, ExecutorKind.ACTIVITY)
    assert (kinds["i"].kind, kinds["o"].kind) == (BlockKind.INPUT, BlockKind.OUTPUT)


async def test_constants_masks_and_options_are_in_the_plan() -> None:
    metadata = {"customized_name": "Mine", "retry": {"max_attempts": 3}, "timeout_seconds": 9}
    nodes = [make_node("a", "echo", metadata, value=[1, float("nan")], unset=None)]
    [node] = (await compiled(nodes, masks={"a": {"value": 2, "no": None}, "other": {"x": 1}})).nodes
    assert {pin: value.inline for pin, value in node.defaults.items()} == {"value": [1, None]}
    assert {pin: value.inline for pin, value in node.masks.items()} == {"value": 2}
    assert (node.title, node.retry.max_attempts, node.timeout_seconds) == ("Mine", 3, 9)


async def test_large_constants_lie_in_the_blob_store_under_the_run() -> None:
    blobs = MemoryBlobStore()
    nodes = [make_node(name, "echo", value="x" * 50_000) for name in ("a", "b")]
    plan = await compiled(nodes, blobs=blobs, masks={"a": {"value": "y" * 50_000}})
    [first, second] = [node.defaults["value"].ref for node in plan.nodes]
    assert first == second
    assert first is not None
    assert first.key.startswith(run_prefix(RUN))
    assert len(blobs.blobs) == 2
    assert await ValueStore(blobs).load(plan.nodes[0].masks["value"]) == "y" * 50_000


async def test_plan_that_outgrew_the_limit_is_refused() -> None:
    masks = {f"n{number}": {"value": "x" * 16_000} for number in range(110)}
    with pytest.raises(GraphValidationError, match="Split it into several"):
        await compiled([make_node(f"n{number}", "echo") for number in range(110)], masks=masks)


async def test_block_that_has_gone_since_the_graph_was_saved() -> None:
    graph = make_graph([make_node("a", "echo")], blocks=BLOCKS)
    node = graph.nodes[0].model_copy(update={"block_id": BlockId("gone")})
    with pytest.raises(UnknownBlockError, match="gone"):
        await compile_plan(
            graph.model_copy(update={"nodes": (node,)}),
            BLOCKS,
            values=ValueStore(MemoryBlobStore()),
            graph_exec_id=RUN,
        )


async def test_compiling_twice_gives_the_same_plan() -> None:
    graph = make_graph([make_node("a", "echo", value={"k": "x" * 50_000})], blocks=BLOCKS)
    values = ValueStore(MemoryBlobStore())
    plans = [await compile_plan(graph, BLOCKS, values=values, graph_exec_id=RUN) for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("part", ["input_default", "metadata"])
def test_graphs_that_are_too_large_to_keep_are_refused(part: str) -> None:
    large = {str(number): "x" * 100_000 for number in range(MAX_STORED_BYTES // 300_000)}
    nodes = [make_node(f"n{number}", "echo").model_copy(update={part: large}) for number in range(4)]
    with pytest.raises(GraphValidationError, match=f"the limit is {MAX_STORED_BYTES}"):
        check_structure(nodes, [], BLOCKS)
    assert check_structure(nodes[:2], [], BLOCKS) == ()
