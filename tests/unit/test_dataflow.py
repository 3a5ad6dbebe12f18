"""The engine alone: readiness, pairing, static links, order, dynamic and tool pins, what is left over."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from models.blocks import BlockKind, ExecutorKind
from models.ids import BlockId, GraphId, LinkId, NodeId
from models.plan import ExecutionPlan, PlanBlock, PlanLink, PlanNode
from models.values import Value
from models.wire import BlockOutputItem
from workflows.dataflow import Dataflow

INPUT, PLAIN, NOTE = BlockId("input"), BlockId("plain"), BlockId("note")


def make_plan(
    links: Iterable[str], *, inputs: Iterable[str] = (), notes: Iterable[str] = (), **masks: Any
) -> ExecutionPlan:
    """Plan from lines like `a.out -> b.in` (static: `=>`); nodes appear in the order of their first mention."""
    parsed: list[tuple[str, str, str, str, bool]] = []
    names: dict[str, None] = dict.fromkeys([*inputs, *notes])
    for line in links:
        static = "=>" in line
        source, arrow, sink = (part.strip() for part in line.partition("=>" if static else "->"))
        if not arrow:
            names.setdefault(source)
            continue
        (source_id, source_name), (sink_id, sink_name) = source.split(".", 1), sink.split(".", 1)
        names.setdefault(source_id)
        names.setdefault(sink_id)
        parsed.append((source_id, source_name, sink_id, sink_name, static))
    nodes = []
    for name in names:
        inbound = [link for link in parsed if link[2] == name]
        linked = tuple(dict.fromkeys(link[3] for link in inbound))
        static_pins = tuple(pin for pin in linked if any(link[3] == pin and link[4] for link in inbound))
        block = INPUT if name in set(inputs) else NOTE if name in set(notes) else PLAIN
        nodes.append(
            PlanNode(
                id=NodeId(name),
                block_id=block,
                title=name,
                masks={pin: Value(inline=value) for pin, value in masks.get(name, {}).items()},
                linked_pins=linked,
                static_pins=static_pins,
                links=tuple(
                    PlanLink(
                        id=LinkId(f"{i}"),
                        source_name=link[1],
                        sink_id=NodeId(link[2]),
                        sink_name=link[3],
                        is_static=link[4],
                    )
                    for i, link in enumerate(parsed)
                    if link[0] == name
                ),
                is_start=block != NOTE and (block == INPUT or not inbound),
                graph_pin=name if block == INPUT else None,
            )
        )
    return ExecutionPlan(
        graph_id=GraphId("g"),
        graph_version=1,
        graph_name="g",
        blocks={
            INPUT: PlanBlock(name="Input", kind=BlockKind.INPUT),
            PLAIN: PlanBlock(name="Plain"),
            NOTE: PlanBlock(name="Note", kind=BlockKind.NOTE, executor=ExecutorKind.SKIP),
        },
        nodes=tuple(nodes),
    )


class Run:
    """Drives a Dataflow by hand; values are plain JSON."""

    def __init__(self, plan: ExecutionPlan, **inputs: Any) -> None:
        self.flow = Dataflow(plan)
        self.flow.start({name: Value(inline=value) for name, value in inputs.items()})

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Everything ready, as (node, received), without starting an order: FIFO."""
        self.taken = list(self.flow.ready)
        self.flow.ready.clear()
        return [(f.node_id, {pin: value.inline for pin, value in f.received.items()}) for f in self.taken]

    def end(self, node: str, number: int, *outputs: tuple[str, Any]) -> None:
        items = [BlockOutputItem(pin=pin, value=Value(inline=value)) for pin, value in outputs]
        self.flow.complete(NodeId(node), number, items)

    def received(self, node: str) -> list[dict[str, Any]]:
        return [received for name, received in self.take() if name == node]


def test_starting_nodes_are_those_without_inbound_links_and_all_inputs() -> None:
    plan = make_plan(["a.out -> b.in", "a.out -> i.value", "lonely"], inputs=["i"], notes=["n"])
    assert sorted(node for node, _ in Run(plan).take()) == ["a", "i", "lonely"]


def test_run_input_reaches_its_input_node_and_unknown_names_are_ignored() -> None:
    plan = make_plan(["x.result -> b.in"], inputs=["x"])
    assert Run(plan, x=5, other=6).take() == [("x", {"value": 5})]
    assert Run(plan).take() == [("x", {})]


def test_node_waits_for_every_linked_pin() -> None:
    run = Run(make_plan(["a.out -> c.x", "b.out -> c.y"]))
    run.take()
    run.end("a", 0, ("out", 1))
    assert run.take() == []
    run.end("b", 0, ("out", 2))
    assert run.take() == [("c", {"x": 1, "y": 2})]


