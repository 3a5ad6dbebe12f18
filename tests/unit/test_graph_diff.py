"""What is told about the difference of two versions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.graph import Graph, Link, Node
from models.graph_diff import GraphDiff, diff_graphs
from models.ids import GraphId, LinkId, UserId
from tests.builders import make_link, make_node

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def make_version(*nodes: Node, links: tuple[Link, ...] = (), **fields: Any) -> Graph:
    values = {"name": "Graph", **fields}
    return Graph(
        id=GraphId("g"), user_id=UserId("u"), created_at=NOW, updated_at=NOW, nodes=nodes, links=links, **values
    )


def changes_of(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    diff = diff_graphs(make_version(make_node("n", "echo", **old)), make_version(make_node("n", "echo", **new)))
    return diff.changed_nodes[0].changes if diff.changed_nodes else {}


def is_empty(diff: GraphDiff) -> bool:
    return not any(diff.model_dump().values())


def test_a_version_does_not_differ_from_itself() -> None:
    version = make_version(
        make_node("a", "echo", {"position": {"x": 1}}, value=[1, {"k": None}]),
        make_node("b", "echo"),
        links=(make_link("a.out", "b.value"),),
    )
    assert is_empty(diff_graphs(version, version.model_copy(update={"version": 2, "is_active": False})))


def test_nodes_are_told_apart_by_id_and_links_by_their_ends() -> None:
    a, b, c = make_node("a", "echo"), make_node("b", "echo"), make_node("c", "echo")
    before = make_version(a, b, links=(make_link("a.out", "b.value"),))
    renamed = make_link("a.out", "b.value").model_copy(update={"id": LinkId("other")})
    after = make_version(
        b, c, a.model_copy(update={"block_id": "sleep"}), links=(make_link("b.out", "c.value"), renamed)
    )
    diff = diff_graphs(before, after)
    assert diff.added_nodes == (c,)
    assert diff.removed_nodes == ()
    assert [(node.id, node.changes) for node in diff.changed_nodes] == [
        ("a", {"block_id": {"from": "echo", "to": "sleep"}})
    ]
    assert diff.added_links == (make_link("b.out", "c.value"),)
    assert (diff.removed_links, diff.changed_links) == ((), ())
    assert diff.nodes_reordered
    assert not diff.links_reordered
    back = diff_graphs(after, before)
    assert (back.removed_nodes, back.removed_links) == ((c,), (make_link("b.out", "c.value"),))


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"prompt": "a"}, {"prompt": "b"}, {"input_default.prompt": {"from": "a", "to": "b"}}),
        ({}, {"prompt": None}, {"input_default.prompt": {"to": None}}),
        ({"prompt": None}, {}, {"input_default.prompt": {"from": None}}),
        ({"v": {"a": {"b": 1}}}, {"v": {"a": {"b": 2}}}, {"input_default.v.a.b": {"from": 1, "to": 2}}),
        ({"v": {"a": 1}}, {"v": [1]}, {"input_default.v": {"from": {"a": 1}, "to": [1]}}),
        ({"v": [1, 2]}, {"v": [1, 3]}, {"input_default.v": {"from": [1, 2], "to": [1, 3]}}),
        ({"v": True}, {"v": 1}, {"input_default.v": {"from": True, "to": 1}}),
        ({"v": [{"k": False}]}, {"v": [{"k": 0}]}, {"input_default.v": {"from": [{"k": False}], "to": [{"k": 0}]}}),
        ({"v": {"a.b": 1, "c d": 2}}, {"v": {"a.b": 2}}, None),
        ({"v": 1}, {"v": 1.0}, {}),
        ({"v": {"a": 1, "b": 2}}, {"v": {"b": 2, "a": 1}}, {}),
    ],
)
def test_changes_have_paths(old: dict[str, Any], new: dict[str, Any], changes: dict[str, Any] | None) -> None:
    if changes is None:
        changes = {'input_default.v["a.b"]': {"from": 1, "to": 2}, 'input_default.v["c d"]': {"from": 2}}
    assert changes_of(old, new) == changes


def test_a_move_is_no_change_and_other_metadata_is() -> None:
    before = make_version(make_node("a", "echo", {"position": {"x": 1}}), make_node("b", "echo"))
    after = make_version(
        make_node("a", "echo", {"position": {"x": 2}, "retry": {"max_attempts": 3}}),
        make_node("b", "echo", {"position": {"x": 0}}),
    )
    diff = diff_graphs(before, after)
    assert [(node.id, node.changes) for node in diff.changed_nodes] == [
        ("a", {"metadata.retry": {"to": {"max_attempts": 3}}})
    ]
    assert [(node.id, node.change) for node in diff.moved_nodes] == [
        ("a", {"from": {"x": 1}, "to": {"x": 2}}),
        ("b", {"to": {"x": 0}}),
    ]


def test_links_change_when_they_become_static_or_stand_in_another_order() -> None:
    first, second = make_link("a.out", "b.value"), make_link("a.out", "c.value")
    nodes = tuple(make_node(name, "echo") for name in "abc")
    static = make_link("a.out", "c.value", static=True)
    diff = diff_graphs(make_version(*nodes, links=(first, second)), make_version(*nodes, links=(static, first)))
    assert [(change.link, change.changes) for change in diff.changed_links] == [
        (static, {"is_static": {"from": False, "to": True}})
    ]
    assert diff.links_reordered


def test_fields_that_people_write_are_compared() -> None:
    diff = diff_graphs(
        make_version(description="old", instructions="do"),
        make_version(name="New", description="old", version=2, is_active=False),
    )
    assert diff.fields == {"name": {"from": "Graph", "to": "New"}, "instructions": {"from": "do", "to": None}}
