"""Executions that emit while they run, give up their place or are repeated: the engine against a naive interpreter."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given

from models.ids import NodeId
from models.plan import ExecutionPlan, PlanLink, PlanNode
from models.values import Value
from models.wire import BlockOutputItem
from tests.unit.test_dataflow import make_plan
from tests.unit.test_dataflow_properties import Case, Endings, Execution, Reference, by_default, cases, deliveries
from workflows.dataflow import Dataflow
from workflows.node_state import Firing


@dataclass
class Live:
    """What an execution has emitted that is not routed, and whether it holds a place."""

    pending: list[BlockOutputItem] = field(default_factory=list)
    has_ended: bool = False
    is_released: bool = False


class LiveReference(Reference):
    """Looks through all executions of a node, in firing order, for what may be routed."""

    def __init__(self, plan: ExecutionPlan) -> None:
        super().__init__(plan)
        self.copies: list[Execution] = []
        self.repeated: set[int] = set()

    def live(self, execution: Execution) -> Live:
        if not hasattr(execution, "live"):
            execution.live = Live()  # type: ignore[attr-defined]
        return execution.live  # type: ignore[attr-defined]

    def emit(self, execution: Execution, outputs: list[BlockOutputItem]) -> None:
        self.live(execution).pending += outputs
        self.route_due(execution.node)

    def finish(self, execution: Execution, outputs: list[BlockOutputItem]) -> None:
        self.live(execution).pending += outputs
        self.live(execution).has_ended = True
        self.route_due(execution.node)

    def release(self, execution: Execution) -> None:
        self.live(execution).is_released = True
        self.route_due(execution.node)

    def repeat(self, execution: Execution) -> None:
        """What it emitted before keeps its place, so the next generation is an execution beside it."""
        self.repeated.add(id(execution))
        again = Execution(execution.node, execution.number, execution.pins)
        self.live(again).is_released = True
        self.copies.append(again)
        self.fire(again)

    def latest(self, node: PlanNode, pin: str) -> Execution | None:
        firsts = [execution for execution in self.fired if not any(execution is copy for copy in self.copies)]
        return next((e for e in reversed(firsts) if e.node.id == node.id and pin in e.pins), None)

    def route_due(self, node: PlanNode) -> None:
        while True:
            mine = [execution for execution in self.fired if execution.node.id == node.id]
            for execution in mine:
                if self.live(execution).is_released and self.live(execution).pending:
                    due = execution
                    break
            else:
                placed = [e for e in mine if not self.live(e).is_released]
                open_ones = [e for e in placed if not self.live(e).has_ended or self.live(e).pending]
                if not open_ones or not self.live(open_ones[0]).pending:
                    return
                due = open_ones[0]
            self.route_one(due)

    def route_one(self, execution: Execution) -> None:
        item = self.live(execution).pending.pop(0)
        links: list[tuple[PlanLink, Value]] = list(deliveries(execution.node, item))
        for link, value in links:
            self.deliver(link, value.inline)


def reloaded(case: Case, flow: Dataflow) -> Dataflow:
    return Dataflow.load(case.plan, json.loads(json.dumps(flow.dump())))


@by_default
@given(case=cases())
def test_random_lives(case: Case) -> None:
    """The same firings in the same order, with everything written out and read again after each step."""
    flow, reference, endings = Dataflow(case.plan), LiveReference(case.plan), Endings(case.script)
    flow.start({name: Value(inline=value) for name, value in case.inputs.items()})
    reference.start(case.inputs)
    firing_of: dict[tuple[NodeId, int], Firing] = {}
    seen = 0
    for decision in case.script:
        flow = reloaded(case, flow)
        expected = [(e.node.id, e.number, e.pins) for e in reference.fired[seen:]]
        taken = list(flow.ready)
        flow.ready.clear()
        got = [(f.node_id, f.number, {pin: value.inline for pin, value in f.received.items()}) for f in taken]
        assert got == expected
        firing_of |= {(firing.node_id, firing.number): firing for firing in taken}
        seen = len(reference.fired)
        running = [e for e in reference.fired if not reference.live(e).has_ended]
        assert sorted(flow.iter_in_flight()) == sorted((e.node.id, e.number) for e in running)
        step(decision, flow, reference, endings, firing_of)


def step(
    decision: int,
    flow: Dataflow,
    reference: LiveReference,
    endings: Endings,
    firing_of: dict[tuple[NodeId, int], Firing],
) -> None:
    chance = random.Random(decision)
    running = [e for e in reference.fired if not reference.live(e).has_ended]
    ended = [e for e in reference.fired if reference.live(e).has_ended and id(e) not in reference.repeated]
    if ended and chance.random() < 0.15:
        again = chance.choice(ended)
        before = firing_of[again.node.id, again.number]
        assert flow.repeat(before).generation == before.generation + 1
        reference.repeat(again)
        return
    if not running:
        return
    execution = chance.choice(running)
    node_id, number = execution.node.id, execution.number
    outputs = endings.next([(node_id, number)]).outputs
    kind = chance.random()
    if kind < 0.4:
        reference.emit(execution, outputs)
        flow.emit(node_id, number, outputs)
    elif kind < 0.55 and not reference.live(execution).is_released:
        reference.release(execution)
        flow.release(node_id, number)
    else:
        reference.finish(execution, outputs)
        flow.complete(node_id, number, outputs)


def test_a_released_execution_holds_back_nobody() -> None:
    """An earlier one that waits for a person lets a later one pass; what it emits comes when it comes."""
    flow = Dataflow(make_plan(["s.out -> a.x", "a.out -> b.x"]))
    flow.start({})
    flow.ready.clear()
    flow.complete(NodeId("s"), 0, [item(1), item(2)])
    flow.ready.clear()
    flow.release(NodeId("a"), 0)
    flow.complete(NodeId("a"), 1, [item("second")])
    flow.complete(NodeId("a"), 0, [item("first")])
    assert [firing.received["x"].inline for firing in flow.ready] == ["second", "first"]


def test_what_an_execution_emits_goes_on_before_it_ends() -> None:
    flow = Dataflow(make_plan(["s.out -> a.x"]))
    flow.start({})
    flow.ready.clear()
    flow.emit(NodeId("s"), 0, [item(1)])
    assert [firing.received["x"].inline for firing in flow.ready] == [1]
    flow.complete(NodeId("s"), 0, [item(2)])
    assert [firing.received["x"].inline for firing in flow.ready] == [1, 2]


def test_histories_from_before_streams_are_read() -> None:
    plan = make_plan(["s.out -> a.x"])
    flow = Dataflow(plan)
    flow.start({})
    dumped: dict[str, Any] = flow.dump()
    dumped["nodes"]["s"]["slots"] = [[0, None], [1, [{"pin": "out", "value": {"inline": 1}}]]]
    del dumped["nodes"]["s"]["released"]
    loaded = Dataflow.load(plan, dumped)
    loaded.ready.clear()
    loaded.complete(NodeId("s"), 0, [])
    assert [firing.received["x"].inline for firing in loaded.ready] == [1]


def item(value: Any) -> BlockOutputItem:
    return BlockOutputItem(pin="out", value=Value(inline=value))
