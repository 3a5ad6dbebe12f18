"""What of an imported graph will not run here and why, what needs credentials, and what was changed on the way."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from activities.blocks.registry import BlockRegistry
from activities.credentials_needs import credentials_pins
from activities.graph_interface import CHOICE_PINS
from activities.planning.reachability import find_unreachable
from activities.planning.support import Unsupported, find_unsupported
from activities.planning.validate import REQUIRED, check_runnable
from models.blocks import BlockKind
from models.errors import GraphValidationError
from models.graph import Graph, Node
from models.ids import GraphId, NodeId
from models.pins import base_name


class FindingKind(StrEnum):
    UNKNOWN_BLOCK = "unknown_block"
    DISABLED_BLOCK = "disabled_block"
    UNSUPPORTED_PIN = "unsupported_pin"
    MISSING_INPUT = "missing_input"
    INVALID_INPUT = "invalid_input"
    MISSING_SUB_GRAPH = "missing_sub_graph"
    NO_STARTING_NODE = "no_starting_node"
    MATCHED_SUB_GRAPH = "matched_sub_graph"
    UNREACHABLE = "unreachable"
    UNUSED_VALUE = "unused_value"
    VALUE_DROPPED = "value_dropped"
    LONG_DESCRIPTION = "long_description"
    NAME_CHANGED = "name_changed"
    LINKS_RECOVERED = "links_recovered"


_STOPS_RUN = frozenset(
    {
        FindingKind.UNKNOWN_BLOCK,
        FindingKind.DISABLED_BLOCK,
        FindingKind.UNSUPPORTED_PIN,
        FindingKind.MISSING_INPUT,
        FindingKind.INVALID_INPUT,
        FindingKind.MISSING_SUB_GRAPH,
        FindingKind.NO_STARTING_NODE,
    }
)


class Finding(NamedTuple):
    """Something to know about an imported graph; `node_id` is None where it concerns the graph as a whole."""

    kind: FindingKind
    graph_id: GraphId
    message: str
    node_id: NodeId | None = None
    pin: str | None = None

    @property
    def stops_run(self) -> bool:
        """Whether the graph cannot run until this is repaired."""
        return self.kind in _STOPS_RUN


def inspect_graph(graph: Graph, blocks: BlockRegistry) -> tuple[Finding, ...]:
    """What of a graph cannot run here, given values for its inputs and the credentials it needs; and unused values."""
    unsupported = find_unsupported(graph.nodes, graph.links, blocks)
    return (
        *(_unsupported(graph, part, message, blocks) for part, message in unsupported.items()),
        *_not_runnable(graph, unsupported, blocks),
        *_unreachable(graph, blocks),
        *(found for node in graph.nodes for found in _unused(graph, node, blocks)),
    )


def _unsupported(graph: Graph, part: Unsupported, message: str, blocks: BlockRegistry) -> Finding:
    if part.pin is not None:
        kind = FindingKind.UNSUPPORTED_PIN
    else:
        kind = FindingKind.DISABLED_BLOCK if blocks.find(part.block_id) else FindingKind.UNKNOWN_BLOCK
    return Finding(kind, graph.id, message, part.node_id, part.pin)


def _not_runnable(graph: Graph, unsupported: Mapping[Unsupported, str], blocks: BlockRegistry) -> Iterator[Finding]:
    try:
        check_runnable(graph, blocks, inputs={})
    except GraphValidationError as error:
        if not error.node_errors:
            yield Finding(FindingKind.NO_STARTING_NODE, graph.id, error.message)
        told = {(part.node_id, part.field) for part in unsupported}
        block_of = {node.id: blocks.find(node.block_id) for node in graph.nodes}
        for node_id, fields in error.node_errors.items():
            block = block_of.get(NodeId(node_id))
            credentials = credentials_pins(block) if block is not None else {}
            for field, message in fields.items():
                if (node_id, field) in told or field in credentials:
                    continue
                if message == REQUIRED:
                    text = f"Pin {field!r} is required, and neither set nor linked"
                    yield Finding(FindingKind.MISSING_INPUT, graph.id, text, NodeId(node_id), field)
                else:
                    yield Finding(FindingKind.INVALID_INPUT, graph.id, message, NodeId(node_id))


def _unreachable(graph: Graph, blocks: BlockRegistry) -> Iterator[Finding]:
    if any(blocks.find(node.block_id) is None for node in graph.nodes):
        # What an unknown block would reach is not known either.
        return
    for node_id, pins in find_unreachable(graph, blocks).items():
        message = f"No run can reach this node: nothing feeds {', '.join(map(repr, pins))}"
        yield Finding(FindingKind.UNREACHABLE, graph.id, message, node_id)


def _unused(graph: Graph, node: Node, blocks: BlockRegistry) -> Iterator[Finding]:
    block = blocks.find(node.block_id)
    if block is None or block.kind is BlockKind.NOTE:
        return
    for pin, value in node.input_default.items():
        if block.kind is BlockKind.INPUT and pin in CHOICE_PINS:
            continue
        if not _is_empty(value) and not block.has_input_pin(base_name(pin), node.input_default):
            message = f"Block {block.name()!r} has no pin {pin!r}; its value is kept, but not used"
            yield Finding(FindingKind.UNUSED_VALUE, graph.id, message, node.id, pin)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def is_runnable(findings: Sequence[Finding]) -> bool:
    return not any(found.stops_run for found in findings)
