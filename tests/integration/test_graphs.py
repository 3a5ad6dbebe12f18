"""Graphs over HTTP: saving in both forms, versions, deletion."""

import asyncio
import json
from typing import Any

from tests.gateway import (
    Gateway,
    assert_refused,
    echo_graph_body,
    graph_body,
    link_body,
    node_body,
)


async def test_a_bare_graph_as_the_manuals_client_posts_it_is_saved(gateway: Gateway) -> None:
    body = graph_body(
        [
            {
                "id": "input",
                "block_id": "text_input_block",
                "input_default": {},
                "name": "Input",
                "input_nodes": [],
                "output_nodes": ["llm"],
            },
            {
                "id": "llm",
                "block_id": "llm_call_block",
                "input_default": {"prompt": "Summarise: {input_text}", "model": None},
                "metadata": None,
            },
        ],
        [link_body("input.text", "llm.input_text")],
    )
    async with gateway.user() as client:
        response = await client.post("/api/graphs", json=body)
        assert response.status_code == 200, response.text
        saved = response.json()
        assert (saved["version"], saved["is_active"], saved["name"]) == (1, True, "Test graph")
        assert [node["id"] for node in saved["nodes"]] == ["input", "llm"]
        (link,) = saved["links"]
        assert link["graph_id"] == saved["id"]
        assert link["id"]
        assert link["is_static"] is True
        assert saved["nodes"][0]["output_links"] == [link]
        assert saved["nodes"][1]["input_links"] == [link]
        assert saved["input_schema"]["required"] == ["text"]
        assert saved["credentials_input_schema"] == {"type": "object", "properties": {}, "required": []}
        assert (await client.get(f"/api/graphs/{saved['id']}")).json() == saved


async def test_the_wrapped_form_and_a_download_are_saved_too(gateway: Gateway) -> None:
    async with gateway.user() as client:
        for body in (
            {"graph": echo_graph_body(id="mine", version=7), "source": "upload"},
            {"marketplace_name": "Agent", "graph_data": echo_graph_body()},
        ):
            saved = (await client.post("/api/graphs", json=body)).json()
            assert saved["version"] == 1
            assert saved["id"] != "mine"


async def test_order_of_nodes_and_links_and_free_text_ids_survive(gateway: Gateway) -> None:
    nodes = [node_body(name, "echo") for name in ("z z", "ä/1", "10", "9", "a")]
    links = [
        {**link_body("z z.out", "a.value"), "id": "second"},
        {**link_body("9.out", "a.value"), "id": "first"},
        {**link_body("10.out", "a.value"), "id": "first"},
    ]
    async with gateway.user() as client:
        saved = (await client.post("/api/graphs", json=graph_body(nodes, links))).json()
        assert [node["id"] for node in saved["nodes"]] == ["z z", "ä/1", "10", "9", "a"]
        assert [link["source_id"] for link in saved["links"]] == ["z z", "9", "10"]
        assert [link["id"] for link in saved["links"]][:2] == ["second", "first"]
        assert saved["links"][2]["id"] not in ("first", "second")


async def test_schemas_tell_what_inputs_and_outputs_are(gateway: Gateway) -> None:
    body = graph_body(
        [
            node_body("n", "96dae2bb-97a2-41c2-bd2f-13a3b5a8ea98", name="count", title="How many", description="Items"),
            node_body("s", "7fcd3bcb-8e1b-4e69-903d-32d3d4a92158", name="city", value="Rome", advanced=True),
            node_body("o", "363ae599-353e-4804-937e-b2ee3cef3da4", name="report", value=None),
        ]
    )
    async with gateway.user() as client:
        saved = (await client.post("/api/graphs", json=body)).json()
    inputs = saved["input_schema"]
    assert inputs["required"] == ["count"]
    assert inputs["properties"]["count"]["title"] == "How many"
    assert inputs["properties"]["count"]["description"] == "Items"
    assert inputs["properties"]["city"]["default"] == "Rome"
    assert inputs["properties"]["city"]["advanced"] is True
    assert list(saved["output_schema"]["properties"]) == ["report"]