def test_values_on_two_pins_pair_first_with_first() -> None:
    run = Run(make_plan(["a.out -> c.x", "b.out -> c.y"]))
    run.take()
    run.end("a", 0, ("out", 1), ("out", 2), ("out", 3))
    run.end("b", 0, ("out", "one"), ("out", "two"))
    assert run.received("c") == [{"x": 1, "y": "one"}, {"x": 2, "y": "two"}]
    assert run.flow.count_leftovers() == 1


def test_several_links_into_one_pin_each_make_an_execution() -> None:
    run = Run(make_plan(["a.out -> c.x", "b.out -> c.x"]))
    run.take()
    run.end("b", 0, ("out", "b"))
    run.end("a", 0, ("out", "a"))
    assert run.received("c") == [{"x": "b"}, {"x": "a"}]


def test_explicit_null_is_a_value() -> None:
    run = Run(make_plan(["a.out -> b.in"]))
    run.take()
    run.end("a", 0, ("out", None))
    assert run.take() == [("b", {"in": None})]


def test_outputs_are_routed_in_firing_order_of_their_node() -> None:
    run = Run(make_plan(["a.out -> b.in", "b.out -> c.in"]))
    run.take()
    run.end("a", 0, ("out", 1), ("out", 2), ("out", 3))
    assert len(run.received("b")) == 3
    run.end("b", 2, ("out", "third"))
    run.end("b", 1, ("out", "second"))
    assert run.take() == []
    run.end("b", 0, ("out", "first"))
    assert [received["in"] for received in run.received("c")] == ["first", "second", "third"]


def test_one_output_travels_over_its_links_in_plan_order() -> None:
    run = Run(make_plan(["a.out -> c.in", "a.out -> b.in", "a.other -> c.in"]))
    run.take()
    run.end("a", 0, ("out", 1), ("other", 2))
    assert run.take() == [("c", {"in": 1}), ("b", {"in": 1}), ("c", {"in": 2})]


def test_self_loop_folds_a_stream_and_leaves_one_incomplete_execution() -> None:
    run = Run(make_plan(["seed.out -> acc.list", "items.out -> acc.entry", "acc.out -> acc.list"]))
    run.take()
    run.end("seed", 0, ("out", []))
    run.end("items", 0, *(("out", i) for i in range(4)))
    for number in range(4):
        [received] = run.received("acc")
        run.end("acc", number, ("out", [*received["list"], received["entry"]]))
    assert run.take() == []
    assert run.flow.count_leftovers() == 1
    assert run.flow.list_starved() == ()


def test_static_value_is_reused_by_later_executions() -> None:
    run = Run(make_plan(["s.out => c.k", "a.out -> c.x"]))
    run.take()
    run.end("s", 0, ("out", "const"))
    run.end("a", 0, ("out", 1), ("out", 2), ("out", 3))
    assert run.received("c") == [{"k": "const", "x": i} for i in (1, 2, 3)]


def test_static_value_that_comes_late_completes_all_waiting_executions() -> None:
    run = Run(make_plan(["s.out => c.k", "a.out -> c.x"]))
    run.take()
    run.end("a", 0, ("out", 1), ("out", 2), ("out", 3))
    assert run.take() == []
    run.end("s", 0, ("out", "const"))
    assert run.received("c") == [{"k": "const", "x": i} for i in (1, 2, 3)]


def test_missing_static_pin_waits_instead_of_becoming_null() -> None:
    run = Run(make_plan(["s.out => c.k", "t.out => c.l", "a.out -> c.x"]))
    run.take()
    run.end("a", 0, ("out", 1))
    run.end("s", 0, ("out", "k"))
    assert run.take() == []
    run.end("t", 0, ("out", "l"))
    assert run.received("c") == [{"x": 1, "k": "k", "l": "l"}]


def test_second_static_value_is_used_by_the_next_dynamic_arrival_only() -> None:
    plan = make_plan(["s.out => c.k", "a.out -> c.x"], inputs=["s", "a"])
    run = Run(plan)
    run.take()
    run.end("s", 0, ("out", "old"), ("out", "new"))
    run.end("a", 0, ("out", 1), ("out", 2), ("out", 3))
    assert run.received("c") == [{"k": "old", "x": 1}, {"k": "new", "x": 2}, {"k": "new", "x": 3}]


