"""The engine against a naive interpreter of the rules, on random graphs and in random orders of completion."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.blocks import ExecutorKind
from models.ids import NodeId
from models.pins import base_name, is_dynamic
from models.plan import ExecutionPlan, PlanLink, PlanNode
from models.values import Value
from models.wire import BlockOutputItem
from tests.unit.test_dataflow import Run, make_plan
from workflows.dataflow import Dataflow

SOURCES, SINKS = ("a", "b"), ("c", "d", "e")
SINK_PINS = ("x", "x", "y", "y", "value")
SOURCE_PINS = ("o", "o", "o", "p", "error", "o_#_k", "p_#_k")
EMITTED = ("o", "o", "o", "p")
FIRING_BUDGET = 60
"""Executions that emit; after that all end silently, so that cycles end."""


@dataclass(frozen=True)
class Case:
    """A graph and a script: each number decides which execution ends next, and with what."""

    plan: ExecutionPlan
    inputs: dict[str, int]
    script: tuple[int, ...]


def links_into(sink: str) -> "st.SearchStrategy[list[tuple[str, str, str, str, bool]]]":
    """Loops and several links into one pin are likely."""
    source = st.sampled_from((*SOURCES, *SINKS))
    link = st.tuples(
        source, st.sampled_from(SOURCE_PINS), st.just(sink), st.sampled_from(SINK_PINS), st.sampled_from((True, False))
    )
    return st.lists(link, min_size=1, max_size=4)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    drawn = [link for sink in SINKS for link in draw(links_into(sink))]
    if draw(st.sampled_from((True, False, False, False))):
        drawn += draw(links_into("b"))
    links = {link[:4]: link[4] for link in drawn}
    lines = [
        f"{source}.{source_pin} {'=>' if is_static else '->'} {sink}.{pin}"
        for (source, source_pin, sink, pin), is_static in links.items()
    ]
    names = (*SOURCES, *SINKS)
    chosen = st.lists(st.sampled_from(names), max_size=2, unique=True)
    inputs = draw(chosen)
    notes = [name for name in draw(st.sampled_from(((), (), (), ("e",), ("a",)))) if name not in inputs]
    masks: dict[str, dict[str, str]] = {}
    for name, pin in draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(SINK_PINS)), max_size=2)):
        masks.setdefault(name, {})[pin] = "masked"
    plan = make_plan([*SOURCES, *lines], inputs=inputs, notes=notes, **masks)
    given_inputs = {name: -1 - place for place, name in enumerate(draw(chosen))}
    return Case(plan, given_inputs, tuple(draw(st.lists(st.integers(0, 2**32), min_size=8, max_size=FIRING_BUDGET))))


# --- the rules, one after the other ------------------------------------------------------------------------------


@dataclass
class Execution:
    node: PlanNode
    number: int
    pins: dict[str, Any]
    route_seq: int = 0
    has_fired: bool = False
    outputs: list[BlockOutputItem] | None = None
    is_routed: bool = False


@dataclass
class Reference:
    """Keeps every execution in one list and searches it."""

    plan: ExecutionPlan
    executions: list[Execution] = field(default_factory=list)
    fired: list[Execution] = field(default_factory=list)
    seq: int = 0

    def start(self, inputs: dict[str, int]) -> None:
        for node in self.plan.nodes:
            if node.is_start and not self.is_note(node):
                given = {"value": inputs[node.graph_pin]} if node.graph_pin in inputs else {}
                self.fire(self.new(node, given))

    def is_note(self, node: PlanNode) -> bool:
        return self.plan.blocks[node.block_id].executor is ExecutorKind.SKIP

    def of(self, node: PlanNode) -> list[Execution]:
        return [execution for execution in self.executions if execution.node.id == node.id]

    def new(self, node: PlanNode, pins: dict[str, Any]) -> Execution:
        execution = Execution(node, len(self.of(node)), dict(pins))
        self.executions.append(execution)
        return execution

    def fire(self, execution: Execution) -> None:
        self.seq += 1
        execution.route_seq = self.seq
        execution.has_fired = True
        self.fired.append(execution)

    def end(self, execution: Execution, outputs: list[BlockOutputItem]) -> None:
        """63: outputs of a node leave in the order in which its executions fired."""
        execution.outputs = outputs
        while True:
            waiting = [e for e in self.fired if e.node.id == execution.node.id and not e.is_routed]
            if not waiting or waiting[0].outputs is None:
                return
            waiting[0].is_routed = True
            for item in waiting[0].outputs:
                for link, value in deliveries(execution.node, item):
                    self.deliver(link, value.inline)

    def deliver(self, link: PlanLink, value: Any) -> None:
        sink = next(node for node in self.plan.nodes if node.id == link.sink_id)
        if self.is_note(sink):
            return
        self.seq += 1
        lacking = [e for e in self.of(sink) if not e.has_fired and link.sink_name not in e.pins]
        target = lacking[0] if lacking else self.new(sink, {})
        target.pins[link.sink_name] = value
        for pin in sink.static_pins:
            if pin not in target.pins and (known := self.latest(sink, pin)) is not None:
                target.pins[pin] = known.pins[pin]
        if not self.is_ready(target):
            return
        self.fire(target)
        if link.is_static:
            self.fill_waiting(sink, target)

    def latest(self, node: PlanNode, pin: str) -> Execution | None:
        """52: the latest fired execution that had a value on the pin."""
        return next((e for e in reversed(self.fired) if e.node.id == node.id and pin in e.pins), None)

    def fill_waiting(self, sink: PlanNode, completed: Execution) -> None:
        """53: those that wait get the static pins they lack from the execution that a static value completed."""
        for execution in [e for e in self.of(sink) if not e.has_fired]:
            for pin in sink.static_pins:
                if pin not in execution.pins and pin in completed.pins:
                    execution.pins[pin] = completed.pins[pin]
            if self.is_ready(execution):
                self.fire(execution)

    def is_ready(self, execution: Execution) -> bool:
        node = execution.node
        return all(pin in execution.pins or pin in node.masks for pin in node.linked_pins)


def deliveries(node: PlanNode, item: BlockOutputItem) -> Iterator[tuple[PlanLink, Value]]:
    """What one output puts on which links, in the plan's order."""
    for link in node.links:
        if link.source_name == item.pin:
            yield link, item.value
        elif is_dynamic(link.source_name) and base_name(link.source_name) == item.pin and item.selected:
            yield link, item.selected[link.source_name]


