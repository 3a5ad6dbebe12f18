"""Agent nodes and the graphs they run: who owns them, what they refer to, how much of it is read."""

from typing import Any

import pytest

from activities.exchange.sub_graphs import (
    MAX_SUB_GRAPHS,
    GraphReference,
    load_sub_graphs,
    owned_by,
    reference_of,
)
from models.graph import Graph, Node
from models.ids import AGENT_EXECUTOR_BLOCK_ID, GraphId, UserId
from tests.builders import make_graph, make_node
from tests.sample_blocks import sample_registry

BLOCKS = sample_registry()
ME = UserId("me")


def agent(node_id: str, graph_id: object, version: object = 1, **constants: Any) -> Node:
    return make_node(node_id, AGENT_EXECUTOR_BLOCK_ID, graph_id=graph_id, graph_version=version, **constants)


def graph_of(name: str, *nodes: Node) -> Graph:
    return make_graph([], blocks=BLOCKS).model_copy(update={"id": GraphId(name), "nodes": nodes})


class Store:
    def __init__(self, *graphs: Graph) -> None:
        self.graphs = {GraphReference(graph.id, graph.version): graph for graph in graphs}
        self.asked: list[str] = []

    async def find(self, reference: GraphReference) -> Graph | None:
        self.asked.append(reference.graph_id)
        return self.graphs.get(reference)


async def test_graphs_are_read_nearest_first_and_circles_end() -> None:
    c = graph_of("c", agent("1", "a"), agent("2", "root"), agent("3", "c"))
    b = graph_of("b", agent("1", "c"))
    a = graph_of("a", agent("1", "b"), agent("2", "b"))
    store = Store(a, b, c)
    root = graph_of("root", agent("1", "a"), agent("2", "c"), agent("3", "lost"), make_node("e", "echo", graph_id="x"))
    found = await load_sub_graphs(root, store.find)
    assert ([graph.id for graph in found.graphs], found.complete) == (["a", "c", "b"], True)
    assert sorted(store.asked) == ["a", "b", "c", "lost"]


async def test_every_version_that_is_run_is_read() -> None:
    """What is missing in an export would be another version after the import."""
    older, newer = graph_of("a"), graph_of("a").model_copy(update={"version": 2})
    earlier_self = graph_of("root")
    root = graph_of("root", agent("1", "a", 2), agent("2", "a", 1), agent("3", "root", 1), agent("4", "root", 3))
    found = await load_sub_graphs(root.model_copy(update={"version": 3}), Store(older, newer, earlier_self, root).find)
    assert [(graph.id, graph.version) for graph in found.graphs] == [("a", 2), ("a", 1), ("root", 1)]


async def test_very_many_references_are_not_all_followed() -> None:
    store = Store()
    root = graph_of("root", *(agent(str(i), f"graph {i}") for i in range(1000)))
    assert (await load_sub_graphs(root, store.find)).complete is False
    assert len(store.asked) == MAX_SUB_GRAPHS


async def test_very_large_graphs_are_not_all_read() -> None:
    store = Store(*(graph_of(str(i), make_node("n", "echo", value="x" * 8_000)) for i in range(5)))
    root = graph_of("root", *(agent(str(i), str(i)) for i in range(5)))
    found = await load_sub_graphs(root, store.find, max_bytes=10_000)
    assert (len(found.graphs), found.complete) == (2, False)


@pytest.mark.parametrize(
    ("version", "read"),
    [(1, 1), (2**31 - 1, 2**31 - 1), (0, None), (2**31, None), ("1", None), (True, None), (1.0, None)],
)
def test_a_version_is_a_whole_number(version: object, read: int | None) -> None:
    assert reference_of(agent("a", "g", version)) == GraphReference(GraphId("g"), read)


@pytest.mark.parametrize("graph_id", [None, "", 7, ["g"]])
def test_without_an_id_there_is_no_reference(graph_id: object) -> None:
    assert reference_of(agent("a", graph_id)) is None


def test_only_agent_nodes_refer_to_graphs() -> None:
    assert reference_of(make_node("a", "echo", graph_id="g", graph_version=1)) is None
    assert reference_of(make_node("a", "agent_executor_block", graph_id="g", graph_version=1)) is not None


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ({}, {}),
        ({"inputs": None}, {}),
        ({"inputs": {"a": 1}}, {"a": 1}),
        ({"data": {"a": 1}}, {"a": 1}),
        ({"data": "nonsense"}, {}),
    ],
)
def test_an_agent_node_is_its_owners_and_has_inputs(given: dict[str, Any], inputs: dict[str, Any]) -> None:
    owned = owned_by(agent("a", "g", user_id="somebody", **given), ME)
    assert owned.input_default == {"graph_id": "g", "graph_version": 1, "user_id": "me", "inputs": inputs}


def test_other_nodes_stay_as_they_are() -> None:
    node = make_node("a", "echo", user_id="x", data={})
    assert owned_by(node, ME) is node
