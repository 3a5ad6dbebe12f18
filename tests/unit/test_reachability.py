"""Which nodes can never run."""

from activities.planning.reachability import find_unreachable
from models.graph import Link, Node
from tests.builders import make_graph, make_link, make_node
from tests.sample_blocks import sample_registry

BLOCKS = sample_registry()
NOTE = "cc10ff7b-7753-4ff2-9af6-9399b1a7eddc"


def unreachable(nodes: list[Node], *links: Link) -> dict[str, tuple[str, ...]]:
    return dict(find_unreachable(make_graph(nodes, links, blocks=BLOCKS), BLOCKS))


def echoes(names: str) -> list[Node]:
    return [make_node(name, "echo") for name in names]


def test_what_hangs_on_a_starting_node_can_run() -> None:
    assert unreachable(echoes("abc"), make_link("a.out", "b.value"), make_link("b.error", "c.value")) == {}


def test_a_cycle_without_an_entrance_never_runs_nor_does_what_hangs_on_it() -> None:
    links = (make_link("a.out", "b.value"), make_link("b.out", "a.value"), make_link("b.out", "c.value"))
    assert unreachable(echoes("abcd"), *links) == {"a": ("value",), "b": ("value",), "c": ("value",)}


def test_a_cycle_with_an_entrance_runs() -> None:
    links = (make_link("a.out", "b.value"), make_link("b.out", "b.value"), make_link("b.out", "c.value"))
    assert unreachable(echoes("abc"), *links) == {}


def test_every_linked_pin_needs_a_source_that_can_run() -> None:
    nodes = [*echoes("ab"), make_node("s", "spread")]
    links = (make_link("a.out", "s.count"), make_link("b.out", "s.size"), make_link("b.out", "b.value"))
    assert unreachable(nodes, *links) == {"b": ("value",), "s": ("size",)}


def test_notes_and_what_hangs_on_them() -> None:
    assert unreachable([make_node("note", NOTE, text="read me")]) == {}
