"""Graphs as clients send and read them. Reading is lenient: unknown keys are dropped, nulls mean "not set"."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, cast

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Discriminator, FailFast, Field, Tag

from models.plan import MAX_NODES

MAX_ID: Final = 255
MAX_LISTED_NODES: Final = 4 * MAX_NODES
"""Of a body. Beyond MAX_NODES, which is for a graph that runs, the answer says what to do."""

MAX_LINKS: Final = 10 * MAX_NODES
MAX_SUB_GRAPHS: Final = 1_000


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _or_list(value: object) -> object:
    return [] if value is None else value


def _whole_or_none(value: object) -> object:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text_or_none(value: object) -> object:
    return value if isinstance(value, str) else None


JsonObject = Annotated[dict[str, Any], BeforeValidator(_or_empty)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class NodeIn(_Lenient):
    id: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    block_id: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    input_default: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)
    input_links: Any = Field(default=None, description="Repeats `links` of the graph, which count if there are any.")
    output_links: Any = Field(default=None, description="As `input_links`.")
    webhook_id: Any = Field(default=None, description="Ignored.")
    webhook: Any = Field(default=None, description="Ignored.")


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
    nodes: Annotated[list[NodeIn], FailFast(), BeforeValidator(_or_list), Field(max_length=MAX_LISTED_NODES)] = Field(
        default_factory=list[NodeIn]
    )
    links: Annotated[list[LinkIn], FailFast(), BeforeValidator(_or_list), Field(max_length=MAX_LINKS)] = Field(
        default_factory=list[LinkIn]
    )
    version: Annotated[int | None, BeforeValidator(_whole_or_none)] = Field(
        default=None, description="Tells graphs of one id apart; a saved graph gets its own."
    )
    sub_graphs: Annotated[list["GraphIn"], FailFast(), BeforeValidator(_or_list), Field(max_length=MAX_SUB_GRAPHS)] = (
        Field(
            default_factory=list["GraphIn"], description="Graphs that agent nodes run; they are saved as new ones too."
        )
    )
    marketplace_name: Annotated[str | None, BeforeValidator(_text_or_none)] = None
    created_at: Any = Field(default=None, exclude=True)
    user_id: Any = Field(default=None, exclude=True)
    input_schema: Any = Field(default=None, exclude=True)
    output_schema: Any = Field(default=None, exclude=True)

    @property
    def exported(self) -> bool:
        return not self.model_fields_set.isdisjoint(("created_at", "user_id", "input_schema"))


class WrappedGraphIn(_Lenient):
    """The form of the platform's own console, and of a store download."""

    graph: GraphIn = Field(validation_alias=AliasChoices("graph", "graph_data"))
    source: str | None = None
    marketplace_name: Annotated[str | None, BeforeValidator(_text_or_none)] = None


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
    if isinstance(body, WrappedGraphIn):
        return body.graph.model_copy(update={"marketplace_name": body.marketplace_name})
    return body


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


class SubGraphNodeOut(BaseModel):
    """`unsupported` says why the node cannot run here: its block is unknown or disabled."""

    id: str
    block_id: str
    input_default: dict[str, Any]
    metadata: dict[str, Any]
    input_links: list[LinkOut]
    output_links: list[LinkOut]
    unsupported: str | None = None


class NodeOut(SubGraphNodeOut):
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


class GraphParts(BaseModel):
    """What is derived from the nodes of a graph."""

    links: list[LinkOut]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    has_external_trigger: bool
    has_human_in_the_loop: bool
    has_sensitive_action: bool = False
    trigger_setup_info: dict[str, Any] | None = None


class SubGraphOut(GraphParts):
    """A graph that another one runs, as it comes along with that one."""

    id: str
    version: int
    is_active: bool
    name: str
    description: str
    instructions: str | None = None
    recommended_schedule_cron: str | None = None
    forked_from_id: str | None = None
    forked_from_version: int | None = None
    nodes: list[SubGraphNodeOut]


class GraphOut(GraphParts, GraphMetaOut):
    """A graph version with everything that is derived from it, and the graphs it runs, directly or not."""

    nodes: list[NodeOut]
    sub_graphs: list[SubGraphOut] = Field(
        default_factory=list[SubGraphOut], description="Those of the owner, nearest first; in lists none."
    )
    credentials_input_schema: dict[str, Any]


class DeletedOut(BaseModel):
    version_counts: int
