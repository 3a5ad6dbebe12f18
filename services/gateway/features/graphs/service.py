"""Saving, reading and deleting graphs."""

from collections.abc import Sequence
from typing import Final

from activities.blocks.registry import BlockRegistry
from activities.exchange.stripping import without_secrets
from activities.exchange.sub_graphs import GraphReference, SubGraphs, load_sub_graphs
from activities.graph_interface import GraphInterface
from activities.planning.reachability import find_unreachable
from activities.planning.support import find_unsupported
from activities.planning.validate import check_runnable
from models.errors import GraphValidationError, InvalidRequestError, PayloadTooLargeError
from models.graph import Graph, GraphSummary
from models.graph_diff import diff_graphs
from models.ids import GraphId, UserId, new_id
from models.pages import Page, PageRequest
from models.ports import Clock
from models.stores import UnitOfWork
from services.gateway.features.graphs.building import GraphBuilder, Tolerance, nothing_tolerated
from services.gateway.features.graphs.diff_schemas import GraphDiffOut, graph_diff_out
from services.gateway.features.graphs.graph_views import GraphViews
from services.gateway.features.graphs.import_schemas import ImportOut, import_out
from services.gateway.features.graphs.importing import GraphImporter
from services.gateway.features.graphs.schemas import GraphIn, GraphOut
from services.gateway.features.graphs.validation_schemas import ValidationOut, refused_out, valid_out
from services.gateway.missing import graph_missing, version_missing

VERSIONS_BYTES: Final = 32 * 1024 * 1024
"""Of the versions of one page: any four fit."""


