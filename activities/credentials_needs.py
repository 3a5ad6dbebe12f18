"""Which credentials a graph needs from whoever runs it: the pins of its nodes, those that go together joined in one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit

from activities.blocks._credentials import credentials_schema
from activities.blocks.registry import BlockRegistry, BlockType
from models.graph import Graph, Node
from models.ids import GraphId, NodeId

_HOST_SCOPED: Final = "host_scoped"


@dataclass(frozen=True, slots=True)
class CredentialsUse:
    """A pin of a node that takes credentials; `optional`: the node can do without."""

    graph_id: GraphId
    node_id: NodeId
    pin: str
    optional: bool


@dataclass(slots=True)
class CredentialsNeed:
    """One credential that a run is asked for, whatever number of nodes uses it.

    Attributes:
        key: what a run gives it under, for example `openai_api_key_credentials`.
        discriminator: the sibling pin that picks the provider (`model`) or the host (`url`).
        discriminator_values: what the nodes have on that pin, sorted.
    """

    key: str
    providers: tuple[str, ...]
    types: tuple[str, ...]
    discriminator: str | None = None
    discriminator_mapping: Mapping[str, str] | None = None
    scopes: set[str] = field(default_factory=set[str])
    discriminator_values: set[str] = field(default_factory=set[str])
    uses: list[CredentialsUse] = field(default_factory=list[CredentialsUse])

    @property
    def required(self) -> bool:
        return not all(use.optional for use in self.uses)

    def schema(self) -> dict[str, Any]:
        """JSON schema of the credential to choose, with what clients need to offer the right ones."""
        schema: dict[str, Any] = {
            **credentials_schema(self.providers, self.types),
            "title": _title(self.providers, self.types),
            "discriminator_values": sorted(self.discriminator_values),
        }
        if self.scopes:
            schema["credentials_scopes"] = sorted(self.scopes)
        if self.discriminator is not None:
            schema["discriminator"] = self.discriminator
        if self.discriminator_mapping is not None:
            schema["discriminator_mapping"] = dict(self.discriminator_mapping)
        return schema


def credentials_pins(block: BlockType) -> dict[str, dict[str, Any]]:
    """Pins that take credentials -> their schemas: `credentials` and `*_credentials`, which name their providers."""
    properties = cast("dict[str, Any]", block.input_schema().get("properties", {}))
    return {
        pin: schema
        for pin, schema in properties.items()
        if (pin == "credentials" or pin.endswith("_credentials")) and schema.get("credentials_provider")
    }


def find_credentials_needs(graphs: Iterable[Graph], blocks: BlockRegistry) -> tuple[CredentialsNeed, ...]:
    """What a graph needs together with its sub-graphs (the graph first), in the order of the nodes."""
    needs: dict[tuple[object, ...], CredentialsNeed] = {}
    for graph in graphs:
        for node in graph.nodes:
            block = blocks.find(node.block_id)
            for pin, schema in credentials_pins(block).items() if block is not None else ():
                _add(needs, graph.id, node, pin, cast("BlockType", block), schema)
    return tuple(needs.values())


def credentials_input_schema(needs: Sequence[CredentialsNeed], graph_name: str) -> dict[str, Any]:
    """Object schema with one property per need; required are those that some node cannot do without."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {need.key: need.schema() for need in needs},
        "required": [need.key for need in needs if need.required],
    }
    if needs:
        schema["title"] = graph_name.replace(" ", "") + "CredentialsInputSchema"
    return schema


def _add(
    needs: dict[tuple[object, ...], CredentialsNeed],
    graph_id: GraphId,
    node: Node,
    pin: str,
    block: BlockType,
    schema: Mapping[str, Any],
) -> None:
    discriminator = cast("str | None", schema.get("discriminator"))
    mapping = cast("dict[str, str] | None", schema.get("discriminator_mapping"))
    types = _names(schema.get("credentials_types"))
    providers = _names(schema.get("credentials_provider"))
    value = _sibling(node, block, discriminator) if discriminator is not None else None
    if value is not None and mapping is not None and value in mapping:
        providers = (mapping[value],)
    by_host = types == (_HOST_SCOPED,) and value is not None
    named_by = (_host(cast("str", value)),) if by_host else providers
    need = needs.setdefault(
        (providers, types, named_by),
        CredentialsNeed(
            key=f"{'-'.join(named_by)}_{'-'.join(types)}_credentials",
            providers=providers,
            types=types,
            discriminator=discriminator,
            discriminator_mapping=mapping,
        ),
    )
    need.scopes.update(_names(schema.get("credentials_scopes")))
    need.discriminator_values.update(() if value is None else (value,))
    need.uses.append(CredentialsUse(graph_id, node.id, pin, optional=_is_optional(node, pin, block)))


def _is_optional(node: Node, pin: str, block: BlockType) -> bool:
    return node.metadata.get("credentials_optional") is True or pin not in block.input_schema().get("required", [])


def _sibling(node: Node, block: BlockType, pin: str) -> str | None:
    """What the node has on another pin, as text: its constant, else the block's default."""
    properties = cast("dict[str, Any]", block.input_schema().get("properties", {}))
    value = node.input_default.get(pin)
    if value is None:
        value = properties.get(pin, {}).get("default")
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _host(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def _names(value: object) -> tuple[str, ...]:
    return tuple(sorted(str(item) for item in cast("list[object]", value))) if isinstance(value, list) else ()


def _title(providers: Sequence[str], types: Sequence[str]) -> str:
    members = ", ".join(f"<ProviderName.{name.upper().replace('-', '_')}: {name!r}>" for name in providers)
    return f"CredentialsMetaInput[Literal[{members}], Literal[{', '.join(map(repr, types))}]]"
