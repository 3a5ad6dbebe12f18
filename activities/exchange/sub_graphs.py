"""References of agent nodes to other graphs, which change their ids when they move to another place."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

from models.graph import Graph, Node
from models.ids import AGENT_EXECUTOR_BLOCK_ID, GraphId, UserId
from models.json_values import dump_json

MAX_SUB_GRAPHS = 100

MAX_SUB_GRAPH_BYTES = 16 * 1024 * 1024
"""Of all graphs that are read together with one."""

MAX_VERSION = 2_147_483_647

_ALIAS = "agent_executor_block"


class GraphReference(NamedTuple):
    """`version` is None where the node says nothing that could be one."""

    graph_id: GraphId
    version: int | None


def is_agent_node(node: Node) -> bool:
    """Whether the node runs another graph."""
    return node.block_id in (AGENT_EXECUTOR_BLOCK_ID, _ALIAS)


def reference_of(node: Node) -> GraphReference | None:
    """The graph an agent node runs; None for other nodes, and where it names none."""
    if not is_agent_node(node):
        return None
    graph_id, version = node.input_default.get("graph_id"), node.input_default.get("graph_version")
    if not isinstance(graph_id, str) or not graph_id:
        return None
    is_version = isinstance(version, int) and not isinstance(version, bool) and 1 <= version <= MAX_VERSION
    return GraphReference(GraphId(graph_id), version if is_version else None)


def references_of(graph: Graph) -> tuple[GraphReference, ...]:
    """Each graph that `graph` runs, once, in the order of its nodes."""
    return tuple(dict.fromkeys(found for node in graph.nodes if (found := reference_of(node)) is not None))


def owned_by(node: Node, user_id: UserId) -> Node:
    """An agent node as its owner's: it runs graphs of `user_id` only, and has `inputs` (once called `data`)."""
    if not is_agent_node(node):
        return node
    constants = dict(node.input_default)
    if constants.get("inputs") is None:
        legacy = constants.pop("data", None)
        constants["inputs"] = legacy if isinstance(legacy, dict) else {}
    return node.model_copy(update={"input_default": {**constants, "user_id": user_id}})


def redirected(node: Node, target: GraphReference) -> Node:
    """The agent node with another graph to run."""
    changed = {"graph_id": target.graph_id, "graph_version": target.version}
    return node.model_copy(update={"input_default": {**node.input_default, **changed}})


def pins_of(schema: object) -> frozenset[str]:
    """The names of the properties of an object schema, which are the pins of a graph run as a node."""
    properties = cast("dict[str, Any]", schema).get("properties") if isinstance(schema, dict) else None
    return frozenset(cast("dict[str, Any]", properties)) if isinstance(properties, dict) else frozenset()


class SubGraphs(NamedTuple):
    """Graphs that one graph runs; not `complete` if there are more than may be read at once."""

    graphs: tuple[Graph, ...]
    complete: bool


async def load_sub_graphs(
    graph: Graph, find: Callable[[GraphReference], Awaitable[Graph | None]], *, max_bytes: int = MAX_SUB_GRAPH_BYTES
) -> SubGraphs:
    """The graphs that `graph` runs, directly or through others, nearest first: each version once, itself never.

    Args:
        find: reads a graph its owner has, or None.
    """
    seen = {GraphReference(graph.id, graph.version)}
    found: list[Graph] = []
    waiting = deque(references_of(graph))
    size = 0
    while waiting:
        reference = waiting.popleft()
        if reference.version is None or reference in seen:
            continue
        if len(seen) > MAX_SUB_GRAPHS or size > max_bytes:
            return SubGraphs(tuple(found), complete=False)
        seen.add(reference)
        sub_graph = await find(reference)
        if sub_graph is not None:
            found.append(sub_graph)
            waiting.extend(references_of(sub_graph))
            size += sum(len(dump_json(node.model_dump())) for node in sub_graph.nodes)
    return SubGraphs(tuple(found), complete=True)
