"""Saving, reading and deleting graphs."""

from typing import Final

from activities.blocks.registry import BlockRegistry
from activities.graph_interface import GraphInterface
from activities.planning.reachability import find_unreachable
from activities.planning.validate import check_runnable, check_structure
from models.errors import GraphValidationError, InvalidRequestError
from models.graph import Graph, GraphSummary, Link, Node
from models.graph_diff import diff_graphs
from models.ids import BlockId, GraphId, LinkId, NodeId, UserId, new_id
from models.pages import Page, PageRequest
from models.ports import Clock
from models.stores import UnitOfWork
from services.gateway.features.graphs.diff_schemas import GraphDiffOut, graph_diff_out
from services.gateway.features.graphs.schemas import GraphIn, GraphOut, LinkIn, NodeIn, graph_out
from services.gateway.features.graphs.validation_schemas import ValidationOut, refused_out, valid_out
from services.gateway.json_bodies import check_limits
from services.gateway.missing import graph_missing, version_missing

MAX_NAME: Final = 100
MAX_DESCRIPTION: Final = 1_000
MAX_EXPORTED_DESCRIPTION: Final = 50_000
"""Exports of other installations carry long texts; cutting or refusing them would lose an import."""

MAX_DEPTH: Final = 60
"""Of one constant: the body around it adds four levels to the 64 that a graph may have."""


class GraphService:
    """Graphs of one user, inside one unit of work."""

    def __init__(self, unit: UnitOfWork, *, blocks: BlockRegistry, clock: Clock) -> None:
        self._unit = unit
        self._blocks = blocks
        self._clock = clock

    async def create(self, user_id: UserId, given: GraphIn) -> GraphOut:
        """A new graph with a new id, version 1, active; node ids stay those of the client.

        Raises:
            GraphValidationError, InvalidRequestError: nothing is stored.
        """
        graph = self._build(user_id, given, graph_id=GraphId(new_id()), version=1, is_active=True)
        await self._unit.graphs.add_version(graph)
        return self._out(graph)

    async def replace(self, user_id: UserId, graph_id: GraphId, given: GraphIn) -> GraphOut:
        """The next version of a graph; it becomes the active one unless the body says `is_active: false`.

        Raises:
            NotFoundError: not a graph of this user.
            GraphValidationError, InvalidRequestError: nothing is stored.
        """
        if given.id not in (None, "", graph_id):
            raise InvalidRequestError("Graph ID does not match ID in URI")
        latest = await self._unit.graphs.lock_latest_version(user_id, graph_id)
        if latest is None:
            raise graph_missing(graph_id)
        is_active = given.is_active is not False
        graph = self._build(user_id, given, graph_id=graph_id, version=latest + 1, is_active=is_active)
        await self._unit.graphs.add_version(graph)
        return self._out(graph)

    async def get(self, user_id: UserId, graph_id: GraphId, *, version: int | None = None) -> GraphOut:
        """A version, by default the highest. Raises NotFoundError."""
        if version is not None:
            return self._out(await self._get_version(user_id, graph_id, version))
        graph = await self._unit.graphs.find(user_id, graph_id)
        if graph is None:
            raise graph_missing(graph_id)
        return self._out(graph)

    async def diff(self, user_id: UserId, graph_id: GraphId, from_version: int, to_version: int) -> GraphDiffOut:
        """What turns one version into another. Raises NotFoundError."""
        before = await self._get_version(user_id, graph_id, from_version)
        after = await self._get_version(user_id, graph_id, to_version)
        return graph_diff_out(before, after, diff_graphs(before, after))

    def validate(self, user_id: UserId, given: GraphIn) -> ValidationOut:
        """Whether a graph could be saved, and whether it could run; nothing is stored or run."""
        try:
            graph = self._build(user_id, given, graph_id=GraphId(new_id()), version=1, is_active=True)
        except InvalidRequestError as error:
            return refused_out(error)
        unreachable = find_unreachable(graph, self._blocks)
        try:
            check_runnable(graph, self._blocks, inputs={})
        except GraphValidationError as error:
            return valid_out(unreachable, not_ready=error)
        return valid_out(unreachable)

    async def list_active(self, user_id: UserId, page: PageRequest) -> Page[GraphSummary]:
        return await self._unit.graphs.list_active(user_id, page)

    async def list_versions(self, user_id: UserId, graph_id: GraphId, page: PageRequest) -> Page[GraphOut]:
        """Newest first. Raises NotFoundError if there is no graph."""
        versions = await self._unit.graphs.list_versions(user_id, graph_id, page)
        if not versions.total_items:
            raise graph_missing(graph_id)
        return Page(items=tuple(map(self._out, versions.items)), total_items=versions.total_items)

    async def activate(self, user_id: UserId, graph_id: GraphId, version: int) -> None:
        """Makes a version the only active one. Raises NotFoundError."""
        if not await self._unit.graphs.activate(user_id, graph_id, version, now=self._clock.now()):
            raise version_missing(graph_id, version)

    async def delete(self, user_id: UserId, graph_id: GraphId) -> int:
        """Deletes all versions, recoverably; how many there were. Raises NotFoundError."""
        deleted = await self._unit.graphs.delete(user_id, graph_id, now=self._clock.now())
        if not deleted:
            raise graph_missing(graph_id)
        return deleted

    async def _get_version(self, user_id: UserId, graph_id: GraphId, version: int) -> Graph:
        graph = await self._unit.graphs.find(user_id, graph_id, version=version)
        if graph is None:
            raise version_missing(graph_id, version)
        return graph

    def _out(self, graph: Graph) -> GraphOut:
        return graph_out(graph, GraphInterface(graph, self._blocks))

    def _build(self, user_id: UserId, given: GraphIn, *, graph_id: GraphId, version: int, is_active: bool) -> Graph:
        nodes = tuple(_node(node) for node in given.nodes)
        links = check_structure(nodes, _links(given.links), self._blocks)
        now = self._clock.now()
        return Graph(
            id=graph_id,
            version=version,
            is_active=is_active,
            name=_name(given),
            description=_description(given),
            instructions=given.instructions,
            recommended_schedule_cron=given.recommended_schedule_cron,
            user_id=user_id,
            created_at=now,
            updated_at=now,
            nodes=nodes,
            links=links,
        )


def _name(given: GraphIn) -> str:
    name = (given.name or "").strip()
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
    return description


def _node(given: NodeIn) -> Node:
    for field, value in (("input_default", given.input_default), ("metadata", given.metadata)):
        check_limits(value, where=f"node {given.id!r}, {field}", max_depth=MAX_DEPTH)
    return Node(
        id=NodeId(given.id),
        block_id=BlockId(given.block_id),
        input_default=given.input_default,
        metadata=given.metadata,
    )


def _links(given: list[LinkIn]) -> list[Link]:
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
