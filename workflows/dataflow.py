"""The dataflow engine: which node executions are ready, and where their outputs go. Pure state; knows no Temporal.

Semantics in short (the tests have one case per statement):

- A value on a pin goes to the earliest incomplete execution of the sink that lacks that pin, else to a new one. So the
  k-th value on one pin meets the k-th on every other.
- An execution is ready when every linked pin has a value; a linked pin never falls back to its constant. Several links
  into one pin are one requirement, and each value arriving there makes its own execution.
- A static pin is not consumed: an execution lacking it takes the value of the node's latest fired execution, and when a
  static value completes an execution, waiting ones get it too.
- Outputs of one node are routed in the order in which its executions were fired, one output at a time, over the node's
  links in the plan's order. An execution that streams is routed while it runs; one that waits for a person or an event
  gives up its place, and its outputs are routed when they come.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.blocks import BlockKind, ExecutorKind
from models.execution import StarvedNode
from models.ids import NodeId
from models.pins import ERROR_PIN, TOOL_DELIMITER, TOOL_PIN, is_tool_pin, source_matches
from models.plan import ExecutionPlan, PlanLink, PlanNode
from models.values import Value, Values
from models.wire import BlockOutputItem
from workflows.node_state import Firing, NodeState, Slot, dump_firing, dump_node, load_firing, load_node

INPUT_VALUE_PIN = "value"
MAX_REPORTED_NODES = 200


class _Node:
    """A plan node with what routing needs precomputed, and its state."""

    __slots__ = ("_links_by_pin", "awaited", "executor", "plan", "skipped", "state", "static_pins")

    def __init__(self, plan: PlanNode, executor: ExecutorKind) -> None:
        self.plan = plan
        self.executor = executor
        self.skipped = executor is ExecutorKind.SKIP
        self.awaited = tuple(pin for pin in plan.linked_pins if pin not in plan.masks)
        self.static_pins = plan.static_pins
        self.state = NodeState()
        self._links_by_pin: dict[str, tuple[PlanLink, ...]] = {}

    def links_from(self, pin: str) -> tuple[PlanLink, ...]:
        links = self._links_by_pin.get(pin)
        if links is None:
            links = tuple(link for link in self.plan.links if _listens(link, pin))
            self._links_by_pin[pin] = links
        return links

    def is_ready(self, inputs: Values) -> bool:
        return all(pin in inputs for pin in self.awaited)


def _listens(link: PlanLink, pin: str) -> bool:
    if pin.startswith(TOOL_PIN + TOOL_DELIMITER):
        _, _, target = pin.partition(TOOL_DELIMITER)
        node_id, _, sink_pin = target.partition("_~_")
        return is_tool_pin(link.source_name) and link.sink_id == node_id and link.sink_name == sink_pin
    return source_matches(link.source_name, pin)


class Dataflow:
    """The state of one graph execution.

    Call `start` once; then take firings from `ready`, run them, and hand their outputs to `complete` in the order in
    which they end. The execution is over when `ready` is empty and nothing is in flight.
    """

    def __init__(self, plan: ExecutionPlan) -> None:
        self._nodes: dict[NodeId, _Node] = {}
        self._inputs: list[PlanNode] = []
        self.ready: deque[Firing] = deque()
        self.routed = 0
        self._seq = 0
        for node in plan.nodes:
            block = plan.blocks[node.block_id]
            self._nodes[node.id] = _Node(node, block.executor)
            if block.kind is BlockKind.INPUT:
                self._inputs.append(node)

    def start(self, inputs: Mapping[str, Value]) -> None:
        """Fires the starting nodes once, in plan order; INPUT nodes get the run input of their name as `value`."""
        input_ids = {node.id for node in self._inputs}
        for node in self._nodes.values():
            if not node.plan.is_start or node.skipped:
                continue
            received: Values = {}
            name = node.plan.graph_pin
            if node.plan.id in input_ids and name is not None and name in inputs:
                received[INPUT_VALUE_PIN] = inputs[name]
            number = self._create(node)
            self._fire(node, number, received)

    def executor_of(self, node_id: NodeId) -> ExecutorKind:
        return self._nodes[node_id].executor

    def has_node(self, node_id: NodeId) -> bool:
        return node_id in self._nodes

    def plan_of(self, node_id: NodeId) -> PlanNode:
        return self._nodes[node_id].plan

    def emit(self, node_id: NodeId, number: int, outputs: Iterable[BlockOutputItem]) -> None:
        """A running execution has emitted; routes what is due of its node.

        Raises:
            ValueError: that execution is not running.
        """
        node = self._nodes[node_id]
        if number in node.state.released:
            for item in outputs:
                self._route(node, item)
            return
        self._running_slot(node, number).outputs.extend(outputs)
        self._route_due(node)

    def complete(self, node_id: NodeId, number: int, outputs: Sequence[BlockOutputItem]) -> None:
        """An execution has ended with these emissions; routes all outputs of its node that are now due.

        Raises:
            ValueError: that execution is not running.
        """
        node = self._nodes[node_id]
        if number in node.state.released:
            del node.state.released[number]
            for item in outputs:
                self._route(node, item)
            return
        slot = self._running_slot(node, number)
        slot.outputs.extend(outputs)
        slot.ended = True
        self._route_due(node)

    def release(self, node_id: NodeId, number: int) -> None:
        """A running execution gives up its place: later ones of its node are routed without waiting for it."""
        node = self._nodes[node_id]
        if number in node.state.released:
            return
        slot = self._running_slot(node, number)
        del node.state.slots[number]
        node.state.released[number] = None
        for item in slot.outputs:
            self._route(node, item)
        self._route_due(node)

    def repeat(self, firing: Firing) -> Firing:
        """Makes an execution that has ended ready once more, as its next generation, with the same inputs.

        What it emitted before keeps its place; what it emits now holds back nobody.
        """
        state = self._nodes[firing.node_id].state
        slot = state.slots.get(firing.number)
        if firing.number in state.released or (slot is not None and not slot.ended):
            raise ValueError(f"Execution {firing.number} of node {firing.node_id!r} is running")
        state.released[firing.number] = None
        self._seq += 1
        again = replace(firing, generation=firing.generation + 1, route_seq=self._seq)
        self.ready.append(again)
        return again

    def route_late(self, node_id: NodeId, outputs: Iterable[BlockOutputItem]) -> None:
        """Routes outputs that an operator gives to an execution that has ended."""
        node = self._nodes[node_id]
        for item in outputs:
            self._route(node, item)

    def _running_slot(self, node: _Node, number: int) -> Slot:
        slot = node.state.slots.get(number)
        if slot is None or slot.ended:
            raise ValueError(f"Execution {number} of node {node.plan.id!r} is not running")
        return slot

    def _route_due(self, node: _Node) -> None:
        slots = node.state.slots
        while slots:
            first = next(iter(slots))
            slot = slots[first]
            while slot.outputs:
                self._route(node, slot.outputs.popleft())
            if not slot.ended:
                return
            del slots[first]

    def fail(self, node_id: NodeId, number: int, outputs: Sequence[BlockOutputItem], message: str) -> None:
        """An execution has failed: what it emitted before stays, then `message` is routed on the error pin."""
        self.complete(node_id, number, [*outputs, BlockOutputItem(pin=ERROR_PIN, value=Value(inline=message))])

    def drain_ready(self) -> list[Firing]:
        """Takes back every firing that was not started."""
        drained = list(self.ready)
        self.ready.clear()
        return drained

    # --- what is left -------------------------------------------------------------------------------------------

    def list_starved(self) -> tuple[StarvedNode, ...]:
        """Nodes that got a value and never fired, with the pins that nothing reached (at most MAX_REPORTED_NODES)."""
        starved: list[StarvedNode] = []
        for node in self._nodes.values():
            if node.state.fired or not node.state.waiting or node.skipped:
                continue
            got = {pin for inputs in node.state.waiting.values() for pin in inputs}
            missing = tuple(pin for pin in node.awaited if pin not in got)
            starved.append(StarvedNode(node_id=node.plan.id, title=node.plan.title, waiting_for=missing))
            if len(starved) == MAX_REPORTED_NODES:
                break
        return tuple(starved)

    def count_leftovers(self) -> int:
        """Incomplete executions of nodes that did fire."""
        return sum(len(node.state.waiting) for node in self._nodes.values() if node.state.fired)

    # --- routing ------------------------------------------------------------------------------------------------

    def _route(self, node: _Node, item: BlockOutputItem) -> None:
        for link in node.links_from(item.pin):
            if link.source_name == item.pin or item.pin.startswith(TOOL_PIN + TOOL_DELIMITER):
                self._deliver(link, item.value)
            elif link.source_name in item.selected:
                self._deliver(link, item.selected[link.source_name])

    def _deliver(self, link: PlanLink, value: Value) -> None:
        sink = self._nodes[link.sink_id]
        if sink.skipped:
            return
        self._seq += 1
        self.routed += 1
        state = sink.state
        number = self._earliest_lacking(state, link.sink_name)
        if number is None:
            number = self._create(sink)
            state.waiting[number] = {}
        inputs = state.waiting[number]
        inputs[link.sink_name] = value
        for pin in sink.static_pins:
            if pin not in inputs and pin in state.latest_static:
                inputs[pin] = state.latest_static[pin]
        if not sink.is_ready(inputs):
            return
        del state.waiting[number]
        self._fire(sink, number, inputs)
        if link.is_static:
            self._fill_waiting(sink, inputs)

    def _earliest_lacking(self, state: NodeState, pin: str) -> int | None:
        number = state.cursors.get(pin, 0)
        while number < state.created:
            inputs = state.waiting.get(number)
            if inputs is not None and pin not in inputs:
                state.cursors[pin] = number
                return number
            number += 1
        state.cursors[pin] = number
        return None

    def _fill_waiting(self, sink: _Node, completed: Values) -> None:
        """A static value has just completed an execution: the waiting ones take the static pins they lack from it."""
        state = sink.state
        first = min((state.cursors.get(pin, 0) for pin in sink.static_pins), default=state.created)
        lacking = [
            number
            for number, inputs in state.waiting.items()
            if number >= first and any(pin not in inputs for pin in sink.static_pins)
        ]
        for number in lacking:
            inputs = state.waiting[number]
            for pin in sink.static_pins:
                if pin not in inputs and pin in completed:
                    inputs[pin] = completed[pin]
            if sink.is_ready(inputs):
                del state.waiting[number]
                self._fire(sink, number, inputs)

    def _create(self, node: _Node) -> int:
        number = node.state.created
        node.state.created += 1
        return number

    def _fire(self, node: _Node, number: int, inputs: Values) -> None:
        state = node.state
        state.fired += 1
        state.slots[number] = Slot()
        for pin in node.static_pins:
            if pin in inputs:
                state.latest_static[pin] = inputs[pin]
        self._seq += 1
        self.ready.append(Firing(node.plan.id, number, inputs, self._seq))

    def iter_waiting_inputs(self) -> Iterator[Values]:
        """What waits to be used, by pin: of incomplete and of ready executions, and the latest static values. A value
        in it may be replaced by a reference to it."""
        for node in self._nodes.values():
            yield from node.state.waiting.values()
            yield node.state.latest_static
        for firing in self.ready:
            yield firing.received

    # --- serialisation ------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The whole state as JSON, for continue-as-new. Everything in flight must have been completed."""
        nodes = {node_id: dump_node(node.state) for node_id, node in self._nodes.items() if node.state.created}
        ready = [dump_firing(firing) for firing in self.ready]
        return {"seq": self._seq, "routed": self.routed, "nodes": nodes, "ready": ready}

    @classmethod
    def load(cls, plan: ExecutionPlan, state: Mapping[str, Any]) -> "Dataflow":
        """The engine as it was when `state` was dumped."""
        flow = cls(plan)
        flow._seq = state["seq"]
        flow.routed = state["routed"]
        for node_id, dumped in state["nodes"].items():
            flow._nodes[NodeId(node_id)].state = load_node(dumped)
        flow.ready.extend(load_firing(*firing) for firing in state["ready"])
        return flow

    def iter_in_flight(self) -> Iterator[tuple[NodeId, int]]:
        """Executions that were fired and have not ended, whether started or still in `ready`."""
        for node_id, node in self._nodes.items():
            for number, slot in node.state.slots.items():
                if not slot.ended:
                    yield node_id, number
            for number in node.state.released:
                yield node_id, number
