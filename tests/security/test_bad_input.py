"""What is wrong with a request is refused in the error model, names its place, and leaves nothing behind."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from httpx2 import Response

from tests.gateway import (
    Gateway,
    assert_refused,
    echo_graph_body,
    graph_body,
    link_body,
    node_body,
)

JSON = {"Content-Type": "application/json"}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


REFUSED_GRAPHS: Mapping[str, tuple[Any, int, str, str]] = {
    "unknown block": (graph_body([node_body("n1", "no-such-block")]), 400, "GRAPH_VALIDATION_ERROR", "n1"),
    "dangling source": (
        graph_body([node_body("n1", "echo")], [link_body("ghost.out", "n1.value")]),
        400,
        "GRAPH_VALIDATION_ERROR",
        "ghost",
    ),
    "dangling sink": (
        graph_body([node_body("n1", "echo")], [link_body("n1.out", "ghost.value")]),
        400,
        "GRAPH_VALIDATION_ERROR",
        "ghost",
    ),
    "unknown output pin": (
        graph_body([node_body("n1", "echo"), node_body("n2", "echo")], [link_body("n1.nothing", "n2.value")]),
        400,
        "GRAPH_VALIDATION_ERROR",
        "nothing",
    ),
    "unknown input pin": (
        graph_body([node_body("n1", "echo"), node_body("n2", "echo")], [link_body("n1.out", "n2.nothing")]),
        400,
        "GRAPH_VALIDATION_ERROR",
        "nothing",
    ),
    "duplicate node id": (
        graph_body([node_body("twin", "echo"), node_body("twin", "echo")]),
        400,
        "GRAPH_VALIDATION_ERROR",
        "twin",
    ),
    "bad retry": (
        graph_body([{**node_body("n1", "echo"), "metadata": {"retry": {"max_attempts": "many"}}}]),
        400,
        "GRAPH_VALIDATION_ERROR",
        "n1",
    ),
    "no name": (graph_body(name=None), 400, "INVALID_REQUEST", "Graph name cannot be empty"),
    "blank name": (graph_body(name=" \t"), 400, "INVALID_REQUEST", "Graph name cannot be empty"),
    "long name": (graph_body(name="x" * 101), 400, "INVALID_REQUEST", "Graph name too long"),
    "long description": (graph_body(description="x" * 1001), 400, "INVALID_REQUEST", "Description too long"),
    "deep constant": (
        graph_body([node_body("deep", "echo", value=nested(70))]),
        400,
        "INVALID_REQUEST",
        "'deep', input_default",
    ),
    "nodes are no list": (graph_body() | {"nodes": {}}, 422, "VALIDATION_ERROR", "nodes"),
    "a node is no object": (graph_body() | {"nodes": [7]}, 422, "VALIDATION_ERROR", "nodes.0"),
    "node without id": (graph_body([{"block_id": "echo"}]), 422, "VALIDATION_ERROR", "nodes.0.id"),
    "node id is a number": (graph_body([node_body("n", "echo") | {"id": 7}]), 422, "VALIDATION_ERROR", "nodes.0.id"),
    "empty node id": (graph_body([node_body("", "echo")]), 422, "VALIDATION_ERROR", "nodes.0.id"),
    "constants are no object": (
        graph_body([node_body("n", "echo") | {"input_default": [1]}]),
        422,
        "VALIDATION_ERROR",
        "nodes.0.input_default",
    ),
    "link without a sink": (
        graph_body([node_body("n", "echo")], [{"source_id": "n", "source_name": "out", "sink_name": "value"}]),
        422,
        "VALIDATION_ERROR",
        "links.0.sink_id",
    ),
    "name is an object": (graph_body(name={}), 422, "VALIDATION_ERROR", "name"),
    "a list": ([], 422, "VALIDATION_ERROR", "body"),
    "text": ("graph", 422, "VALIDATION_ERROR", "body"),
    "null": (None, 422, "VALIDATION_ERROR", "body"),
}


@pytest.mark.parametrize("case", REFUSED_GRAPHS)
async def test_a_graph_is_refused(gateway: Gateway, case: str) -> None:
    body, status, code, named = REFUSED_GRAPHS[case]
    before = await gateway.row_counts()
    async with gateway.user() as client:
        response = await client.post("/api/graphs", content=json.dumps(body), headers=JSON)
    refused = assert_refused(response, status, code)
    assert named in json.dumps(refused, ensure_ascii=False)
    assert await gateway.row_counts() == before


@pytest.mark.parametrize("case", [name for name, (_, status, _, _) in REFUSED_GRAPHS.items() if status == 400])
async def test_a_refused_replacement_leaves_the_graph_as_it_was(gateway: Gateway, case: str) -> None:
    body, status, code, _ = REFUSED_GRAPHS[case]
    async with gateway.user() as client:
        saved = (await client.post("/api/graphs", json=echo_graph_body())).json()
        before = await gateway.row_counts()
        assert_refused(await client.put(f"/api/graphs/{saved['id']}", json=body), status, code)
        assert await gateway.row_counts() == before
        assert (await client.get(f"/api/graphs/{saved['id']}")).json() == saved


async def test_a_refused_graph_names_every_node_and_field(gateway: Gateway) -> None:
    body = graph_body([node_body("a", "nope"), node_body("b", "echo")], [link_body("b.out", "b.wrong")])
    async with gateway.user() as client:
        refused = assert_refused(await client.post("/api/graphs", json=body), 400, "GRAPH_VALIDATION_ERROR")
    assert refused["detail"]["type"] == "validation_error"
    assert refused["detail"]["message"].startswith("Graph validation failed: ")
    assert set(refused["detail"]["node_errors"]) == {"a", "b"}
    assert set(refused["detail"]["node_errors"]["a"]) == {"block_id"}
    assert set(refused["detail"]["node_errors"]["b"]) == {"wrong"}


async def test_a_cycle_without_exit_is_allowed(gateway: Gateway) -> None:
    body = graph_body(
        [node_body("a", "echo"), node_body("b", "echo")], [link_body("a.out", "b.value"), link_body("b.out", "a.value")]
    )
    async with gateway.user() as client:
        assert (await client.post("/api/graphs", json=body)).status_code == 200


RAW_BODIES: Mapping[str, tuple[bytes, int, str]] = {
    "not JSON": (b"{", 400, "INVALID_REQUEST"),
    "cut off": (b'{"name": "x', 400, "INVALID_REQUEST"),
    "not UTF-8": (b'{"name": "\xff\xfe\xfd"}', 400, "INVALID_REQUEST"),
    "arrays without end": (b"[" * 100_000, 400, "JSON_TOO_DEEP"),
    "objects without end": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "JSON_TOO_DEEP"),
    "a number of ten thousand digits": (b'{"name": ' + b"9" * 10_000 + b"}", 400, "INVALID_REQUEST"),
    "nothing": (b"", 422, "VALIDATION_ERROR"),
}


@pytest.mark.parametrize("case", RAW_BODIES)
async def test_a_body_that_is_no_json_is_refused(gateway: Gateway, case: str) -> None:
    data, status, code = RAW_BODIES[case]
    before = await gateway.row_counts()
    async with gateway.user() as client:
        assert_refused(await client.post("/api/graphs", content=data, headers=JSON), status, code)
    assert await gateway.row_counts() == before


async def test_a_body_of_another_type_is_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        for types in (
            [],
            [""],
            ["text/plain"],
            ["application/x-www-form-urlencoded"],
            ["multipart/form-data; boundary=x"],
            ["application/jsonp"],
            ["application/json; charset=utf-16"],
            ["text/plain, application/json"],
            ["application/json", "application/json"],
            ["application/json", "text/plain"],
        ):
            headers = [("Content-Type", kind) for kind in types]
            for method, path in (("POST", "/api/graphs"), ("PUT", "/api/graphs/x"), ("POST", "/api/graphs/x/execute")):
                response = await client.request(method, path, content=json.dumps(echo_graph_body()), headers=headers)
                assert_refused(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; Charset=UTF-8", "application/ld+json"])
async def test_json_has_several_names(gateway: Gateway, kind: str) -> None:
    async with gateway.user() as client:
        body = json.dumps(echo_graph_body())
        assert (await client.post("/api/graphs", content=body, headers={"Content-Type": kind})).status_code == 200


async def test_what_cannot_be_stored_gets_a_defined_value(gateway: Gateway) -> None:
    raw = json.dumps(
        graph_body([node_body("n", "echo", value=0)], description="DESCRIPTION"), ensure_ascii=True
    ).replace('"value": 0', r'"value": [NaN, Infinity, -Infinity, "a\u0000b", "\ud800", "\udfff\ud800", {"\u0000": 1}]')
    raw = raw.replace("DESCRIPTION", r"nul \u0000, half \ud83d")
    async with gateway.user() as client:
        saved = (await client.post("/api/graphs", content=raw, headers=JSON)).json()
        read = (await client.get(f"/api/graphs/{saved['id']}")).json()
    assert read["nodes"][0]["input_default"]["value"] == [
        None,
        None,
        None,
        "a\ufffdb",
        "\ufffd",
        "\ufffd\ufffd",
        {"\ufffd": 1},
    ]
    assert read["description"] == "nul \ufffd, half \ufffd"


async def test_a_body_over_the_limit_is_refused_announced_or_not(gateway: Gateway) -> None:
    limit = gateway.settings.gateway.max_request_bytes
    before = await gateway.row_counts()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(limit // 65_536 + 2):
            yield b" " * 65_536

    async with gateway.user() as client:
        announced = await client.post("/api/graphs", content=b" " * (limit + 1), headers=JSON)
        chunked = await client.post("/api/graphs", content=endless(), headers=JSON)
        lying = await client.post("/api/graphs", content=b"{}", headers={**JSON, "Content-Length": "9" * 30})
    for response in (announced, chunked, lying):
        assert_refused(response, 413, "PAYLOAD_TOO_LARGE")
    assert await gateway.row_counts() == before


def run_inputs(depth: int = 0, keys: int = 0) -> dict[str, Any]:
    return {"x": {str(number): 1 for number in range(keys)} if keys else nested(depth)}


REFUSED_RUNS: Mapping[str, tuple[Any, int, str, str]] = {
    "inputs are a list": ({"inputs": []}, 422, "VALIDATION_ERROR", "inputs"),
    "the body is a list": ([], 422, "VALIDATION_ERROR", "body"),
    "an input nested too deep": ({"inputs": run_inputs(depth=11)}, 400, "INVALID_REQUEST", "input 'x'"),
    "an input with too many keys": ({"inputs": run_inputs(keys=1001)}, 400, "INVALID_REQUEST", "input 'x'"),
    "too many inputs": ({"inputs": {str(n): n for n in range(1001)}}, 400, "INVALID_REQUEST", "1001"),
}


@pytest.mark.parametrize("case", REFUSED_RUNS)
async def test_a_run_is_refused(gateway: Gateway, case: str) -> None:
    body, status, code, named = REFUSED_RUNS[case]
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        before = await gateway.row_counts()
        refused = assert_refused(await client.post(f"/api/graphs/{graph_id}/execute", json=body), status, code)
        assert named in json.dumps(refused)
        assert await gateway.row_counts() == before
        assert (await client.get("/api/executions")).json() == []


async def test_a_run_without_a_required_value_names_node_and_pin(gateway: Gateway) -> None:
    async with gateway.user() as client:
        body = graph_body([node_body("spreads", "spread")])
        graph_id = (await client.post("/api/graphs", json=body)).json()["id"]
        before = await gateway.row_counts()
        response = await client.post(
            f"/api/graphs/{graph_id}/execute", json={}, headers={"Idempotency-Key": "never-bound"}
        )
        refused = assert_refused(response, 400, "GRAPH_VALIDATION_ERROR")
        assert refused["detail"]["node_errors"] == {"spreads": {"count": "This field is required"}}
        assert await gateway.row_counts() == before


async def test_a_run_of_nothing_runnable_is_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=graph_body())).json()["id"]
        refused = assert_refused(await client.post(f"/api/graphs/{graph_id}/execute"), 400, "GRAPH_VALIDATION_ERROR")
        assert refused["detail"]["message"].startswith("No starting nodes found for the graph")


@pytest.mark.parametrize("path", ["execute/2", "execute/2147483647", "execute?preset_id=p1"])
async def test_a_version_or_preset_that_is_not_there_is_not_found(gateway: Gateway, path: str) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        refused = assert_refused(await client.post(f"/api/graphs/{graph_id}/{path}", json={}), 404, "NOT_FOUND")
        if "preset" in path:
            assert refused["detail"] == "Preset #p1 not found."


STRANGE_REQUESTS = [
    ("GET", "/api/graphs/" + "x" * 300),
    ("GET", "/api/graphs/x/versions/0"),
    ("GET", "/api/graphs/x/versions/99999999999999999999"),
    ("GET", "/api/graphs/x/versions/one"),
    ("GET", "/api/graphs/x?version=-1"),
    ("POST", "/api/graphs/x/execute/2147483648"),
    ("GET", "/api/graphs?page=0"),
    ("GET", "/api/graphs?page=99999999999999999999"),
    ("GET", "/api/graphs?page_size=251"),
    ("GET", "/api/executions?page=-1"),
    ("GET", "/api/executions/x/events?since=later"),
    ("GET", "/api/executions/x/events?wait_seconds=31"),
    ("GET", "/api/executions/x/events?wait_seconds=nan"),
    ("GET", "/api/executions/x/events?limit=0"),
    ("POST", "/api/graphs/x/execute?preset_id=%00"),
    ("GET", "/api/library/presets?page_size=51"),
    ("GET", "/api/library/presets?graph_id=%00"),
    ("GET", "/api/executions/x/results?node_limit=100000"),
    ("GET", "/api/executions/x/nodes?after=%00"),
]


@pytest.mark.parametrize(("method", "path"), STRANGE_REQUESTS)
async def test_a_parameter_out_of_range_is_refused(gateway: Gateway, method: str, path: str) -> None:
    async with gateway.user() as client:
        assert_refused(await client.request(method, path), 422, "VALIDATION_ERROR")


async def test_a_made_up_cursor_is_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        for after in ("", "x", "1", ":", "9999999999:x", "-1:x"):
            response = await client.get("/api/executions/x/nodes", params={"after": after})
            assert_refused(response, 400, "INVALID_REQUEST")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "caf\u00e9"])
async def test_a_malformed_idempotency_key_is_refused(gateway: Gateway, key: str) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        headers = [("Idempotency-Key", key.encode("latin-1"))]
        response = await client.post(f"/api/graphs/{graph_id}/execute", json={}, headers=headers)
        assert_refused(response, 422, "VALIDATION_ERROR")


async def test_unknown_routes_and_methods_answer_in_the_error_model(gateway: Gateway) -> None:
    async with gateway.user() as client:
        assert_refused(await client.get("/api/nothing"), 404, "NOT_FOUND")
        assert_refused(await client.get("/api/graphs/"), 404, "NOT_FOUND")
        refused = await client.delete("/api/graphs")
        assert_refused(refused, 405, "METHOD_NOT_ALLOWED")
        assert refused.headers["Allow"]
        assert (await client.head("/api/graphs")).status_code == 405


async def test_fields_that_are_not_the_callers_to_set_have_no_effect(gateway: Gateway) -> None:
    async with gateway.user("honest") as client:
        body = echo_graph_body(user_id="victim", version=99, is_active=False, id="chosen", created_at="2000-01-01")
        saved = (await client.post("/api/graphs", json=body)).json()
        assert (saved["user_id"], saved["version"], saved["is_active"]) == ("honest", 1, True)
        assert saved["id"] != "chosen"
        changes = {"role": "admin", "credits": 1_000_000, "id": "victim", "key_id": "0", "name": "Honest"}
        changed = (await client.put("/api/user", json=changes)).json()
        assert (changed["id"], changed["role"], changed["credits"], changed["name"]) == (
            "honest",
            "authenticated",
            100,
            "Honest",
        )


async def test_error_messages_follow_the_preferred_language(gateway: Gateway) -> None:
    async def message(language: str) -> str:
        async with gateway.user() as client:
            response: Response = await client.get("/api/graphs/none", headers={"Accept-Language": language})
        return response.json()["error"]["message"]

    english = "Graph #none not found or access denied."
    assert await message("en-GB,zh;q=0.5") == english
    assert await message("fr") == english
    assert await message(", ;;q=x," * 50) == english
    assert await message("zh-CN,zh;q=0.9,en;q=0.8") == "未找到图 #none，或无权访问。"


async def test_many_bad_requests_at_once_leave_connections_for_good_ones(gateway: Gateway) -> None:
    async with gateway.user() as client:
        bad = [client.post("/api/graphs", json=graph_body([node_body("n", "nope")])) for _ in range(40)]
        assert {response.status_code for response in await asyncio.gather(*bad)} == {400}
        assert (await client.post("/api/graphs", json=echo_graph_body())).status_code == 200