class GraphService:
    """Graphs of one user, inside one unit of work."""

    def __init__(self, unit: UnitOfWork, *, blocks: BlockRegistry, clock: Clock) -> None:
        self._unit = unit
        self._blocks = blocks
        self._clock = clock
        self._builder = GraphBuilder(blocks=blocks, clock=clock)
        self._views = GraphViews(blocks)
        self._read: dict[GraphReference, Graph | None] = {}

    async def create(self, user_id: UserId, given: GraphIn) -> GraphOut:
        """A new graph with a new id, version 1, active; node ids stay those of the client. So for its sub-graphs.

        Raises:
            GraphValidationError, InvalidRequestError: nothing is stored.
        """
        made = await self._importer(lenient=False).read(user_id, given)
        for graph in made.graphs:
            await self._unit.graphs.add_version(graph)
        return await self._out(user_id, made.main.graph)

    async def import_graph(self, user_id: UserId, given: GraphIn, *, dry_run: bool) -> ImportOut:
        """As `create`, but keeps what cannot run here, and reports it; a dry run only reports.

        Raises:
            GraphValidationError, InvalidRequestError: nothing is stored.
        """
        made = await self._importer(lenient=True).read(user_id, given)
        if not dry_run:
            for graph in made.graphs:
                await self._unit.graphs.add_version(graph)
        main = made.main.graph
        sub_graphs = await self._sub_graphs(user_id, main, unsaved=made.graphs)
        needs = GraphInterface(main, self._blocks, sub_graphs=sub_graphs.graphs).credentials_needs()
        answer = self._views.of_graph(main, sub_graphs.graphs)
        return import_out(made, answer, needs, self._blocks, saved=not dry_run)

    async def replace(self, user_id: UserId, graph_id: GraphId, given: GraphIn) -> GraphOut:
        """The next version of a graph; it becomes the active one unless the body says `is_active: false`.

        What the highest version so far has of what cannot run here may stay in it.

        Raises:
            NotFoundError: not a graph of this user.
            GraphValidationError, InvalidRequestError: nothing is stored.
        """
        if given.id not in (None, "", graph_id):
            raise InvalidRequestError("Graph ID does not match ID in URI")
        latest = await self._unit.graphs.lock_latest_version(user_id, graph_id)
        if latest is None:
            raise graph_missing(graph_id)
        graph = self._builder.build(
            user_id,
            given,
            graph_id=graph_id,
            version=latest + 1,
            is_active=given.is_active is not False,
            tolerated=await self._already_there(user_id, graph_id),
        )
        await self._unit.graphs.add_version(graph)
        return await self._out(user_id, graph)

    async def get(
        self, user_id: UserId, graph_id: GraphId, *, version: int | None = None, for_export: bool = False
    ) -> GraphOut:
        """A version, by default the highest; for an export without secrets and owner.

        Raises:
            NotFoundError: no such version of a graph of this user.
            PayloadTooLargeError: the graphs it runs do not fit into one export.
        """
        if version is not None:
            graph = await self._get_version(user_id, graph_id, version)
        else:
            graph = await self._unit.graphs.find(user_id, graph_id)
        if graph is None:
            raise graph_missing(graph_id)
        if not for_export:
            return await self._out(user_id, graph)
        found = await self._sub_graphs(user_id, graph)
        if not found.complete:
            raise PayloadTooLargeError(
                "The graphs it runs are too many or too large for one export. Export them alone."
            )
        graph, *sub_graphs = (without_secrets(one, self._blocks) for one in (graph, *found.graphs))
        return self._views.of_graph(graph, sub_graphs).model_copy(update={"user_id": ""})

    async def diff(self, user_id: UserId, graph_id: GraphId, from_version: int, to_version: int) -> GraphDiffOut:
        """What turns one version into another. Raises NotFoundError."""
        before = await self._get_version(user_id, graph_id, from_version)
        after = await self._get_version(user_id, graph_id, to_version)
        return graph_diff_out(before, after, diff_graphs(before, after))

    async def validate(self, user_id: UserId, given: GraphIn) -> ValidationOut:
        """Whether a graph could be saved, and whether it could run; nothing is stored or run.

        With the id of one of the user's graphs it is checked as the next version of that one.
        """
        tolerated = await self._already_there(user_id, GraphId(given.id)) if given.id else nothing_tolerated
        try:
            graph = self._builder.build(user_id, given, graph_id=GraphId(new_id()), tolerated=tolerated)
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
        """Newest first, on their own: neither what they run comes along, nor what that needs.

        Raises:
            NotFoundError: there is no such graph.
            PayloadTooLargeError: the page does not fit into one answer.
        """
        versions = await self._unit.graphs.list_versions(user_id, graph_id, page, max_bytes=VERSIONS_BYTES)
        if not versions.total_items:
            raise graph_missing(graph_id)
        items = tuple(self._views.of_graph(version, ()) for version in versions.items)
        return Page(items=items, total_items=versions.total_items)

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

    async def _out(self, user_id: UserId, graph: Graph) -> GraphOut:
        found = await self._sub_graphs(user_id, graph)
        return self._views.of_graph(graph, found.graphs)

    async def _sub_graphs(self, user_id: UserId, graph: Graph, *, unsaved: Sequence[Graph] = ()) -> SubGraphs:
        """The graphs that a graph runs and its owner has, `unsaved` ones among them."""
        self._read |= {GraphReference(one.id, one.version): one for one in unsaved}

        async def find(reference: GraphReference) -> Graph | None:
            if reference not in self._read:
                found = await self._unit.graphs.find(user_id, reference.graph_id, version=reference.version)
                self._read[reference] = found
            return self._read[reference]

        return await load_sub_graphs(graph, find)

    async def _already_there(self, user_id: UserId, graph_id: GraphId) -> Tolerance:
        """Tolerates what the highest version of a graph has of what cannot run here."""
        latest = await self._unit.graphs.find(user_id, graph_id)
        found = frozenset(find_unsupported(latest.nodes, latest.links, self._blocks)) if latest is not None else ()
        return lambda nodes, links: found

    def _importer(self, *, lenient: bool) -> GraphImporter:
        return GraphImporter(self._unit.graphs, blocks=self._blocks, builder=self._builder, lenient=lenient)
