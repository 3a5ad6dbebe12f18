"""A graph without its secrets, so that it can be given away."""

from collections.abc import Mapping
from typing import Any, Final, cast

from activities.blocks.registry import BlockRegistry, BlockType
from activities.exchange.sub_graphs import is_agent_node
from models.blocks import BlockKind
from models.graph import Graph, Node

_SECRET_NAMES: Final = ("credentials", "api_key", "password", "token", "secret")
_SCHEMA_PINS: Final = ("input_schema", "output_schema", "tool_input_schema")
_NUMERIC: Final = ("integer", "number", "boolean", "null")


def without_secrets(graph: Graph, blocks: BlockRegistry) -> Graph:
    """`graph` without the constants that may be secrets, wherever they stand in its nodes.

    Those are constants whose pin is declared secret, the stored value of a secret graph input, and everything whose
    name speaks of credentials, keys, passwords, tokens or secrets, unless it is a flag or declared to be a number.
    """
    return graph.model_copy(update={"nodes": tuple(_node(node, blocks) for node in graph.nodes)})


def _node(node: Node, blocks: BlockRegistry) -> Node:
    block = blocks.find(node.block_id)
    constants = dict(node.input_default)
    if is_agent_node(node):
        constants.pop("user_id", None)
    if block is not None and block.kind is BlockKind.INPUT and constants.get("secret") is True:
        constants.pop("value", None)
    schema = _schema_of(block)
    kept = {
        pin: _without_defaults(value) if pin in _SCHEMA_PINS else _value(value, _schema_at(schema, pin, constants))
        for pin, value in constants.items()
        if not _is_secret(pin, value, _property(schema, pin))
    }
    return node.model_copy(update={"input_default": kept, "metadata": _value(node.metadata, {})})


def _schema_of(block: BlockType | None) -> Mapping[str, Any]:
    return {} if block is None else block.input_schema()


def _schema_at(schema: Mapping[str, Any], pin: str, constants: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs of an agent node are declared by the schema beside them."""
    own = constants.get("input_schema") if pin in ("inputs", "data") else None
    return cast("Mapping[str, Any]", own) if isinstance(own, Mapping) else _property(schema, pin)


def _value(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {
            key: _value(item, _property(schema, key))
            for key, item in cast("dict[str, Any]", value).items()
            if not _is_secret(key, item, _property(schema, key))
        }
    if isinstance(value, list):
        items = schema.get("items")
        of_items = cast("Mapping[str, Any]", items) if isinstance(items, Mapping) else {}
        return [_value(item, of_items) for item in cast("list[Any]", value)]
    return value


def _is_secret(name: str, value: Any, schema: Mapping[str, Any]) -> bool:
    if schema.get("secret") is True:
        return True
    if isinstance(value, bool) or not any(word in name.lower() for word in _SECRET_NAMES):
        return False
    return not (isinstance(value, int | float) and _is_numeric(schema))


def _is_numeric(schema: Mapping[str, Any]) -> bool:
    """Whether the schema allows numbers only, as that of `max_tokens` does."""
    return all(option.get("type") in _NUMERIC for option in _options(schema))


def _without_defaults(schema: Any) -> Any:
    """A schema of pins as it is, but without the defaults of secret ones."""
    properties = _properties(schema)
    if not properties:
        return schema
    kept = {
        name: {key: item for key, item in cast("dict[str, Any]", declared).items() if key != "default"}
        if isinstance(declared, dict) and _may_be_secret(name, cast("dict[str, Any]", declared))
        else declared
        for name, declared in properties.items()
    }
    return {**schema, "properties": kept}


def _may_be_secret(name: str, schema: Mapping[str, Any]) -> bool:
    return _is_secret(name, schema.get("default"), schema)


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    declared = _properties(schema).get(name)
    return cast("Mapping[str, Any]", declared) if isinstance(declared, Mapping) else {}


def _properties(schema: object) -> Mapping[str, Any]:
    """The declared properties of an object, also of one that may be null instead."""
    for option in _options(schema):
        properties = option.get("properties")
        if isinstance(properties, Mapping):
            return cast("Mapping[str, Any]", properties)
    return {}


def _options(schema: object) -> list[Mapping[str, Any]]:
    """A schema, or those it leaves the choice of. Schemas in constants come from anywhere: they may be nonsense."""
    if not isinstance(schema, Mapping):
        return []
    declared = cast("Mapping[str, Any]", schema)
    among = declared.get("anyOf")
    options = cast("list[object]", among) if isinstance(among, list) and among else [declared]
    return [cast("Mapping[str, Any]", option) for option in options if isinstance(option, Mapping)]