def test_all_static_sink_runs_again_for_every_new_static_value() -> None:
    run = Run(make_plan(["s.out => c.k", "t.out => c.l"]))
    run.take()
    run.end("s", 0, ("out", 1))
    run.end("t", 0, ("out", 2), ("out", 3))
    assert run.received("c") == [{"k": 1, "l": 2}, {"k": 1, "l": 3}]


def test_masked_pin_counts_as_present_but_arrivals_still_trigger() -> None:
    run = Run(make_plan(["a.out -> c.x", "b.out -> c.y"], c={"y": "masked"}))
    run.take()
    run.end("a", 0, ("out", 1))
    assert run.received("c") == [{"x": 1}]


def test_dynamic_source_delivers_the_selected_part_and_nothing_if_there_is_none() -> None:
    run = Run(make_plan(["a.out_#_k -> b.in", "a.out -> c.in"]))
    run.take()
    part = {"out_#_k": Value(inline="part")}
    items = [
        BlockOutputItem(pin="out", value=Value(inline={"k": "part"}), selected=part),
        BlockOutputItem(pin="out", value=Value(inline={})),
    ]
    run.flow.complete(NodeId("a"), 0, items)
    assert run.take() == [("b", {"in": "part"}), ("c", {"in": {"k": "part"}}), ("c", {"in": {}})]


def test_tool_pin_reaches_only_the_named_pin_of_the_named_node() -> None:
    run = Run(make_plan(["a.tools -> b.q", "a.tools -> b.r", "a.tools_^_old_~_q -> c.q"]))
    run.take()
    run.end("a", 0, ("tools_^_b_~_q", "to b"), ("tools_^_c_~_q", "to c"))
    assert [(node, received) for node, received in run.take()] == [("c", {"q": "to c"})]
    assert run.flow.list_starved()[0].waiting_for == ("r",)


def test_failure_keeps_earlier_outputs_and_routes_the_message() -> None:
    run = Run(make_plan(["a.out -> b.in", "a.error -> e.in"]))
    run.take()
    run.flow.fail(NodeId("a"), 0, [BlockOutputItem(pin="out", value=Value(inline=1))], "broken")
    assert run.take() == [("b", {"in": 1}), ("e", {"in": "broken"})]


def test_notes_never_run_and_swallow_what_they_get() -> None:
    run = Run(make_plan(["a.out -> n.text"], notes=["n"]))
    run.take()
    run.end("a", 0, ("out", 1))
    assert run.take() == []
    assert run.flow.list_starved() == ()


def test_starved_node_names_the_pins_nothing_reached() -> None:
    run = Run(make_plan(["a.out -> c.x", "b.out -> c.y"]))
    run.take()
    run.end("a", 0, ("out", 1))
    run.end("b", 0)
    [starved] = run.flow.list_starved()
    assert (starved.node_id, starved.waiting_for) == ("c", ("y",))


def test_route_seq_grows_with_every_delivery_and_firing() -> None:
    run = Run(make_plan(["a.out -> b.in", "a.out -> c.in"]))
    run.take()
    run.end("a", 0, ("out", 1), ("out", 2))
    run.take()
    seqs = [firing.route_seq for firing in run.taken]
    assert seqs == sorted(set(seqs))


def test_ending_an_execution_twice_is_refused() -> None:
    run = Run(make_plan(["a.out -> b.in"]))
    run.take()
    run.end("a", 0)
    with pytest.raises(ValueError, match="not running"):
        run.end("a", 0)


def test_state_survives_serialisation() -> None:
    plan = make_plan(["s.out => c.k", "a.out -> c.x", "c.out -> d.in"])
    run = Run(plan)
    run.take()
    run.end("a", 0, ("out", 1), ("out", 2))
    copy = Dataflow.load(plan, json.loads(json.dumps(run.flow.dump())))
    for flow in (run.flow, copy):
        flow.complete(NodeId("s"), 0, [BlockOutputItem(pin="out", value=Value(inline="k"))])
        assert [f.received["x"].inline for f in flow.ready] == [1, 2]
        assert list(flow.iter_in_flight()) == [("c", 0), ("c", 1)]
    assert copy.dump() == run.flow.dump()


def test_wide_pairing_stays_linear() -> None:
    """20 000 values per pin: quadratic pairing would take minutes (the test's time limit ends it)."""
    run = Run(make_plan(["a.out -> c.x", "b.out -> c.y"]))
    run.take()
    run.end("a", 0, *(("out", i) for i in range(20_000)))
    run.end("b", 0, *(("out", i) for i in range(20_000)))
    received = run.received("c")
    assert len(received) == 20_000
    assert all(values["x"] == values["y"] for values in received)
