"""What the dataflow engine remembers of each node, and how that travels from one run of a workflow to the next."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.ids import NodeId
from models.values import Value, Values
from models.wire import BlockOutputItem


@dataclass(frozen=True, slots=True)
class Firing:
    """A node execution that is ready. `number` counts the executions of its node in the order of their creation."""

    node_id: NodeId
    number: int
    received: Values
    route_seq: int
    generation: int = 0


@dataclass(slots=True)
class Slot:
    """A fired execution: what it has emitted and is not routed yet, and whether it has ended."""

    outputs: deque[BlockOutputItem] = field(default_factory=deque[BlockOutputItem])
    ended: bool = False


@dataclass(slots=True)
class NodeState:
    """What the engine remembers of one node.

    Attributes:
        created: executions created so far; the next one gets this number.
        fired: executions that became ready.
        waiting: incomplete executions by number, oldest first: raw sink name -> value.
        cursors: per pin, a number below which no incomplete execution lacks that pin (executions only gain pins).
        latest_static: per static pin, its value in the latest fired execution.
        slots: fired executions that have not ended or whose outputs are not all routed, in firing order.
        released: fired executions that have not ended and hold back nobody, by number.
    """

    created: int = 0
    fired: int = 0
    waiting: dict[int, Values] = field(default_factory=dict[int, Values])
    cursors: dict[str, int] = field(default_factory=dict[str, int])
    latest_static: Values = field(default_factory=dict[str, Value])
    slots: dict[int, Slot] = field(default_factory=dict[int, Slot])
    released: dict[int, None] = field(default_factory=dict[int, None])


def dump_firing(firing: Firing) -> list[Any]:
    return [firing.node_id, firing.number, _dump_values(firing.received), firing.route_seq, firing.generation]


def load_firing(node_id: str, number: int, received: Mapping[str, Any], route_seq: int, generation: int) -> Firing:
    return Firing(NodeId(node_id), number, _load_values(received), route_seq, generation)


def _dump_values(values: Values) -> dict[str, Any]:
    return {pin: value.model_dump(mode="json", exclude_unset=True) for pin, value in values.items()}


def _load_values(values: Mapping[str, Any]) -> Values:
    return {pin: Value.model_validate(value) for pin, value in values.items()}


def dump_node(state: NodeState) -> dict[str, Any]:
    return {
        "created": state.created,
        "fired": state.fired,
        "waiting": [[number, _dump_values(inputs)] for number, inputs in state.waiting.items()],
        "cursors": dict(state.cursors),
        "static": _dump_values(state.latest_static),
        "slots": [
            [number, slot.ended, [item.model_dump(mode="json", exclude_unset=True) for item in slot.outputs]]
            for number, slot in state.slots.items()
        ],
        "released": list(state.released),
    }


def load_node(dumped: Mapping[str, Any]) -> NodeState:
    return NodeState(
        created=dumped["created"],
        fired=dumped["fired"],
        waiting={number: _load_values(inputs) for number, inputs in dumped["waiting"]},
        cursors=dict(dumped["cursors"]),
        latest_static=_load_values(dumped["static"]),
        slots=dict(_load_slot(*slot) for slot in dumped["slots"]),
        released=dict.fromkeys(dumped.get("released", ())),
    )


def _load_slot(number: int, *state: Any) -> tuple[int, Slot]:
    """Histories from before executions could stream hold the outputs alone, or null while one is running."""
    ended, outputs = state if len(state) == 2 else (state[0] is not None, state[0] or ())
    return number, Slot(deque(BlockOutputItem.model_validate(item) for item in outputs), ended)
