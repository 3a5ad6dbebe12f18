"""Exported agents: a graph with its sub-graphs, read whatever of them can run here."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from activities.blocks.registry import BlockRegistry
from activities.credentials_needs import credentials_pins
from activities.exchange.report import Finding, FindingKind, inspect_graph
from activities.exchange.sub_graphs import MAX_SUB_GRAPHS, redirected
from activities.planning.support import Unsupported, find_unsupported
from activities.planning.validate import check_node_count
from models.errors import InvalidRequestError
from models.graph import Graph, Link, Node
from models.hygiene import MAX_DESCRIPTION, MAX_NAME, plain_name
from models.ids import GraphId, NodeId, UserId, new_id
from models.stores import GraphStore
from services.gateway.features.graphs.building import GraphBuilder, node_of, nothing_tolerated
from services.gateway.features.graphs.references import Entry, ReferenceResolver
from services.gateway.features.graphs.schemas import GraphIn, LinkIn

UNNAMED: Final = "Imported agent"

_LINKS: Final = TypeAdapter(list[LinkIn])
_MAX_RAW_NAME: Final = 1_000


class ImportedGraph(NamedTuple):
    """`file_id`: the id it has in the file, if any."""

    graph: Graph
    file_id: str | None


class Imported(NamedTuple):
    """The graph of a file, the graphs that came with it, and what is to be known about them."""

    main: ImportedGraph
    sub_graphs: tuple[ImportedGraph, ...]
    findings: tuple[Finding, ...]

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return tuple(imported.graph for imported in (self.main, *self.sub_graphs))


class GraphImporter:
    """Makes graphs of what exports hold; saving them is its caller's part.

    Args:
        lenient: whether parts that cannot run here are kept, and what is wrong is put right where that can be done;
            otherwise the graph is refused.
    """

    def __init__(self, graphs: GraphStore, *, blocks: BlockRegistry, builder: GraphBuilder, lenient: bool) -> None:
        self._graphs = graphs
        self._blocks = blocks
        self._builder = builder
        self._lenient = lenient

    async def read(self, user_id: UserId, given: GraphIn) -> Imported:
        """New graphs of `user_id`: new ids, version 1, active; ids of nodes stay.

        Raises:
            GraphValidationError, InvalidRequestError: no graph can be made of it.
        """
        entries = [Entry(one, GraphId(new_id())) for one in _flattened(given)]
        resolver = ReferenceResolver(self._graphs, user_id, entries)
        nodes = await asyncio.to_thread(_nodes_of, entries)
        await resolver.look_up(node for of_entry in nodes for node in of_entry)
        return await asyncio.to_thread(self._make, user_id, entries, nodes, resolver)

    def _make(
        self, user_id: UserId, entries: Sequence[Entry], nodes: Sequence[Sequence[Node]], resolver: ReferenceResolver
    ) -> Imported:
        """Files may have megabytes: this runs beside the event loop."""
        findings: list[Finding] = []
        made: list[ImportedGraph] = []
        for entry, own_nodes in zip(entries, nodes, strict=True):
            tidy = self._tidied(entry, findings) if self._lenient else entry.given
            graph = self._builder.build(
                user_id,
                tidy,
                graph_id=entry.new_id,
                tolerated=self._unsupported if self._lenient else nothing_tolerated,
                nodes=[self._changed(node, entry, resolver, findings) for node in own_nodes],
            )
            made.append(ImportedGraph(graph, entry.given.id or None))
        if self._lenient:
            findings += [found for imported in made for found in inspect_graph(imported.graph, self._blocks)]
        return Imported(made[0], tuple(made[1:]), tuple(findings))

    def _unsupported(self, nodes: Sequence[Node], links: Sequence[Link]) -> frozenset[Unsupported]:
        return frozenset(find_unsupported(nodes, links, self._blocks))

    def _changed(self, node: Node, entry: Entry, resolver: ReferenceResolver, findings: list[Finding]) -> Node:
        target, found = resolver.resolve(node, entry.new_id)
        findings += [found] if found is not None else []
        if target is not None:
            node = redirected(node, target)
        return self._without_credentials(node, entry, findings) if self._lenient else node

    def _without_credentials(self, node: Node, entry: Entry, findings: list[Finding]) -> Node:
        """Credentials of another place mean nothing here; they would hide that this node needs some."""
        block = self._blocks.find(node.block_id)
        chosen = [pin for pin in credentials_pins(block) if node.input_default.get(pin)] if block is not None else []
        for pin in chosen:
            message = "The credentials chosen in the file were left out; choose your own"
            findings.append(Finding(FindingKind.VALUE_DROPPED, entry.new_id, message, node.id, pin))
        kept = {pin: value for pin, value in node.input_default.items() if pin not in chosen}
        return node.model_copy(update={"input_default": kept}) if chosen else node

    def _tidied(self, entry: Entry, findings: list[Finding]) -> GraphIn:
        """The graph with a name that can be stored, and with its links."""
        given, changes = entry.given, dict[str, Any]()
        name = _plain(given.name) or _plain(given.marketplace_name) or UNNAMED
        if len(name) > MAX_NAME:
            name = name[: MAX_NAME - 1].rstrip() + "…"
        if name != given.name:
            changes["name"] = name
            message = f"The name is {name!r} now: names have 1 to {MAX_NAME} characters without tags"
            findings.append(Finding(FindingKind.NAME_CHANGED, entry.new_id, message))
        length = len(given.description or "")
        if length > MAX_DESCRIPTION:
            message = f"The description has {length} characters and is kept; an edited one may have {MAX_DESCRIPTION}"
            findings.append(Finding(FindingKind.LONG_DESCRIPTION, entry.new_id, message))
        if "links" not in given.model_fields_set and (links := _links_of_nodes(given)):
            changes["links"] = links
            message = f"The file lists no links; {len(links)} were taken from its nodes"
            findings.append(Finding(FindingKind.LINKS_RECOVERED, entry.new_id, message))
        for node in given.nodes:
            if node.webhook_id is not None or node.webhook is not None:
                message = "The webhook of the file was left out; it belongs to another place"
                findings.append(
                    Finding(FindingKind.VALUE_DROPPED, entry.new_id, message, NodeId(node.id), "webhook_id")
                )
        return given.model_copy(update=changes)


def _nodes_of(entries: Sequence[Entry]) -> list[list[Node]]:
    for entry in entries:
        check_node_count(entry.given.nodes)
    return [[node_of(node) for node in entry.given.nodes] for entry in entries]


def _plain(name: str | None) -> str:
    return plain_name((name or "").strip()[:_MAX_RAW_NAME])


def _flattened(given: GraphIn) -> list[GraphIn]:
    """The graph, then those that come with it, at any depth; a graph that comes twice counts once."""
    found: list[GraphIn] = []
    seen: set[tuple[str, int | None]] = set()
    waiting = deque([given])
    while waiting:
        graph = waiting.popleft()
        waiting.extend(graph.sub_graphs)
        if graph.id and (graph.id, graph.version) in seen:
            continue
        seen.add((graph.id or "", graph.version))
        found.append(graph)
        if len(found) > MAX_SUB_GRAPHS + 1:
            raise InvalidRequestError(f"The graph comes with more than {MAX_SUB_GRAPHS} sub-graphs. Import fewer.")
    return found


def _links_of_nodes(given: GraphIn) -> list[LinkIn]:
    """The links as the nodes repeat them, each once."""
    try:
        copies = [
            link
            for node in given.nodes
            for side in (node.output_links, node.input_links)
            for link in _LINKS.validate_python(side or [])
        ]
    except ValidationError as error:
        raise InvalidRequestError("The file lists no links, and those of its nodes cannot be read.") from error
    distinct = {(link.source_id, link.sink_id, link.source_name, link.sink_name): link for link in reversed(copies)}
    return list(reversed(distinct.values()))
