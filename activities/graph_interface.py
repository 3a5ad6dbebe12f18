"""What a graph looks like from the outside: its inputs and outputs as JSON schemas, and where its results come from."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from activities.blocks.registry import BlockRegistry, BlockType
from activities.credentials_needs import (
    CredentialsNeed,
    credentials_input_schema,
    credentials_pins,
    find_credentials_needs,
)
from models.blocks import BlockKind
from models.graph import Graph, Node
from models.ids import NodeId

_REPLACED_KEYS: Final = ("title", "description", "default", "secret", "advanced")
_TRIGGERS: Final = (BlockKind.WEBHOOK, BlockKind.WEBHOOK_MANUAL)

CHOICE_PINS: Final = ("options", "placeholder_values")
"""Constants of an input that list what may be chosen, whether its block declares them or did once."""


class GraphInterface:
    """Derived from nodes and blocks on demand; blocks that no longer exist count as if they were not there.

    Args:
        sub_graphs: all graphs that this one runs, directly or not; a run needs their credentials too.
    """

    def __init__(self, graph: Graph, blocks: BlockRegistry, *, sub_graphs: Sequence[Graph] = ()) -> None:
        self._graph = graph
        self._blocks = blocks
        self._sub_graphs = sub_graphs

    def input_schema(self) -> dict[str, Any]:
        """Object schema with one property per graph input; required are those without a stored value.

        Of two inputs with one name the later node counts.
        """
        return self._schema(BlockKind.INPUT)

    def output_schema(self) -> dict[str, Any]:
        """Object schema with one property per graph output."""
        return self._schema(BlockKind.OUTPUT)

    def credentials_needs(self) -> tuple[CredentialsNeed, ...]:
        """The credentials a run is asked for, those of sub-graphs included."""
        return find_credentials_needs((self._graph, *self._sub_graphs), self._blocks)

    def credentials_input_schema(self) -> dict[str, Any]:
        """Object schema of the credentials a run needs."""
        return credentials_input_schema(self.credentials_needs(), self._graph.name)

    def trigger_setup_info(self) -> dict[str, Any] | None:
        """What has to be given to set up the first node that waits for a webhook; None if there is none."""
        for _, block in self._known_nodes():
            if block.kind in _TRIGGERS:
                return _trigger(block)
        return None

    def has_external_trigger(self) -> bool:
        return any(block.kind in _TRIGGERS for _, block in self._known_nodes())

    def has_human_in_the_loop(self) -> bool:
        return any(block.kind is BlockKind.HUMAN_IN_THE_LOOP for _, block in self._known_nodes())

    def has_sensitive_action(self) -> bool:
        return any(block.is_sensitive_action for _, block in self._known_nodes())

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
                required[name] = _stored_value(node, block) is None
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name, is_required in required.items() if is_required],
        }


def _stored_value(node: Node, block: BlockType) -> Any:
    """What an input or output of the graph is without a run's input: a constant of the node, or the block's own."""
    value = node.input_default.get("value")
    return block.graph_value_schema(node.input_default).get("default") if value is None else value


def _property(node: Node, block: BlockType, name: str) -> dict[str, Any]:
    constants = node.input_default
    declared = block.graph_value_schema(constants)
    default = _stored_value(node, block)
    schema = {key: value for key, value in declared.items() if key not in _REPLACED_KEYS}
    schema["title"] = constants.get("title") or name
    schema["secret"] = bool(constants.get("secret", False))
    # A form that hides an input without a value would hide what nobody has filled in.
    schema["advanced"] = bool(constants.get("advanced", False)) and default is not None
    if "anyOf" in schema and "format" in schema:
        # Where the platform's forms look for it: beside the type it belongs to.
        text_format = {"format": schema.pop("format")}
        schema["anyOf"] = [{**text_format, **one} if one.get("type") == "string" else one for one in schema["anyOf"]]
    choices = next((constants[pin] for pin in CHOICE_PINS if constants.get(pin)), None)
    if isinstance(choices, list):
        schema.pop("anyOf", None)
        schema["enum"] = choices
    if constants.get("description"):
        schema["description"] = constants["description"]
    if default is not None:
        schema["default"] = default
    return schema


def _trigger(block: BlockType) -> dict[str, Any]:
    schema = block.input_schema()
    credentials = credentials_pins(block)
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    providers = [name for pin in credentials.values() for name in pin["credentials_provider"]]
    config = {
        **schema,
        "properties": {pin: declared for pin, declared in properties.items() if pin not in credentials},
        "required": [pin for pin in schema.get("required", []) if pin not in credentials],
    }
    return {
        "provider": providers[0] if providers else block.webhook_provider,
        "config_schema": config,
        "credentials_input_name": next(iter(credentials), None),
    }