# --- driving both ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """An execution ends; every value there is carries a number of its own."""

    node_id: NodeId
    number: int
    outputs: list[BlockOutputItem]
    message: str | None

    @property
    def all_outputs(self) -> list[BlockOutputItem]:
        if self.message is None:
            return self.outputs
        return [*self.outputs, BlockOutputItem(pin="error", value=Value(inline=self.message))]


class Endings:
    """Chooses by script which execution ends next. Order of the choice is all that differs between two runs."""

    def __init__(self, script: tuple[int, ...]) -> None:
        self._script = iter(script)
        self._value = 0

    def next(self, in_flight: list[tuple[NodeId, int]]) -> Ending:
        decision = next(self._script, None)
        if decision is None:
            return Ending(*in_flight[0], outputs=[], message=None)
        chance = random.Random(decision)
        node_id, number = chance.choice(in_flight)
        outputs = [self._output(chance) for _ in range(chance.randint(0, 5))]
        message = f"failed {self._next_value()}" if chance.random() < 0.2 else None
        return Ending(node_id, number, outputs, message)

    def _output(self, chance: random.Random) -> BlockOutputItem:
        pin = chance.choice(EMITTED)
        selected = {f"{pin}_#_k": Value(inline=self._next_value())} if chance.random() < 0.7 else {}
        return BlockOutputItem(pin=pin, value=Value(inline=self._next_value()), selected=selected)

    def _next_value(self) -> int:
        self._value += 1
        return self._value


def end(flow: Dataflow, ending: Ending) -> None:
    if ending.message is None:
        flow.complete(ending.node_id, ending.number, ending.outputs)
    else:
        flow.fail(ending.node_id, ending.number, ending.outputs, ending.message)


def started(case: Case) -> Dataflow:
    flow = Dataflow(case.plan)
    flow.start({name: Value(inline=value) for name, value in case.inputs.items()})
    return flow


def firings(flow: Dataflow) -> list[tuple[str, int, dict[str, Any], int]]:
    """Takes what is ready."""
    taken = [
        (firing.node_id, firing.number, {pin: value.inline for pin, value in firing.received.items()}, firing.route_seq)
        for firing in flow.ready
    ]
    flow.ready.clear()
    return taken


def reloaded(plan: ExecutionPlan, flow: Dataflow) -> Dataflow:
    dumped = json.loads(json.dumps(flow.dump()))
    copy = Dataflow.load(plan, dumped)
    assert copy.dump() == dumped == flow.dump()
    return copy


