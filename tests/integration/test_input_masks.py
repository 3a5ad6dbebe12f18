"""Masks over HTTP: values of the caller for single pins of a run, instead of what reaches them."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from models.ids import AGENT_EXECUTOR_BLOCK_ID
from tests.gateway import (
    Gateway,
    assert_refused,
    echo_graph_body,
    graph_body,
    link_body,
    node_body,
    save,
    until_status,
)

pytestmark = pytest.mark.usefixtures("worker")


def pins_schema(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {}}}


async def run_with(client: AsyncClient, graph_id: str, **body: Any) -> dict[str, Any]:
    response = await client.post(f"/api/graphs/{graph_id}/execute", json=body)
    assert response.status_code == 200, response.text
    return await until_status(client, response.json()["id"], "COMPLETED", "FAILED")


async def test_a_mask_wins_over_links_and_links_over_constants(gateway: Gateway) -> None:
    body = graph_body(
        [
            node_body("source", "echo", value="linked"),
            node_body("masked", "echo", value="constant"),
            node_body("linked", "echo", value="constant"),
            node_body("constant", "echo", value="constant"),
            node_body("masked constant", "echo", value="constant"),
        ],
        [link_body("source.out", "masked.value"), link_body("source.out", "linked.value")],
    )
    masks = {"masked": {"value": "mask"}, "masked constant": {"value": "mask"}}
    async with gateway.user() as client:
        graph_id = await save(client, body)
        run = await run_with(client, graph_id, nodes_input_masks=masks)
        assert run["outputs"] == {
            "masked": {"out": ["mask"]},
            "linked": {"out": ["linked"]},
            "constant": {"out": ["constant"]},
            "masked constant": {"out": ["mask"]},
        }
        assert run["nodes_input_masks"] == masks
        (listed,) = (await client.get("/api/executions")).json()
        assert listed["nodes_input_masks"] == masks


async def test_a_mask_wins_over_inputs_of_request_preset_and_graph(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        preset = {"graph_id": graph_id, "graph_version": 1, "name": "P", "inputs": {"x": "preset"}}
        preset_id = (await client.post("/api/library/presets", json=preset)).json()["id"]
        body = {"inputs": {"x": "request"}, "nodes_input_masks": {"in": {"value": "mask"}}}
        response = await client.post(f"/api/graphs/{graph_id}/execute", json=body, params={"preset_id": preset_id})
        assert response.json()["nodes_input_masks"] == {"in": {"value": "mask"}}
        run = await until_status(client, response.json()["id"], "COMPLETED")
        assert run["outputs"] == {"y": ["mask"]}
        assert run["inputs"] == {"x": "request"}


async def test_a_mask_gives_what_a_node_requires_and_null_is_none(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, graph_body([node_body("only", "spread")]))
        for body in ({}, {"nodes_input_masks": {"only": {"count": None}}}, {"nodes_input_masks": None}):
            refused = await client.post(f"/api/graphs/{graph_id}/execute", json=body)
            errors = assert_refused(refused, 400, "GRAPH_VALIDATION_ERROR")["detail"]["node_errors"]
            assert errors == {"only": {"count": "This field is required"}}
        run = await run_with(client, graph_id, nodes_input_masks={"only": {"count": 2, "size": None}})
        assert run["outputs"] == {"only": {"out": [0, 1]}}
        assert run["nodes_input_masks"] == {"only": {"count": 2}}
        response = await client.post(f"/api/graphs/{await save(client, echo_graph_body())}/execute", json={})
        assert response.json()["nodes_input_masks"] is None


async def test_a_large_mask_is_stored_beside_the_run(gateway: Gateway) -> None:
    text = "ä" * 40_000
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        run = await run_with(client, graph_id, inputs={"x": 1}, nodes_input_masks={"echo": {"value": text}})
        assert run["outputs"] == {"y": [text]}
        assert run["nodes_input_masks"] == {"echo": {"value": text}}
        (listed,) = (await client.get("/api/executions")).json()
        assert listed["nodes_input_masks"] == {"echo": {"value": "(string of 80002 bytes)"}}


async def test_a_mask_for_a_node_that_is_not_there_is_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        before = (await gateway.row_counts())["graph_executions"]
        body = {"inputs": {"x": 1}, "nodes_input_masks": {"echo": {"value": 1}, "ghost": {"value": 1}, "n\x00": {}}}
        refused = assert_refused(
            await client.post(f"/api/graphs/{graph_id}/execute", json=body), 400, "GRAPH_VALIDATION_ERROR"
        )
        assert refused["detail"]["type"] == "validation_error"
        assert set(refused["detail"]["node_errors"]) == {"ghost", "n\ufffd"}
        assert refused["detail"]["node_errors"]["ghost"] == {
            "nodes_input_masks": "There is no node 'ghost' in the graph"
        }
        assert (await gateway.row_counts())["graph_executions"] == before


@pytest.mark.parametrize(
    ("masks", "status"),
    [
        ([], 422),
        ({"echo": 1}, 422),
        ({"echo": None}, 422),
        ({"echo": {"value": [[[[[[[[[[[1]]]]]]]]]]]}}, 400),
        ({"echo": {str(n): n for n in range(1_001)}}, 400),
        ({"echo": {"value": {str(n): n for n in range(1_001)}}}, 400),
        ({str(n): {} for n in range(5_001)}, 400),
    ],
)
async def test_masks_beyond_a_limit_are_refused(gateway: Gateway, masks: Any, status: int) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        body = {"inputs": {"x": 1}, "nodes_input_masks": masks}
        assert (await client.post(f"/api/graphs/{graph_id}/execute", json=body)).status_code == status


async def test_an_idempotency_key_stands_for_the_masks_too(gateway: Gateway) -> None:
    async with gateway.user() as client:
        url = f"/api/graphs/{await save(client, echo_graph_body())}/execute"
        key = {"Idempotency-Key": f"key-{uuid4()}"}
        body = {"inputs": {"x": 1}, "nodes_input_masks": {"echo": {"value": {"a": 1, "b": 2}}}}
        reordered = {"inputs": {"x": 1}, "nodes_input_masks": {"echo": {"value": {"b": 2, "a": 1}}}}
        first, again = [(await client.post(url, json=sent, headers=key)).json() for sent in (body, reordered)]
        assert again["id"] == first["id"]
        assert again["nodes_input_masks"] == body["nodes_input_masks"]
        await until_status(client, first["id"], "COMPLETED")
        for sent in ({"inputs": {"x": 1}}, {**body, "nodes_input_masks": {"echo": {"value": 1}}}):
            assert_refused(await client.post(url, json=sent, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("depth", [1, 2])
async def test_a_mask_reaches_a_node_of_a_graph_that_runs_inside(gateway: Gateway, depth: int) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        schemas = {"input_schema": pins_schema("x"), "output_schema": pins_schema("y")}
        for level in range(depth):
            run = {"graph_id": graph_id, "graph_version": 1, "inputs": {}, **schemas}
            body = echo_graph_body()
            body["nodes"][1] = node_body(f"run {level}", AGENT_EXECUTOR_BLOCK_ID, **run)
            body["links"] = [link_body("in.result", f"run {level}.x"), link_body(f"run {level}.y", "out.value")]
            graph_id = await save(client, body)
        plain = await run_with(client, graph_id, inputs={"x": "given"})
        assert plain["outputs"] == {"y": ["given"]}
        masks = {"echo": {"value": "mask"}}
        masked = await run_with(client, graph_id, inputs={"x": "given"}, nodes_input_masks=masks)
        assert masked["outputs"] == {"y": ["mask"]}
        before = (await gateway.row_counts())["graph_executions"]
        body = {"inputs": {"x": 1}, "nodes_input_masks": {**masks, "ghost": {"value": 1}}}
        refused = assert_refused(
            await client.post(f"/api/graphs/{graph_id}/execute", json=body), 400, "GRAPH_VALIDATION_ERROR"
        )
        assert set(refused["detail"]["node_errors"]) == {"ghost"}
        assert (await gateway.row_counts())["graph_executions"] == before
