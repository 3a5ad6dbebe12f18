"""Graphs as clients send and read them. Reading is lenient: unknown keys are dropped, nulls mean "not set"."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, cast

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from activities.graph_interface import GraphInterface
from models.graph import Graph, Link, Node

MAX_ID: Final = 255


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _or_list(value: object) -> object:
    return [] if value is None else value


JsonObject = Annotated[dict[str, Any], BeforeValidator(_or_empty)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class NodeIn(_Lenient):
    id: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    block_id: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    input_default: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)


class LinkIn(_Lenient):
    id: Annotated[str, Field(max_length=MAX_ID)] | None = None
    source_id: Annotated[str, Field(max_length=MAX_ID)]
    sink_id: Annotated[str, Field(max_length=MAX_ID)]
    source_name: Annotated[str, Field(min_length=1, max_length=1000)]
    sink_name: Annotated[str, Field(min_length=1, max_length=1000)]
    is_static: bool | None = None


class GraphIn(_Lenient):
    """`exported` is set for bodies made by an export, which may have longer descriptions than people type."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    instructions: Annotated[str, Field(max_length=50_000)] | None = None
    recommended_schedule_cron: Annotated[str, Field(max_length=100)] | None = None
    is_active: bool | None = None
    nodes: Annotated[list[NodeIn], BeforeValidator(_or_list)] = Field(default_factory=list[NodeIn])
    links: Annotated[list[LinkIn], BeforeValidator(_or_list)] = Field(default_factory=list[LinkIn])
    created_at: Any = Field(default=None, exclude=True)
    user_id: Any = Field(default=None, exclude=True)
    input_schema: Any = Field(default=None, exclude=True)

    @property
    def exported(self) -> bool:
        return not self.model_fields_set.isdisjoint(("created_at", "user_id", "input_schema"))


class WrappedGraphIn(_Lenient):
    """The form of the platform's own console, and of a store download."""

    graph: GraphIn = Field(validation_alias=AliasChoices("graph", "graph_data"))
    source: str | None = None


def _form_of(body: object) -> str:
    if isinstance(body, WrappedGraphIn):
        return "wrapped"
    fields = cast("Mapping[str, object]", body) if isinstance(body, Mapping) else {}
    wrapped = any(isinstance(fields.get(key), Mapping) for key in ("graph", "graph_data"))
    return "wrapped" if wrapped else "bare"


GraphBody = Annotated[
    Annotated[GraphIn, Tag("bare")] | Annotated[WrappedGraphIn, Tag("wrapped")], Discriminator(_form_of)
]


def graph_in(body: GraphIn | WrappedGraphIn) -> GraphIn:
    return body.graph if isinstance(body, WrappedGraphIn) else body


class ActiveVersionIn(_Lenient):
    active_graph_version: Annotated[int, Field(ge=1, le=2_147_483_647)]


class LinkOut(BaseModel):
    id: str
    graph_id: str
    source_id: str
    sink_id: str
    source_name: str
    sink_name: str
    is_static: bool


class NodeOut(BaseModel):
    id: str
    block_id: str
    input_default: dict[str, Any]
    metadata: dict[str, Any]
    input_links: list[LinkOut]
    output_links: list[LinkOut]
    graph_id: str
    graph_version: int
    webhook_id: str | None = None


class GraphMetaOut(BaseModel):
    """A graph version in lists."""

    id: str
    version: int
    is_active: bool
    name: str
    description: str
    instructions: str | None = None
    recommended_schedule_cron: str | None = None
    forked_from_id: str | None = None
    forked_from_version: int | None = None
    user_id: str
    created_at: datetime
    updated_at: datetime


class GraphOut(GraphMetaOut):
    """A graph version with everything that is derived from it."""

    nodes: list[NodeOut]
    links: list[LinkOut]
    sub_graphs: list[Any] = Field(default_factory=list[Any])
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    credentials_input_schema: dict[str, Any]
    has_external_trigger: bool
    has_human_in_the_loop: bool
    has_sensitive_action: bool = False
    trigger_setup_info: dict[str, Any] | None = None


class DeletedOut(BaseModel):
    version_counts: int


def graph_out(graph: Graph, interface: GraphInterface) -> GraphOut:
    links = [_link_out(graph, link) for link in graph.links]
    inbound: dict[str, list[LinkOut]] = {}
    outbound: dict[str, list[LinkOut]] = {}
    for link in links:
        inbound.setdefault(link.sink_id, []).append(link)
        outbound.setdefault(link.source_id, []).append(link)
    return GraphOut(
        **graph.model_dump(exclude={"nodes", "links"}),
        nodes=[_node_out(graph, node, inbound.get(node.id, []), outbound.get(node.id, [])) for node in graph.nodes],
        links=links,
        input_schema=interface.input_schema(),
        output_schema=interface.output_schema(),
        credentials_input_schema=interface.credentials_input_schema(),
        has_external_trigger=interface.has_external_trigger(),
        has_human_in_the_loop=interface.has_human_in_the_loop(),
    )


def _link_out(graph: Graph, link: Link) -> LinkOut:
    return LinkOut(graph_id=graph.id, **link.model_dump())


def _node_out(graph: Graph, node: Node, inbound: list[LinkOut], outbound: list[LinkOut]) -> NodeOut:
    return NodeOut(
        **node.model_dump(),
        input_links=inbound,
        output_links=outbound,
        graph_id=graph.id,
        graph_version=graph.version,
    )