def check_against_the_rules(case: Case) -> None:
    """The same firings, with the same inputs, in the same order and with the same numbers, step by step."""
    flow, reference, endings = started(case), Reference(case.plan), Endings(case.script)
    reference.start(case.inputs)
    seen = 0
    while True:
        expected = [(e.node.id, e.number, e.pins, e.route_seq) for e in reference.fired[seen:]]
        assert firings(flow) == expected
        seen = len(reference.fired)
        in_flight = [(e.node.id, e.number) for e in reference.fired if e.outputs is None]
        assert sorted(flow.iter_in_flight()) == sorted(in_flight)
        if not in_flight:
            break
        ending = endings.next(in_flight)
        end(flow, ending)
        [execution] = [e for e in reference.fired if (e.node.id, e.number) == (ending.node_id, ending.number)]
        reference.end(execution, ending.all_outputs)
    waiting = [e for e in reference.executions if not e.has_fired]
    has_fired = {e.node.id for e in reference.fired}
    assert flow.count_leftovers() == sum(e.node.id in has_fired for e in waiting)
    assert {node.node_id for node in flow.list_starved()} == {e.node.id for e in waiting} - has_fired


def check_conservation(case: Case) -> None:
    """A delivered value is in exactly one execution, fired or waiting; only those of static pins may be in several."""
    flow, endings = started(case), Endings(case.script)
    nodes = {node.id: node for node in case.plan.nodes}
    notes = {node.id for node in case.plan.nodes if case.plan.blocks[node.block_id].executor is ExecutorKind.SKIP}
    delivered: Counter[tuple[str, str, Any]] = Counter()
    found: Counter[tuple[str, str, Any]] = Counter()
    for node in case.plan.nodes:
        if node.is_start and node.graph_pin in case.inputs:
            delivered[node.id, "value", case.inputs[node.graph_pin]] += 1
    while True:
        for node_id, _, received, _ in firings(flow):
            found.update((node_id, pin, value) for pin, value in received.items())
        in_flight = list(flow.iter_in_flight())
        if not in_flight:
            break
        ending = endings.next(in_flight)
        for item in ending.all_outputs:
            for link, value in deliveries(nodes[ending.node_id], item):
                if link.sink_id not in notes:
                    delivered[link.sink_id, link.sink_name, value.inline] += 1
        end(flow, ending)
    assert flow.routed == delivered.total() - sum(
        node.is_start and node.graph_pin in case.inputs for node in case.plan.nodes
    )
    for node_id, state in flow.dump()["nodes"].items():
        for _, inputs in state["waiting"]:
            found.update((node_id, pin, value["inline"]) for pin, value in inputs.items())
    assert found.keys() == delivered.keys()
    for key, count in found.items():
        node_id, pin, _ = key
        is_reused = pin in nodes[NodeId(node_id)].static_pins
        assert count >= delivered[key] if is_reused else count == delivered[key]


def check_serialisation(case: Case) -> None:
    """Going through JSON after every step changes nothing."""
    kept, copied = started(case), reloaded(case.plan, started(case))
    kept_endings, copied_endings = Endings(case.script), Endings(case.script)
    while True:
        copied = reloaded(case.plan, copied)
        assert firings(copied) == firings(kept)
        copied = reloaded(case.plan, copied)
        in_flight = list(kept.iter_in_flight())
        assert list(copied.iter_in_flight()) == in_flight
        if not in_flight:
            return
        end(kept, kept_endings.next(in_flight))
        end(copied, copied_endings.next(in_flight))


CHECKS = (check_against_the_rules, check_conservation, check_serialisation)
by_default = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@by_default
@given(case=cases())
def test_random_graphs(check: Any, case: Case) -> None:
    check(case)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@settings(by_default, max_examples=3000)
@given(case=cases())
def test_many_random_graphs(check: Any, case: Case) -> None:
    check(case)


def test_static_values_of_the_completed_execution_fill_all_waiting_ones() -> None:
    """53: the third execution gets `k` from the first, which the static value completed, and not from the second."""
    run = Run(make_plan(["s.out => c.k", "t.out => c.l", "a.out -> c.x"]))
    run.take()
    run.end("a", 0, ("out", 1), ("out", 2), ("out", 3))
    run.end("s", 0, ("out", "k1"), ("out", "k2"))
    run.end("t", 0, ("out", "l1"))
    assert run.received("c") == [
        {"x": 1, "k": "k1", "l": "l1"},
        {"x": 2, "k": "k2", "l": "l1"},
        {"x": 3, "k": "k1", "l": "l1"},
    ]
