"""Graph versions as clients read them."""

from collections.abc import Sequence
from typing import Any

from activities.blocks.registry import BlockRegistry
from activities.graph_interface import GraphInterface
from activities.planning.support import block_problem
from models.graph import Graph, Link, Node
from services.gateway.features.graphs.schemas import GraphOut, LinkOut, NodeOut, SubGraphNodeOut, SubGraphOut


class GraphViews:
    """Makes answers of graphs; `blocks` are those that can run here."""

    def __init__(self, blocks: BlockRegistry) -> None:
        self._blocks = blocks

    def of_graph(self, graph: Graph, sub_graphs: Sequence[Graph]) -> GraphOut:
        """A graph with those it runs."""
        interface = GraphInterface(graph, self._blocks, sub_graphs=sub_graphs)
        fields, nodes = _fields(graph, interface), self._nodes(graph)
        return GraphOut(
            **fields,
            user_id=graph.user_id,
            created_at=graph.created_at,
            updated_at=graph.updated_at,
            nodes=[NodeOut(**node, graph_id=graph.id, graph_version=graph.version) for node in nodes],
            sub_graphs=[self._of_sub_graph(sub_graph) for sub_graph in sub_graphs],
            credentials_input_schema=interface.credentials_input_schema(),
        )

    def _of_sub_graph(self, graph: Graph) -> SubGraphOut:
        fields = _fields(graph, GraphInterface(graph, self._blocks))
        return SubGraphOut(**fields, nodes=[SubGraphNodeOut(**node) for node in self._nodes(graph)])

    def _nodes(self, graph: Graph) -> list[dict[str, Any]]:
        inbound: dict[str, list[LinkOut]] = {}
        outbound: dict[str, list[LinkOut]] = {}
        for link in graph.links:
            inbound.setdefault(link.sink_id, []).append(_link(graph, link))
            outbound.setdefault(link.source_id, []).append(_link(graph, link))
        return [self._node(node, inbound.get(node.id, []), outbound.get(node.id, [])) for node in graph.nodes]

    def _node(self, node: Node, inbound: list[LinkOut], outbound: list[LinkOut]) -> dict[str, Any]:
        return {
            **node.model_dump(),
            "input_links": inbound,
            "output_links": outbound,
            "unsupported": block_problem(node, self._blocks),
        }


def _fields(graph: Graph, interface: GraphInterface) -> dict[str, Any]:
    return {
        **graph.model_dump(exclude={"nodes", "links", "user_id", "created_at", "updated_at"}),
        "links": [_link(graph, link) for link in graph.links],
        "input_schema": interface.input_schema(),
        "output_schema": interface.output_schema(),
        "has_external_trigger": interface.has_external_trigger(),
        "has_human_in_the_loop": interface.has_human_in_the_loop(),
        "has_sensitive_action": interface.has_sensitive_action(),
        "trigger_setup_info": interface.trigger_setup_info(),
    }


def _link(graph: Graph, link: Link) -> LinkOut:
    return LinkOut(graph_id=graph.id, **link.model_dump())
