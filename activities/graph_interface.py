"""What a graph looks like from the outside: its inputs and outputs as JSON schemas, and where its results come from."""

from collections.abc import Iterator
from typing import Any, Final, cast

from activities.blocks.registry import BlockRegistry, BlockType
from models.blocks import BlockKind
from models.graph import Graph, Node
from models.ids import NodeId

_REPLACED_KEYS: Final = ("title", "description", "default", "secret", "advanced")
_TRIGGERS: Final = (BlockKind.WEBHOOK, BlockKind.WEBHOOK_MANUAL)


class GraphInterface:
    """Derived from nodes and blocks on demand; blocks that no longer exist count as if they were not there."""

    def __init__(self, graph: Graph, blocks: BlockRegistry) -> None:
        self._graph = graph
        self._blocks = blocks

    def input_schema(self) -> dict[str, Any]:
        """Object schema with one property per graph input; required are those without a stored value.

        Of two inputs with one name the later node counts.
        """
        return self._schema(BlockKind.INPUT)

    def output_schema(self) -> dict[str, Any]:
        """Object schema with one property per graph output."""
        return self._schema(BlockKind.OUTPUT)

    def credentials_input_schema(self) -> dict[str, Any]:
        """Object schema of the credentials a run needs. No block takes any yet, so it has no properties."""
        return {"type": "object", "properties": {}, "required": []}

    def has_external_trigger(self) -> bool:
        return any(block.kind in _TRIGGERS for _, block in self._known_nodes())

    def has_human_in_the_loop(self) -> bool:
        return any(block.kind is BlockKind.HUMAN_IN_THE_LOOP for _, block in self._known_nodes())

    def output_nodes(self) -> dict[NodeId, str]:
        """OUTPUT node -> name of the graph output it declares."""
        return {
            node.id: block.graph_pin_name(node.input_default) or node.id
            for node, block in self._known_nodes()
            if block.kind is BlockKind.OUTPUT
        }

    def terminal_nodes(self) -> tuple[NodeId, ...]:
        """Nodes without outgoing links."""
        sources = {link.source_id for link in self._graph.links}
        return tuple(node.id for node in self._graph.nodes if node.id not in sources)

    def _known_nodes(self) -> Iterator[tuple[Node, BlockType]]:
        for node in self._graph.nodes:
            block = self._blocks.find(node.block_id)
            if block is not None:
                yield node, block

    def _schema(self, kind: BlockKind) -> dict[str, Any]:
        properties: dict[str, dict[str, Any]] = {}
        required: dict[str, bool] = {}
        for node, block in self._known_nodes():
            name = block.graph_pin_name(node.input_default) if block.kind is kind else None
            if name is not None:
                properties[name] = _property(node, block, name)
                required[name] = node.input_default.get("value") is None
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name, is_required in required.items() if is_required],
        }


def _property(node: Node, block: BlockType, name: str) -> dict[str, Any]:
    declared = cast("dict[str, Any]", block.input_schema().get("properties", {}).get("value", {}))
    constants = node.input_default
    default = constants.get("value")
    schema = {key: value for key, value in declared.items() if key not in _REPLACED_KEYS}
    schema["title"] = constants.get("title") or name
    schema["secret"] = bool(constants.get("secret", False))
    # A form that hides an input without a value would hide what nobody has filled in.
    schema["advanced"] = bool(constants.get("advanced", False)) and default is not None
    if constants.get("description"):
        schema["description"] = constants["description"]
    if default is not None:
        schema["default"] = default
    return schema
