"""Which graph an agent node of an imported file means."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from activities.exchange.report import Finding, FindingKind
from activities.exchange.sub_graphs import MAX_SUB_GRAPHS, GraphReference, pins_of, reference_of
from models.graph import Node
from models.ids import GraphId, UserId
from models.stores import GraphStore
from services.gateway.features.graphs.schemas import GraphIn

FIRST_VERSION = 1

_Pins = tuple[frozenset[str], frozenset[str]]
"""Of a graph: names of its inputs, names of its outputs."""


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
        self._of_id: defaultdict[str | None, list[Entry]] = defaultdict(list)
        self._alike_by: defaultdict[tuple[_Pins, int | str | None], list[Entry]] = defaultdict(list)
        for entry in entries:
            self._of_id[entry.given.id].append(entry)
        for entry in entries[1:]:
            pins = _pins(entry.given.input_schema, entry.given.output_schema)
            self._alike_by[pins, entry.given.version].append(entry)
            if entry.given.name is not None:
                self._alike_by[pins, entry.given.name].append(entry)
        self._own: dict[GraphReference, bool] = {}

    async def look_up(self, nodes: Iterable[Node]) -> None:
        """Finds out which references of `nodes` are to graphs the user has; `resolve` knows of no others."""
        for node in nodes:
            reference = reference_of(node)
            if reference is not None and reference.graph_id not in self._of_id:
                await self._is_own(reference)

    def resolve(self, node: Node, graph_id: GraphId) -> tuple[GraphReference | None, Finding | None]:
        """The new reference of a node, if it changes, and what is to be known about it.

        Args:
            graph_id: of the graph the node is in, as it will be.
        """
        reference = reference_of(node)
        if reference is None:
            return None, None
        if reference.graph_id in self._of_id:
            same = self._of_id[reference.graph_id]
            entry = next((one for one in same if one.given.version == reference.version), same[0])
            return GraphReference(entry.new_id, FIRST_VERSION), None
        if self._own.get(reference):
            return None, None
        alike = self._alike(node, reference)
        if len(alike) == 1:
            message = f"The file has no graph {reference.graph_id!r}; {alike[0].given.name!r} has the same pins"
            found = Finding(FindingKind.MATCHED_SUB_GRAPH, graph_id, message, node.id, "graph_id")
            return GraphReference(alike[0].new_id, FIRST_VERSION), found
        message = f"Graph {reference.graph_id!r}, which this node runs, is neither in the file nor one of yours"
        return None, Finding(FindingKind.MISSING_SUB_GRAPH, graph_id, message, node.id, "graph_id")

    async def _is_own(self, reference: GraphReference) -> bool:
        if reference not in self._own:
            found = None
            if reference.version is not None and len(self._own) < MAX_SUB_GRAPHS:
                found = await self._graphs.find(self._user_id, reference.graph_id, version=reference.version)
            self._own[reference] = found is not None
        return self._own[reference]

    def _alike(self, node: Node, reference: GraphReference) -> list[Entry]:
        """Graphs of the file that the node may mean; no more than two, as only a single one counts."""
        constants = node.input_default
        pins = _pins(constants.get("input_schema"), constants.get("output_schema"))
        names = [constants.get("agent_name"), node.metadata.get("customized_name")]
        keys = [reference.version, *(name for name in names if isinstance(name, str))]
        found = (entry for key in keys for entry in self._alike_by.get((pins, key), ())[:2])
        return list({entry.new_id: entry for entry in found}.values())[:2]


def _pins(inputs: Any, outputs: Any) -> _Pins:
    return pins_of(inputs), pins_of(outputs)
