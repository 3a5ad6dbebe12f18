"""Whether a graph can be saved (`check_structure`) and whether it can run with given inputs (`check_runnable`)."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence, Sized
from typing import Any

from activities.blocks.registry import BlockRegistry, BlockType
from activities.planning.node_options import Emitted, read_pinned, read_retry, read_review, read_timeout_seconds
from activities.planning.support import Unsupported, find_unsupported
from models.blocks import BlockKind
from models.coercion import build_input
from models.errors import BlockInputError, GraphValidationError, InvalidRequestError
from models.graph import MAX_STORED_BYTES, Graph, Link, Node
from models.ids import NodeId
from models.json_values import dump_json
from models.pins import ERROR_PIN, base_name, fold
from models.plan import MAX_NODES, MAX_PLAN_BYTES
from models.values import INLINE_LIMIT_BYTES

NodeErrors = dict[str, dict[str, str]]

REQUIRED = "This field is required"
_LINK_BYTES = 120
_NODE_BYTES = 300
_REFERENCE_BYTES = 200


def check_structure(
    nodes: Sequence[Node], links: Sequence[Link], blocks: BlockRegistry, *, tolerated: Collection[Unsupported] = ()
) -> tuple[Link, ...]:
    """The links to store: static ones marked as such, repeated ones dropped.

    Args:
        tolerated: what is kept although it cannot run here.

    Raises:
        GraphValidationError: with one message per offending node and field.
    """
    errors: NodeErrors = {}
    check_node_count(nodes)
    for node_id, count in Counter(node.id for node in nodes).items():
        if count > 1:
            _add(errors, node_id, "id", f"Node id {node_id!r} is used by {count} nodes; ids must be unique in a graph")
    known = {node.id: node for node in nodes}
    distinct = _without_repeats(links)
    for part, message in find_unsupported(nodes, distinct, blocks).items():
        if part not in tolerated:
            _add(errors, part.node_id, part.field, message)
    block_of = {node.id: _check_options(node, blocks, errors) for node in nodes}
    checked = [_check_link(link, known, block_of, errors) for link in distinct]
    if errors:
        raise GraphValidationError(_summary(errors), node_errors=errors)
    size = sum(map(_node_bytes, nodes)) + sum(map(_link_bytes, checked))
    if size > MAX_PLAN_BYTES:
        raise GraphValidationError(
            f"The graph takes about {size} bytes to run; the limit is {MAX_PLAN_BYTES}. "
            "Split it into several graphs or move constants into inputs."
        )
    stored = sum(node.stored_bytes for node in nodes)
    if stored > MAX_STORED_BYTES:
        raise GraphValidationError(
            f"The constants and metadata of the graph take {stored} bytes; the limit is {MAX_STORED_BYTES}. "
            "Split it into several graphs or move constants into inputs."
        )
    return tuple(checked)


def check_node_count(nodes: Sized) -> None:
    """Raises GraphValidationError for nodes that are too many for one graph."""
    if len(nodes) > MAX_NODES:
        raise GraphValidationError(f"The graph has {len(nodes)} nodes; the limit is {MAX_NODES}. Split it.")


def check_runnable(
    graph: Graph,
    blocks: BlockRegistry,
    *,
    inputs: Mapping[str, Any],
    masks: Mapping[str, Mapping[str, Any]] | None = None,
    pinned: Mapping[str, Emitted] | None = None,
) -> None:
    """Whether every node can get what it requires, and the starting nodes accept what they get.

    A pinned node requires nothing: its block does not run.

    Raises:
        GraphValidationError: with `node_errors` for each node and field.
    """
    errors: NodeErrors = {}
    for part, message in find_unsupported(graph.nodes, graph.links, blocks).items():
        _add(errors, part.node_id, part.field, message)
    linked = _linked_pins(graph.links)
    starts = 0
    for node in graph.nodes:
        block = blocks.find(node.block_id)
        if block is None or block.kind is BlockKind.NOTE:
            continue
        if node.id in (pinned or {}):
            starts += is_start(node, block, linked)
            _check_pinned(node, block, (pinned or {})[node.id], errors)
            continue
        mask = _without_nulls((masks or {}).get(node.id, {}))
        present = {**_without_nulls(node.input_default), **input_for(node, block, inputs), **mask}
        available = {base_name(pin) for pin in (*present, *linked.get(node.id, ()))}
        missing = [pin for pin in block.required_pins(node.input_default) if pin not in available]
        for pin in missing:
            _add(errors, node.id, pin, REQUIRED)
        if is_start(node, block, linked):
            starts += 1
            if not missing:
                _check_start(node, block, present, errors)
    if not errors and not starts:
        raise GraphValidationError(
            "No starting nodes found for the graph, make sure a graph input or a node without inbound links exists."
        )
    if errors:
        raise GraphValidationError(_summary(errors), node_errors=errors)


def is_start(node: Node, block: BlockType, linked: Container[NodeId]) -> bool:
    """Starting nodes: those without inbound links, and every INPUT node; notes never run."""
    if block.kind is BlockKind.NOTE:
        return False
    return block.kind is BlockKind.INPUT or node.id not in linked


def input_for(node: Node, block: BlockType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the run's inputs put on an INPUT node's `value` pin, if anything."""
    name = block.graph_pin_name(node.input_default) if block.kind is BlockKind.INPUT else None
    return {"value": inputs[name]} if name is not None and name in inputs else {}


