"""Which graph an agent node of an imported file means."""

from collections.abc import Sequence
from typing import NamedTuple

from activities.exchange.report import Finding, FindingKind
from activities.exchange.sub_graphs import MAX_SUB_GRAPHS, GraphReference, pins_of, reference_of
from models.graph import Node
from models.ids import GraphId, UserId
from models.stores import GraphStore
from services.gateway.features.graphs.schemas import GraphIn

FIRST_VERSION = 1


class Entry(NamedTuple):
    """A graph of the file and the id it gets here."""

    given: GraphIn
    new_id: GraphId


class ReferenceResolver:
    """Follows references into the file, and into graphs that the user has already.

    Exports of the platform renew the ids of the sub-graphs they carry, but not the references to them: what no id
    matches is matched by version or name and pins, if exactly one graph of the file fits.
    """

    def __init__(self, graphs: GraphStore, user_id: UserId, entries: Sequence[Entry]) -> None:
        self._graphs = graphs
        self._user_id = user_id
        self._entries = entries
        self._own: dict[GraphReference, bool] = {}

    async def resolve(self, node: Node, graph_id: GraphId) -> tuple[GraphReference | None, Finding | None]:
        """The new reference of a node, if it changes, and what is to be known about it.

        Args:
            graph_id: of the graph the node is in, as it will be.
        """
        reference = reference_of(node)
        if reference is None:
            return None, None
        for entry in self._by_id(reference):
            return GraphReference(entry.new_id, FIRST_VERSION), None
        if await self._is_own(reference):
            return None, None
        alike = self._alike(node, reference)
        if len(alike) == 1:
            message = f"The file has no graph {reference.graph_id!r}; {alike[0].given.name!r} has the same pins"
            found = Finding(FindingKind.MATCHED_SUB_GRAPH, graph_id, message, node.id, "graph_id")
            return GraphReference(alike[0].new_id, FIRST_VERSION), found
        message = f"Graph {reference.graph_id!r}, which this node runs, is neither in the file nor one of yours"
        return None, Finding(FindingKind.MISSING_SUB_GRAPH, graph_id, message, node.id, "graph_id")

    def _by_id(self, reference: GraphReference) -> list[Entry]:
        """Graphs of the file with this id, that of the right version first."""
        same = [entry for entry in self._entries if entry.given.id == reference.graph_id]
        return sorted(same, key=lambda entry: entry.given.version != reference.version)

    async def _is_own(self, reference: GraphReference) -> bool:
        if reference not in self._own:
            found = None
            if reference.version is not None and len(self._own) < MAX_SUB_GRAPHS:
                found = await self._graphs.find(self._user_id, reference.graph_id, version=reference.version)
            self._own[reference] = found is not None
        return self._own[reference]

    def _alike(self, node: Node, reference: GraphReference) -> list[Entry]:
        constants = node.input_default
        names = {constants.get("agent_name"), node.metadata.get("customized_name")}
        wanted = (pins_of(constants.get("input_schema")), pins_of(constants.get("output_schema")))
        return [
            entry
            for entry in self._entries[1:]
            if (pins_of(entry.given.input_schema), pins_of(entry.given.output_schema)) == wanted
            and (entry.given.version == reference.version or entry.given.name in names)
        ]
