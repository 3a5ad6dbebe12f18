"""What people call and describe things by is harmless wherever it is shown; what they enter as data is untouched."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.gateway import Gateway, assert_refused, echo_graph_body, graph_body, node_body, save

NAME = "<b onclick=x>Agent</b> & <script>alert(1)</script>co < 3"
CLEAN_NAME = "Agent & co < 3"
TEXT = '<p onclick="x">Hi <a href="javascript:x">you</a></p><script>alert(1)</script>'
CLEAN_TEXT = "<p>Hi <a>you</a></p>"


async def _graph(client: AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/api/graphs", json=echo_graph_body(**fields))
    assert response.status_code == 200, response.text
    return response.json()


async def test_graphs(gateway: Gateway) -> None:
    async with gateway.user() as client:
        made = await _graph(client, name=NAME, description=TEXT, instructions=TEXT)
        assert (made["name"], made["description"], made["instructions"]) == (CLEAN_NAME, CLEAN_TEXT, CLEAN_TEXT)
        url = f"/api/graphs/{made['id']}"
        changed = await client.put(url, json=echo_graph_body(name=NAME, description=TEXT))
        assert (changed.json()["name"], changed.json()["description"]) == (CLEAN_NAME, CLEAN_TEXT)
        assert (await client.get(url)).json()["name"] == CLEAN_NAME


async def test_imports(gateway: Gateway) -> None:
    async with gateway.user() as client:
        body = echo_graph_body(name=NAME, description=TEXT + "x" * 2_000, user_id="somebody")
        made = (await client.post("/api/graphs/import", json=body)).json()
        assert made["graph"]["name"] == CLEAN_NAME
        assert made["graph"]["description"] == CLEAN_TEXT + "x" * 2_000
        assert {"name_changed", "long_description"} <= {found["kind"] for found in made["report"]["findings"]}
        nameless = (await client.post("/api/graphs/import", json=echo_graph_body(name="<br>"))).json()
        assert nameless["graph"]["name"] == "Imported agent"


async def test_keys_presets_and_users(gateway: Gateway) -> None:
    async with gateway.user() as client:
        labels = {"name": NAME, "description": TEXT}
        key = (await client.post("/api/api-keys", json=labels)).json()["api_key"]
        assert (key["name"], key["description"]) == (CLEAN_NAME, CLEAN_TEXT)
        graph_id = await save(client, echo_graph_body())
        preset = {"graph_id": graph_id, "graph_version": 1, "inputs": {"x": TEXT}, **labels}
        made = (await client.post("/api/library/presets", json=preset)).json()
        assert (made["name"], made["description"], made["inputs"]) == (CLEAN_NAME, CLEAN_TEXT, {"x": TEXT})
        assert (await client.put("/api/user", json={"name": NAME})).json()["name"] == CLEAN_NAME
        for url in ("/api/api-keys", "/api/library/presets"):
            refused = await client.post(url, json={**preset, "name": "<p></p>"})
            assert_refused(refused, 422, "VALIDATION_ERROR")


async def test_prompts_and_constants_are_never_rewritten(gateway: Gateway) -> None:
    async with gateway.user() as client:
        nodes = [node_body("n", "echo", value=TEXT, prompt=NAME) | {"metadata": {"customized_name": NAME}}]
        made = (await client.post("/api/graphs", json=graph_body(nodes))).json()
        node = made["nodes"][0]
        assert (node["input_default"]["value"], node["input_default"]["prompt"]) == (TEXT, NAME)
        assert node["metadata"]["customized_name"] == NAME
        executed = (await client.post("/api/blocks/echo/execute", json={"value": TEXT})).json()
        assert executed == {"out": [TEXT]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (graph_body(name="<i></i>"), "Graph name cannot be empty"),
        (graph_body(name="\u202e"), "Graph name cannot be empty"),
        (graph_body(name="<b>" + "x" * 101), "Graph name too long"),
        (graph_body(name="<b></b>" * 1_000), "Graph name too long"),
        (graph_body(description="<p>" + "x" * 998), "Description too long"),
    ],
)
async def test_what_is_left_must_be_a_name(gateway: Gateway, body: dict[str, Any], text: str) -> None:
    async with gateway.user() as client:
        refused = assert_refused(await client.post("/api/graphs", json=body), 400, "INVALID_REQUEST")
    assert refused["detail"] == text


def _nested(depth: int) -> Any:
    return [_nested(depth - 1)] if depth else 1


async def test_values_that_are_too_deep_or_too_wide_are_refused_by_each_route(gateway: Gateway) -> None:
    many = {str(number): 1 for number in range(1_001)}
    async with gateway.user() as client:
        for url, body in (
            ("/api/api-keys", {"name": "Key", "more": _nested(10)}),
            ("/api/api-keys", {"name": "Key", "more": many}),
            ("/api/blocks/echo/execute", {"value": _nested(11)}),
            ("/api/blocks/echo/execute", {"value": many}),
            ("/api/blocks/echo/execute", many),
        ):
            refused = assert_refused(await client.post(url, json=body), 400, "INVALID_REQUEST")
            assert refused["detail"].startswith("Invalid input structure")
        assert (await client.post("/api/blocks/echo/execute", json={"value": _nested(10)})).status_code == 200
        # Graphs may hold more than people type.
        deep = graph_body([node_body("n", "echo", value=_nested(50), more=many)])
        assert (await client.post("/api/graphs", json=deep)).status_code == 200