def _check_start(node: Node, block: BlockType, present: Mapping[str, Any], errors: NodeErrors) -> None:
    try:
        build_input(block, fold(present))
    except BlockInputError as error:
        _add(errors, node.id, "input", error.message)


def _check_pinned(node: Node, block: BlockType, emissions: Emitted, errors: NodeErrors) -> None:
    for pin, _ in emissions:
        if pin != ERROR_PIN and not block.has_output_pin(pin, node.input_default):
            _add(errors, node.id, pin, f"`pinned_outputs`: block {block.name()!r} has no output pin {pin!r}")


def _check_options(node: Node, blocks: BlockRegistry, errors: NodeErrors) -> BlockType | None:
    block = blocks.find(node.block_id)
    for read in (read_retry, read_timeout_seconds, read_review, _read_pinned):
        try:
            if block is not None:
                read(node, block)
        except InvalidRequestError as error:
            _add(errors, node.id, "metadata", error.message)
    return block


def _read_pinned(node: Node, block: BlockType) -> Emitted | None:
    return read_pinned(node)


def _check_link(
    link: Link, known: Mapping[NodeId, Node], block_of: Mapping[NodeId, BlockType | None], errors: NodeErrors
) -> Link:
    source, sink = known.get(link.source_id), known.get(link.sink_id)
    if source is None:
        _add(errors, link.sink_id, link.sink_name, f"Link {link.id!r} starts at {link.source_id!r}: no such node")
    if sink is None:
        _add(errors, link.source_id, link.source_name, f"Link {link.id!r} ends at {link.sink_id!r}: no such node")
    source_block = block_of.get(link.source_id)
    if source_block is not None and source_block.static_output and not link.is_static:
        return link.model_copy(update={"is_static": True})
    return link


def _without_repeats(links: Iterable[Link]) -> list[Link]:
    """One link per identity: the last one's flags at the first one's place, as a later copy overwrites an earlier."""
    return list({link.identity: link for link in links}.values())


def _linked_pins(links: Iterable[Link]) -> dict[NodeId, list[str]]:
    linked: dict[NodeId, list[str]] = {}
    for link in links:
        linked.setdefault(link.sink_id, []).append(link.sink_name)
    return linked


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {pin: value for pin, value in values.items() if value is not None}


def _node_bytes(node: Node) -> int:
    """About what a node takes in the plan."""
    sizes = (len(pin) + len(dump_json(value)) for pin, value in node.input_default.items() if value is not None)
    constants = sum(size if size <= INLINE_LIMIT_BYTES else _REFERENCE_BYTES for size in sizes)
    return constants + len(node.id) + len(node.block_id) + _NODE_BYTES


def _link_bytes(link: Link) -> int:
    """About what a link takes in the plan, where its sink pin stands once more beside the sink."""
    return len(link.id) + len(link.source_name) + len(link.sink_id) + 2 * len(link.sink_name) + _LINK_BYTES


def _add(errors: NodeErrors, node_id: str, field: str, message: str) -> None:
    errors.setdefault(node_id, {}).setdefault(field, message)


def _summary(errors: NodeErrors) -> str:
    issues = sum(len(fields) for fields in errors.values())
    node_id, fields = next(iter(errors.items()))
    field, message = next(iter(fields.items()))
    return f"Graph validation failed: {issues} issues on {len(errors)} nodes (node {node_id!r}, {field!r}: {message})"
