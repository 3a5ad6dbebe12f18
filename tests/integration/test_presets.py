"""Presets over HTTP: saving, changing and running them; on a real worker."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from models.api_keys import Permission
from tests.gateway import (
    Gateway,
    assert_refused,
    echo_graph_body,
    execute,
    graph_body,
    node_body,
    save,
    until_status,
)

pytestmark = pytest.mark.usefixtures("worker")

PRESETS = "/api/library/presets"
TEXT_INPUT = "7fcd3bcb-8e1b-4e69-903d-32d3d4a92158"
OUTPUT = "363ae599-353e-4804-937e-b2ee3cef3da4"


async def make_preset(client: AsyncClient, graph_id: str, **fields: Any) -> dict[str, Any]:
    body = {"graph_id": graph_id, "graph_version": 1, "name": "Preset", **fields}
    response = await client.post(PRESETS, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def three_inputs_body() -> dict[str, Any]:
    """Inputs `a`, `b`, `c` with the defaults "a0", "b0", "c0", each given out under its own name."""
    nodes, links = [], []
    for name in "abc":
        nodes += [
            node_body(f"in-{name}", TEXT_INPUT, name=name, value=f"{name}0"),
            node_body(f"out-{name}", OUTPUT, name=name),
        ]
        links.append(
            {"source_id": f"in-{name}", "source_name": "result", "sink_id": f"out-{name}", "sink_name": "value"}
        )
    return graph_body(nodes, links)


async def written(gateway: Gateway) -> tuple[int, int]:
    """How many presets and runs there are."""
    counts = await gateway.row_counts()
    return counts["presets"], counts["graph_executions"]


async def outputs_of(client: AsyncClient, started: Any) -> dict[str, Any]:
    assert started.status_code == 200, started.text
    return (await until_status(client, started.json()["id"], "COMPLETED"))["outputs"]


async def test_a_preset_is_saved_read_changed_and_deleted(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        credentials = {"key": {"id": "c1", "provider": "p", "type": "api_key"}}
        made = await make_preset(
            client, graph_id, name=" Mine ", description="d", inputs={"x": [1, None]}, credentials=credentials
        )
        assert (made["graph_id"], made["graph_version"], made["name"], made["description"]) == (
            graph_id,
            1,
            "Mine",
            "d",
        )
        assert (made["inputs"], made["credentials"], made["is_active"]) == ({"x": [1, None]}, credentials, True)
        assert (made["webhook_id"], made["webhook"]) == (None, None)
        url = f"{PRESETS}/{made['id']}"
        assert (await client.get(url)).json() == made

        changed = (await client.patch(url, json={"name": "Other", "is_active": False, "description": None})).json()
        assert (changed["name"], changed["is_active"], changed["description"]) == ("Other", False, "d")
        assert (changed["inputs"], changed["credentials"]) == (made["inputs"], credentials)
        assert changed["updated_at"] > made["updated_at"]
        replaced = (await client.patch(url, json={"inputs": {"y": 2}, "credentials": {}, "description": ""})).json()
        assert (replaced["inputs"], replaced["credentials"], replaced["description"]) == ({"y": 2}, {}, "")
        assert (await client.patch(url, json={})).json() == replaced == (await client.get(url)).json()

        deleted = await client.delete(url)
        assert (deleted.status_code, deleted.content) == (204, b"")
        for refused in (
            await client.get(url),
            await client.delete(url),
            await client.patch(url, json={"name": "x"}),
            await client.patch(url, json={}),
            await client.post(f"{url}/execute"),
            await client.post(f"/api/graphs/{graph_id}/execute", params={"preset_id": made["id"]}),
        ):
            assert assert_refused(refused, 404, "NOT_FOUND")["detail"] == f"Preset #{made['id']} not found."
        assert (await client.get(PRESETS)).json()["presets"] == []


async def test_presets_are_listed_by_page_and_graph_the_latest_change_first(gateway: Gateway) -> None:
    async with gateway.user() as client:
        first, second = [await save(client, echo_graph_body()) for _ in range(2)]
        ids = [
            (await make_preset(client, graph_id, name=str(n)))["id"] for n in range(6) for graph_id in (first, second)
        ]
        page = (await client.get(PRESETS)).json()
        assert [preset["id"] for preset in page["presets"]] == ids[:1:-1]
        assert page["pagination"] == {"total_items": 12, "total_pages": 2, "current_page": 1, "page_size": 10}
        await client.patch(f"{PRESETS}/{ids[0]}", json={"name": "now"})
        params = {"graph_id": first, "page": 2, "page_size": 4}
        page = (await client.get(PRESETS, params={**params, "page": 1})).json()
        assert [preset["name"] for preset in page["presets"]] == ["now", "5", "4", "3"]
        page = (await client.get(PRESETS, params=params)).json()
        assert [preset["name"] for preset in page["presets"]] == ["2", "1"]
        assert {preset["graph_id"] for preset in page["presets"]} == {first}
        assert (await client.get(PRESETS, params={"graph_id": "none"})).json()["pagination"]["total_items"] == 0


async def test_an_input_is_the_requests_else_the_presets_else_the_default(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, three_inputs_body())
        preset = await make_preset(client, graph_id, inputs={"a": "a1", "b": "b1", "unknown": 1})
        expected = {"a": ["a2"], "b": ["b1"], "c": ["c0"]}
        body = {"inputs": {"a": "a2"}}
        by_preset = await client.post(f"{PRESETS}/{preset['id']}/execute", json=body)
        assert await outputs_of(client, by_preset) == expected
        for path in ("execute", "execute/1"):
            url = f"/api/graphs/{graph_id}/{path}"
            started = await client.post(url, json=body, params={"preset_id": preset["id"]})
            assert await outputs_of(client, started) == expected
            meta = started.json()
            assert (meta["preset_id"], meta["inputs"], meta["status"]) == (
                preset["id"],
                {"a": "a2", "b": "b1"},
                "QUEUED",
            )
        for run in (await client.get("/api/executions")).json():
            assert (run["preset_id"], run["inputs"]) == (preset["id"], {"a": "a2", "b": "b1"})
        without_body = await client.post(f"{PRESETS}/{preset['id']}/execute")
        assert await outputs_of(client, without_body) == {"a": ["a1"], "b": ["b1"], "c": ["c0"]}


async def test_an_input_of_null_in_the_request_takes_the_presets_away(gateway: Gateway) -> None:
    async with gateway.user() as client:
        preset = await make_preset(client, await save(client, echo_graph_body()), inputs={"x": 1})
        started = await client.post(f"{PRESETS}/{preset['id']}/execute", json={"inputs": {"x": None}})
        assert started.json()["inputs"] == {"x": None}
        assert await outputs_of(client, started) == {}


async def test_a_preset_runs_its_version_and_execute_the_one_it_names(gateway: Gateway) -> None:
    def body(name: str) -> dict[str, Any]:
        nodes = [node_body("in", TEXT_INPUT, name="x"), node_body("out", OUTPUT, name=name)]
        link = {"source_id": "in", "source_name": "result", "sink_id": "out", "sink_name": "value"}
        return graph_body(nodes, [link])

    async with gateway.user() as client:
        graph_id = await save(client, body("one"))
        preset = await make_preset(client, graph_id, inputs={"x": "saved"})
        await client.put(f"/api/graphs/{graph_id}", json=body("two"))
        by_preset = await client.post(f"{PRESETS}/{preset['id']}/execute")
        assert await outputs_of(client, by_preset) == {"one": ["saved"]}
        for path, name in (("execute", "two"), ("execute/1", "one"), ("execute/2", "two")):
            started = await client.post(f"/api/graphs/{graph_id}/{path}", params={"preset_id": preset["id"]})
            assert await outputs_of(client, started) == {name: ["saved"]}


async def test_a_preset_of_a_run_takes_graph_version_and_inputs(gateway: Gateway) -> None:
    text = "ä" * 40_000
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        run = await execute(client, graph_id, x=text)
        await client.put(f"/api/graphs/{graph_id}", json=echo_graph_body())
        body = {"graph_execution_id": run, "name": "As then", "description": "d", "is_active": True}
        preset = (await client.post(PRESETS, json=body)).json()
        assert (preset["graph_id"], preset["graph_version"], preset["name"]) == (graph_id, 1, "As then")
        assert (preset["inputs"], preset["credentials"]) == ({"x": text}, {})
        again = await client.post(f"{PRESETS}/{preset['id']}/execute")
        assert await outputs_of(client, again) == {"y": [text]}

        large = await execute(client, graph_id, x="x" * 600_000)
        refused = await client.post(PRESETS, json={**body, "graph_execution_id": large})
        assert_refused(refused, 413, "PAYLOAD_TOO_LARGE")
        await client.delete(f"/api/graphs/{graph_id}")
        assert_refused(await client.post(PRESETS, json=body), 404, "NOT_FOUND")


async def test_an_inactive_preset_is_not_run(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        preset = await make_preset(client, graph_id, is_active=False)
        before = await written(gateway)
        for response in (
            await client.post(f"{PRESETS}/{preset['id']}/execute"),
            await client.post(f"/api/graphs/{graph_id}/execute", params={"preset_id": preset["id"]}),
        ):
            assert "is not active" in assert_refused(response, 409, "CONFLICT")["detail"]
        assert await written(gateway) == before
        await client.patch(f"{PRESETS}/{preset['id']}", json={"is_active": True})
        assert await outputs_of(client, await client.post(f"{PRESETS}/{preset['id']}/execute")) == {}


async def test_a_preset_for_another_graph_is_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        first, second = [await save(client, echo_graph_body()) for _ in range(2)]
        preset = await make_preset(client, first)
        refused = await client.post(f"/api/graphs/{second}/execute/1", params={"preset_id": preset["id"]})
        detail = assert_refused(refused, 400, "INVALID_REQUEST")["detail"]
        assert first in detail
        assert second in detail


async def test_a_preset_of_a_deleted_graph_can_be_read_but_not_run(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        preset = await make_preset(client, graph_id)
        await client.delete(f"/api/graphs/{graph_id}")
        assert (await client.get(f"{PRESETS}/{preset['id']}")).status_code == 200
        refused = await client.post(f"{PRESETS}/{preset['id']}/execute")
        assert graph_id in assert_refused(refused, 404, "NOT_FOUND")["detail"]


async def test_what_belongs_to_others_is_neither_saved_nor_used(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.user() as stranger:
        theirs, mine = await save(owner, echo_graph_body()), await save(stranger, echo_graph_body())
        run = await execute(owner, theirs, x="private")
        await until_status(owner, run, "COMPLETED")
        preset = await make_preset(owner, theirs, inputs={"x": "private"})
        before = await written(gateway)
        of_graph = {"graph_id": theirs, "graph_version": 1, "name": "x"}
        of_version = {"graph_id": mine, "graph_version": 2, "name": "x"}
        of_run = {"graph_execution_id": run, "name": "x"}
        for body in (of_graph, of_version, of_run):
            assert_refused(await stranger.post(PRESETS, json=body), 404, "NOT_FOUND")
        for path in ("execute", "execute/1"):
            response = await stranger.post(f"/api/graphs/{mine}/{path}", params={"preset_id": preset["id"]})
            assert assert_refused(response, 404, "NOT_FOUND")["detail"] == f"Preset #{preset['id']} not found."
        assert await written(gateway) == before


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": ""}, 422),
        ({"name": " "}, 422),
        ({"name": "n" * 101}, 422),
        ({"name": None}, 422),
        ({"description": "d" * 1_001}, 422),
        ({"graph_version": 0}, 422),
        ({"graph_version": 2**31}, 422),
        ({"inputs": [1]}, 422),
        ({"inputs": {"x": [[[[[[[[[[[1]]]]]]]]]]]}}, 400),
        ({"inputs": {str(n): n for n in range(1_001)}}, 400),
        ({"credentials": {"c": {str(n): n for n in range(1_001)}}}, 400),
        ({"inputs": {"x": "x" * 530_000}}, 413),
        ({"credentials": {"x": "x" * 530_000}}, 413),
    ],
)
async def test_values_beyond_a_limit_are_refused(gateway: Gateway, changes: dict[str, Any], status: int) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        body = {"graph_id": graph_id, "graph_version": 1, "name": "Preset", **changes}
        before = await written(gateway)
        assert (await client.post(PRESETS, json=body)).status_code == status
        assert await written(gateway) == before
        if "graph_version" not in changes and "name" not in changes:
            preset = await make_preset(client, graph_id)
            assert (await client.patch(f"{PRESETS}/{preset['id']}", json=changes)).status_code == status


async def test_names_of_request_and_preset_together_keep_the_limit(gateway: Gateway) -> None:
    async with gateway.user() as client:
        preset = await make_preset(
            client, await save(client, echo_graph_body()), inputs={f"p{n}": n for n in range(600)}
        )
        body = {"inputs": {f"r{n}": n for n in range(600)}}
        assert_refused(await client.post(f"{PRESETS}/{preset['id']}/execute", json=body), 400, "INVALID_REQUEST")


async def test_an_idempotency_key_stands_for_the_preset_too(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        preset, other = [await make_preset(client, graph_id, inputs={"x": n}) for n in range(2)]
        key = {"Idempotency-Key": f"key-{uuid4()}"}
        url = f"{PRESETS}/{preset['id']}/execute"
        first = (await client.post(url, headers=key)).json()
        await until_status(client, first["id"], "COMPLETED")
        await client.patch(f"{PRESETS}/{preset['id']}", json={"inputs": {"x": 9}, "is_active": False})
        again = (await client.post(url, headers=key)).json()
        assert (again["id"], again["inputs"], again["preset_id"]) == (first["id"], {"x": 0}, preset["id"])
        execute_url = f"/api/graphs/{graph_id}/execute/1"
        same = await client.post(execute_url, headers=key, params={"preset_id": preset["id"]})
        assert same.json()["id"] == first["id"]
        for params in ({"preset_id": other["id"]}, {}):
            refused = await client.post(execute_url, headers=key, params=params)
            assert_refused(refused, 422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        (Permission.READ_GRAPH, {"list", "get"}),
        (Permission.WRITE_GRAPH, {"create", "change", "delete"}),
        (Permission.EXECUTE_GRAPH, {"execute"}),
    ],
)
async def test_an_api_key_needs_the_permission_for_graphs(
    gateway: Gateway, permission: Permission, allowed: set[str]
) -> None:
    user_id = f"user-{uuid4()}"
    async with gateway.user(user_id) as client:
        graph_id = await save(client, echo_graph_body())
        preset = await make_preset(client, graph_id)
    url = f"{PRESETS}/{preset['id']}"
    async with gateway.anonymous(**{"X-API-Key": await gateway.api_key(user_id, permission)}) as keyed:
        answers = {
            "list": await keyed.get(PRESETS),
            "get": await keyed.get(url),
            "create": await keyed.post(PRESETS, json={"graph_id": graph_id, "graph_version": 1, "name": "x"}),
            "change": await keyed.patch(url, json={"name": "y"}),
            "execute": await keyed.post(f"{url}/execute"),
            "delete": await keyed.delete(url),
        }
    if "execute" in allowed:
        async with gateway.user(user_id) as client:
            await until_status(client, answers["execute"].json()["id"], "COMPLETED")
    assert {name for name, answer in answers.items() if answer.status_code < 300} == allowed
    assert {answer.status_code for name, answer in answers.items() if name not in allowed} == {403}
