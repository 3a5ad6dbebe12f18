"""Graphs as clients send them, made into versions that can be stored."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from activities.blocks.registry import BlockRegistry
from activities.exchange.sub_graphs import owned_by
from activities.planning.support import Unsupported
from activities.planning.validate import check_structure
from models.errors import InvalidRequestError
from models.graph import Graph, Link, Node
from models.hygiene import MAX_DESCRIPTION, MAX_NAME, plain_name, rich_text
from models.ids import BlockId, GraphId, LinkId, NodeId, UserId, new_id
from models.ports import Clock
from services.gateway.features.graphs.schemas import GraphIn, LinkIn, NodeIn
from services.gateway.json_bodies import check_limits

MAX_EXPORTED_DESCRIPTION: Final = 50_000
"""Exports of other installations carry long texts; cutting or refusing them would lose an import."""

_MAX_RAW_NAME: Final = 1_000

MAX_DEPTH: Final = 60
"""Of one constant: the body around it adds four levels to the 64 that a graph may have."""

Tolerance = Callable[[Sequence[Node], Sequence[Link]], Collection[Unsupported]]
"""Given nodes and links, what of them is kept although it cannot run."""


def nothing_tolerated(nodes: Sequence[Node], links: Sequence[Link]) -> Collection[Unsupported]:
    return ()


class GraphBuilder:
    def __init__(self, *, blocks: BlockRegistry, clock: Clock) -> None:
        self._blocks = blocks
        self._clock = clock

    def build(
        self,
        user_id: UserId,
        given: GraphIn,
        *,
        graph_id: GraphId,
        version: int = 1,
        is_active: bool = True,
        tolerated: Tolerance = nothing_tolerated,
        nodes: Sequence[Node] | None = None,
    ) -> Graph:
        """A version of a graph of `user_id`; what the body says about its id, version and owner does not count.

        Args:
            nodes: instead of those in the body.

        Raises:
            GraphValidationError, InvalidRequestError: it cannot be stored.
        """
        own_nodes = tuple(owned_by(node, user_id) for node in nodes or map(node_of, given.nodes))
        links = links_of(given.links or [])
        now = self._clock.now()
        return Graph(
            id=graph_id,
            version=version,
            is_active=is_active,
            name=_name(given),
            description=_description(given),
            instructions=None if given.instructions is None else rich_text(given.instructions),
            recommended_schedule_cron=given.recommended_schedule_cron,
            user_id=user_id,
            created_at=now,
            updated_at=now,
            nodes=own_nodes,
            links=check_structure(own_nodes, links, self._blocks, tolerated=tolerated(own_nodes, links)),
        )


def node_of(given: NodeIn) -> Node:
    """The node, its constants checked. Raises InvalidRequestError."""
    for field, value in (("input_default", given.input_default), ("metadata", given.metadata)):
        check_limits(value, where=f"node {given.id!r}, {field}", max_depth=MAX_DEPTH)
    return Node(
        id=NodeId(given.id),
        block_id=BlockId(given.block_id),
        input_default=given.input_default,
        metadata=given.metadata,
    )


def links_of(given: Sequence[LinkIn]) -> list[Link]:
    """Links with ids: the client's, where it gave one that no earlier link of the graph has."""
    taken: set[str] = set()
    links: list[Link] = []
    for link in given:
        link_id = link.id if link.id and link.id not in taken else new_id()
        taken.add(link_id)
        links.append(
            Link(
                id=LinkId(link_id),
                source_id=NodeId(link.source_id),
                sink_id=NodeId(link.sink_id),
                source_name=link.source_name,
                sink_name=link.sink_name,
                is_static=bool(link.is_static),
            )
        )
    return links


def _name(given: GraphIn) -> str:
    raw = (given.name or "").strip()
    # What is left of a much longer text may be short enough, but is no name that anybody gave.
    name = plain_name(raw) if len(raw) <= _MAX_RAW_NAME else raw
    if not name:
        raise InvalidRequestError("Graph name cannot be empty")
    if len(name) > MAX_NAME:
        raise InvalidRequestError("Graph name too long", details={"limit": MAX_NAME})
    return name


def _description(given: GraphIn) -> str:
    description = given.description or ""
    limit = MAX_EXPORTED_DESCRIPTION if given.exported else MAX_DESCRIPTION
    if len(description) > limit:
        raise InvalidRequestError("Description too long", details={"limit": limit})
    return rich_text(description)
