"""Agent graphs: nodes (instances of blocks) joined by links (data flow). Versions are immutable."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from models.ids import BlockId, GraphId, LinkId, NodeId, UserId
from models.json_values import dump_json


class Node(BaseModel):
    """`input_default` maps pin -> constant; `metadata` is free (position, customized_name, retry, timeout_seconds)."""

    model_config = ConfigDict(frozen=True)

    id: NodeId
    block_id: BlockId
    input_default: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def stored_bytes(self) -> int:
        """What it takes where graphs are kept: about its JSON."""
        parts = len(dump_json(self.input_default)) + len(dump_json(self.metadata))
        return parts + len(self.id) + len(self.block_id)


class Link(BaseModel):
    """Values emitted on `source_name` of `source_id` travel to `sink_name` of `sink_id`.

    A static link's value is not consumed by an execution of the sink: later ones reuse it.
    """

    model_config = ConfigDict(frozen=True)

    id: LinkId
    source_id: NodeId
    sink_id: NodeId
    source_name: str
    sink_name: str
    is_static: bool = False

    @property
    def identity(self) -> tuple[NodeId, NodeId, str, str]:
        """Two links with the same ends and pins are one link."""
        return self.source_id, self.sink_id, self.source_name, self.sink_name


MAX_STORED_BYTES: Final = 8 * 1024 * 1024
"""Of the nodes of one version, by `Node.stored_bytes`."""


class Graph(BaseModel):
    """One version of a graph. At most one version of a graph is active at a time."""

    model_config = ConfigDict(frozen=True)

    id: GraphId
    version: int = 1
    is_active: bool = True
    name: str
    description: str = ""
    instructions: str | None = None
    recommended_schedule_cron: str | None = None
    forked_from_id: GraphId | None = None
    forked_from_version: int | None = None
    user_id: UserId
    created_at: datetime
    updated_at: datetime
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def stored_bytes(self) -> int:
        return sum(node.stored_bytes for node in self.nodes)


class GraphSummary(BaseModel):
    """A graph version without its nodes and links, as lists show it."""

    model_config = ConfigDict(frozen=True)

    id: GraphId
    version: int
    is_active: bool
    name: str
    description: str
    instructions: str | None = None
    recommended_schedule_cron: str | None = None
    forked_from_id: GraphId | None = None
    forked_from_version: int | None = None
    user_id: UserId
    created_at: datetime
    updated_at: datetime