async def test_replacing_adds_an_active_version_and_keeps_the_old_one(gateway: Gateway) -> None:
    async with gateway.user() as client:
        first = (await client.post("/api/graphs", json=echo_graph_body(name="One"))).json()
        url = f"/api/graphs/{first['id']}"
        second = (await client.put(url, json=echo_graph_body(name="Two", id=first["id"]))).json()
        assert (second["id"], second["version"], second["is_active"]) == (first["id"], 2, True)
        third = (await client.put(url, json=echo_graph_body(name="Three", is_active=False))).json()
        assert (third["version"], third["is_active"]) == (3, False)
        assert (await client.get(url)).json()["name"] == "Three"
        assert (await client.get(url, params={"version": 1})).json()["name"] == "One"
        assert (await client.get(f"{url}/versions/2")).json()["name"] == "Two"
        versions = (await client.get(f"{url}/versions")).json()
        assert [(graph["version"], graph["is_active"]) for graph in versions] == [(3, False), (2, True), (1, False)]
        assert [graph["name"] for graph in (await client.get("/api/graphs")).json()] == ["Two"]
        assert (await client.put(f"{url}/versions/active", json={"active_graph_version": 1})).json() is None
        assert [graph["name"] for graph in (await client.get("/api/graphs")).json()] == ["One"]
        assert_refused(await client.put(f"{url}/versions/active", json={"active_graph_version": 9}), 404, "NOT_FOUND")
        assert_refused(await client.put(url, json=echo_graph_body(id="other")), 400, "INVALID_REQUEST")


async def test_saving_at_the_same_time_gives_each_its_own_version(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        answers = await asyncio.gather(
            *(client.put(f"/api/graphs/{graph_id}", json=echo_graph_body()) for _ in range(8))
        )
        assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 10))
        listed = (await client.get(f"/api/graphs/{graph_id}/versions")).json()
        assert [graph["version"] for graph in listed if graph["is_active"]] != []
        assert sum(graph["is_active"] for graph in listed) == 1


async def test_a_deleted_graph_is_gone_for_every_route(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        await client.put(f"/api/graphs/{graph_id}", json=echo_graph_body())
        assert (await client.delete(f"/api/graphs/{graph_id}")).json() == {"version_counts": 2}
        for response in (
            await client.get(f"/api/graphs/{graph_id}"),
            await client.delete(f"/api/graphs/{graph_id}"),
            await client.post(f"/api/graphs/{graph_id}/execute", json={}),
        ):
            body = assert_refused(response, 404, "NOT_FOUND")
            assert body["detail"] == f"Graph #{graph_id} not found or access denied."
        assert (await client.get("/api/graphs")).json() == []


async def test_long_lists_say_how_long_they_are(gateway: Gateway) -> None:
    async with gateway.user() as client:
        for number in range(3):
            await client.post("/api/graphs", json=echo_graph_body(name=f"Graph {number}"))
        page = await client.get("/api/graphs", params={"page": 2, "page_size": 2})
        assert page.headers["X-Total-Count"] == "3"
        assert [graph["name"] for graph in page.json()] == ["Graph 0"]


async def test_exported_agents_of_the_platform_are_saved_if_their_blocks_exist(gateway: Gateway) -> None:
    """An export carries redundant and computed keys, explicit nulls, and long descriptions."""
    exported = echo_graph_body(
        id="622849a7-5848-4838-894d-01f8f07e3fad",
        version=18,
        description="long " * 1000,
        user_id="",
        created_at="2025-01-01T00:00:00.000Z",
        input_schema={},
        sub_graphs=[],
        forked_from_id=None,
        instructions=None,
    )
    for node in exported["nodes"]:
        node.update(graph_id="x", graph_version=18, webhook_id=None, webhook=None, input_links=[], output_links=[])
    async with gateway.user() as client:
        saved: dict[str, Any] = (await client.post("/api/graphs", content=json.dumps(exported), headers=JSON)).json()
        assert saved["description"] == exported["description"]
        assert saved["version"] == 1
        del exported["user_id"], exported["created_at"], exported["input_schema"]
        body = assert_refused(await client.post("/api/graphs", json=exported), 400, "INVALID_REQUEST")
        assert body["detail"] == "Description too long"


JSON = {"Content-Type": "application/json"}
