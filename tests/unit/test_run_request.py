"""What a caller wants run: its limits, its masks, and what an idempotency key stands for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.errors import GraphValidationError, InvalidRequestError
from models.graph import Graph, Node
from models.ids import BlockId, GraphId, NodeId, PresetId, UserId
from models.presets import Preset
from services.gateway.run_request import RunClaim, RunRequest

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def make_request(**fields: Any) -> RunRequest:
    return RunRequest.model_validate({"graph_id": "g", **fields})


def make_graph(*node_ids: str) -> Graph:
    nodes = tuple(Node(id=NodeId(node_id), block_id=BlockId("echo")) for node_id in node_ids)
    return Graph(id=GraphId("g"), name="G", user_id=UserId("u"), created_at=NOW, updated_at=NOW, nodes=nodes)


def digest(request: RunRequest) -> str:
    claim = RunClaim.of(UserId("u"), "key", request)
    assert claim is not None
    return claim.digest


def test_a_key_stands_for_everything_that_is_asked_for() -> None:
    requests = [
        make_request(),
        make_request(graph_id="h"),
        make_request(version=1),
        make_request(preset_id="p"),
        make_request(inputs={"x": 1}),
        make_request(credentials_inputs={"x": 1}),
        make_request(nodes_input_masks={"x": {"y": 1}}),
    ]
    assert len(set(map(digest, requests))) == len(requests)


def test_a_key_outlives_a_release_that_knows_more_to_ask_for() -> None:
    """The digest of a request of the first release, which knew neither presets nor masks."""
    request = make_request(version=3, inputs={"x": {"b": [1, None], "a": "ä"}})
    assert digest(request) == "7e99c847b15fa4825426151a786b48f704e47e0d3fd98bf742779bf5af8cdbe5"


def test_masks_may_be_for_nodes_of_graphs_that_run_inside() -> None:
    request = make_request(nodes_input_masks={"a": {"pin": 1}, "inner": {"pin": 1}})
    request.check_masks(make_graph("a", "b"), [make_graph("inner")])
    with pytest.raises(GraphValidationError, match="does not have") as refused:
        request.check_masks(make_graph("a", "b"), [])
    assert list(refused.value.node_errors) == ["inner"]


@pytest.mark.parametrize(
    "masks",
    [
        {str(n): {} for n in range(1_001)},
        {str(n): {"a": 1, "b": 1} for n in range(501)},
        {"n": {"pin": {str(n): n for n in range(1_001)}}},
    ],
    ids=["nodes", "pins", "keys"],
)
def test_masks_have_limits(masks: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequestError, match="the limit is 1000"):
        make_request(nodes_input_masks=masks).check_limits()


def test_a_request_wins_over_its_preset_name_by_name() -> None:
    preset = Preset(
        id=PresetId("p"),
        user_id=UserId("u"),
        graph_id=GraphId("g"),
        graph_version=1,
        name="P",
        inputs={"a": "preset", "b": "preset", "c": "preset"},
        credentials={"k": "preset", "l": "preset"},
        created_at=NOW,
        updated_at=NOW,
    )
    request = make_request(inputs={"b": "request", "c": None}, credentials_inputs={"l": "request"}).over(preset)
    assert request.inputs == {"a": "preset", "b": "request", "c": None}
    assert request.credentials_inputs == {"k": "preset", "l": "request"}
