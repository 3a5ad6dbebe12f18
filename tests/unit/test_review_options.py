"""What nodes say about reviews and pinned outputs, and what plans make of it."""

from typing import Any

import pytest

from activities.blocks.registry import BlockRegistry
from activities.planning.compile import compile_plan
from activities.planning.node_options import emitted, read_review
from activities.planning.validate import check_runnable
from models.blocks import BlockKind, ExecutorKind
from models.errors import GraphValidationError, InvalidRequestError
from models.graph import Node
from models.ids import BlockId, GraphExecId, NodeId, new_id
from models.plan import PlanReview
from models.value_store import ValueStore
from models.values import Value
from tests.builders import make_graph, make_link, make_node
from tests.fakes import MemoryBlobStore
from tests.sample_blocks import sample_registry

HUMAN = "8b2a7b3c-6e9d-4a5f-8c1b-2e3f4a5b6c7d"
NOTE = "cc10ff7b-7753-4ff2-9af6-9399b1a7eddc"


@pytest.fixture(scope="module")
def blocks() -> BlockRegistry:
    return sample_registry()


def asking(review: Any, block_id: str = HUMAN) -> Node:
    return Node(id=NodeId("n"), block_id=BlockId(block_id), metadata={"review": review})


def test_a_node_says_how_long_its_review_may_take(blocks: BlockRegistry) -> None:
    given = {"expires_after_seconds": 60, "on_expiry": "approve", "remind_after_seconds": [30, 10, 30]}
    review = read_review(asking(given), blocks.get(BlockId(HUMAN)))
    assert review == PlanReview(expires_after_seconds=60, on_expiry="approve", remind_after_seconds=(10, 30))
    assert read_review(asking({}), blocks.get(BlockId(HUMAN))) == PlanReview()
    assert read_review(asking(given, "sensitive"), blocks.get(BlockId("sensitive"))) == review


def test_nodes_that_nobody_reviews_have_no_such_settings(blocks: BlockRegistry) -> None:
    assert read_review(asking({"expires_after_seconds": 60}, "echo"), blocks.get(BlockId("echo"))) is None
    assert read_review(asking(None), blocks.get(BlockId(HUMAN))) is None


@pytest.mark.parametrize(
    "review",
    [
        "soon",
        {"expires_after_seconds": "soon"},
        {"expires_after_seconds": 0},
        {"on_expiry": "shrug"},
        {"remind_after_seconds": [1] * 21},
        {"remind_after_seconds": [-1]},
    ],
)
def test_settings_that_cannot_be_are_refused(blocks: BlockRegistry, review: Any) -> None:
    with pytest.raises(InvalidRequestError):
        read_review(asking(review), blocks.get(BlockId(HUMAN)))


@pytest.mark.parametrize("given", [{"a": 1, "b": None}, [["a", 1], ["b", None]]])
def test_pinned_outputs_are_written_in_two_ways(given: Any) -> None:
    assert emitted(given, where="here") == (("a", 1), ("b", None))


@pytest.mark.parametrize("given", ["a", 1, [["a"]], [[1, 2]], [["", 2]], [["a", 1, 2]], [["a", 1]] * 1_001])
def test_pinned_outputs_of_another_form_are_refused(given: Any) -> None:
    with pytest.raises(InvalidRequestError, match="here"):
        emitted(given, where="here")


async def test_plans_know_executors_reviews_and_pinned_outputs_with_their_parts(blocks: BlockRegistry) -> None:
    graph = make_graph(
        [
            make_node("ask", HUMAN, data=1, name="?"),
            make_node("note", NOTE),
            make_node("source", "echo", value=1),
            make_node("sink", "echo"),
        ],
        [make_link("source.out_#_name", "sink.value")],
        blocks=blocks,
    )
    plan = await compile_plan(
        graph,
        blocks,
        values=ValueStore(MemoryBlobStore()),
        graph_exec_id=GraphExecId(new_id()),
        pinned={"source": (("out", {"name": "x"}), ("out", 5))},
    )
    executors = {node.id: plan.blocks[node.block_id].executor for node in plan.nodes}
    assert executors == {
        "ask": ExecutorKind.REVIEW,
        "note": ExecutorKind.SKIP,
        "source": ExecutorKind.ACTIVITY,
        "sink": ExecutorKind.ACTIVITY,
    }
    assert plan.blocks[BlockId(HUMAN)].kind is BlockKind.HUMAN_IN_THE_LOOP
    pinned = {node.id: node.pinned for node in plan.nodes if node.pinned is not None}
    assert set(pinned) == {"source"}
    first, second = pinned[NodeId("source")]
    assert (first.value, first.selected) == (Value(inline={"name": "x"}), {"out_#_name": Value(inline="x")})
    assert (second.value, second.selected) == (Value(inline=5), {})


def test_a_pinned_node_requires_nothing_but_pins_of_its_block(blocks: BlockRegistry) -> None:
    graph = make_graph([make_node("needs", "spread")], blocks=blocks)
    with pytest.raises(GraphValidationError):
        check_runnable(graph, blocks, inputs={})
    check_runnable(graph, blocks, inputs={}, pinned={"needs": (("out", 1), ("error", "x"))})
    with pytest.raises(GraphValidationError, match="no output pin 'nothing'"):
        check_runnable(graph, blocks, inputs={}, pinned={"needs": (("nothing", 1),)})
