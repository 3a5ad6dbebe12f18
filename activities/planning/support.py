"""What of a graph cannot run here, whatever its inputs are: unknown or disabled blocks, and pins that blocks lack.

A graph with such parts can be kept, so that it can be seen and edited; it cannot run.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from activities.blocks.registry import BlockRegistry, BlockType
from models.graph import Link, Node
from models.ids import BlockId, NodeId
from models.pins import base_name, is_tool_pin


class Unsupported(NamedTuple):
    """One part of a graph that cannot run; two versions of a graph have it in common if it is equal.

    `pin` is None where the block itself is missing or disabled; else it is the end of a link, in or out.
    """

    node_id: NodeId
    block_id: BlockId
    pin: str | None = None
    is_output: bool = False

    @property
    def field(self) -> str:
        """Under which field of the node's errors it is reported."""
        return "block_id" if self.pin is None else self.pin


def find_unsupported(nodes: Sequence[Node], links: Iterable[Link], blocks: BlockRegistry) -> dict[Unsupported, str]:
    """Each such part -> what is wrong; blocks in the order of the nodes, then pins in the order of the links.

    Links from or to nodes of unknown blocks cannot be checked.
    """
    known = {node.id: (node, blocks.find(node.block_id)) for node in nodes}
    found: dict[Unsupported, str] = {}
    for node in nodes:
        reason = block_problem(node, blocks)
        if reason is not None:
            found.setdefault(Unsupported(node.id, node.block_id), reason)
    for link in links:
        source, source_block = known.get(link.source_id, (None, None))
        if source and source_block and not _has_output(source_block, source, link.source_name):
            message = f"Link {link.id!r}: block {source_block.name()!r} has no output pin {link.source_name!r}"
            found.setdefault(Unsupported(source.id, source.block_id, link.source_name, is_output=True), message)
        sink, sink_block = known.get(link.sink_id, (None, None))
        if sink and sink_block and not sink_block.has_input_pin(base_name(link.sink_name), sink.input_default):
            message = f"Link {link.id!r}: block {sink_block.name()!r} has no input pin {link.sink_name!r}"
            found.setdefault(Unsupported(sink.id, sink.block_id, link.sink_name), message)
    return found


def block_problem(node: Node, blocks: BlockRegistry) -> str | None:
    """Why the block of a node cannot run here, or None."""
    block = blocks.find(node.block_id)
    if block is None:
        return f"Invalid block {node.block_id!r}: there is no such block"
    return None if block.disabled is None else f"Block {block.name()!r} is disabled: {block.disabled}"


def _has_output(block: BlockType, node: Node, source_name: str) -> bool:
    return is_tool_pin(source_name) or block.has_output_pin(base_name(source_name), node.input_default)
