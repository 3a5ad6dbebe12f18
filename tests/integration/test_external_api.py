"""The external API: programs with a key build, run and read."""

import dataclasses
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx2 import AsyncClient

from infra.feature_flags import ConfiguredFlags, flags_of
from models.api_keys import ApiKeyStatus, Permission
from models.ids import new_id
from services.gateway.app import create_app
from tests.gateway import Gateway, assert_refused, echo_graph_body, graph_body, node_body, save, until_status

V1 = "/external-api/v1"
ROUTES: tuple[tuple[str, str, tuple[Permission, ...]], ...] = (
    ("get", "/me", (Permission.IDENTITY,)),
    ("get", "/blocks", (Permission.READ_BLOCK,)),
    ("post", "/blocks/echo/execute", (Permission.EXECUTE_BLOCK,)),
    ("post", "/graphs", (Permission.WRITE_GRAPH, Permission.WRITE_LIBRARY)),
    ("post", "/graphs/none/execute/1", (Permission.EXECUTE_GRAPH,)),
    ("get", "/graphs/none/executions/none/results", (Permission.READ_GRAPH,)),
)


@asynccontextmanager
async def holder(gateway: Gateway, *permissions: Permission, user_id: str | None = None) -> AsyncGenerator[AsyncClient]:
    """A client with a key of somebody new, by default with every permission."""
    owner = user_id or f"user-{new_id()}"
    async with gateway.user(owner) as client:
        await client.get("/me")
    raw = await gateway.api_key(owner, *(permissions or tuple(Permission)))
    async with gateway.anonymous(**{"X-API-Key": raw}) as client:
        yield client


async def test_a_program_builds_runs_and_reads(gateway: Gateway, worker: None) -> None:
    async with holder(gateway, user_id="program-owner") as client:
        me = (await client.get(f"{V1}/me")).json()
        assert me.keys() == {"id", "name", "email", "timezone"}
        assert me["id"] == "program-owner"
        made = await client.post(f"{V1}/graphs", json=echo_graph_body())
        assert made.status_code == 201
        graph = made.json()
        run = await client.post(f"{V1}/graphs/{graph['id']}/execute/1", json={"node_input": {"x": [1, "a"]}})
        assert run.status_code == 200
        assert run.json().keys() == {"id"}
        await until_status(client, run.json()["id"], "COMPLETED")
        results = (await client.get(f"{V1}/graphs/{graph['id']}/executions/{run.json()['id']}/results")).json()
        assert (results["execution_id"], results["status"]) == (run.json()["id"], "COMPLETED")
        assert results["output"] == [{"y": [1, "a"]}]
        echo = next(node for node in results["nodes"] if node["node_id"] == "echo")
        assert echo == {"node_id": "echo", "input": [1, "a"], "output": {"out": [[1, "a"]]}}
        audited = (await client.get("/api/audit", params={"object": f"graph:{graph['id']}"})).json()["entries"]
        assert [(entry["action"], entry["actor_kind"]) for entry in audited] == [("graph.created", "api_key")]


async def test_outputs_are_null_until_a_run_is_completed(gateway: Gateway, worker: None) -> None:
    async with holder(gateway) as client:
        graph_id = await save(client, graph_body([node_body("n", "sleep", seconds=60)]))
        run = (await client.post(f"{V1}/graphs/{graph_id}/execute/1")).json()["id"]
        await until_status(client, run, "RUNNING")
        results = (await client.get(f"{V1}/graphs/{graph_id}/executions/{run}/results")).json()
        assert (results["status"], results["output"]) == ("RUNNING", None)
        await client.post(f"/api/graphs/{graph_id}/executions/{run}/cancel")


async def test_blocks_are_those_of_the_console(gateway: Gateway) -> None:
    async with holder(gateway) as client:
        blocks = (await client.get(f"{V1}/blocks")).json()
        assert blocks == (await client.get("/api/blocks")).json()
        assert {"id", "name", "inputSchema", "outputSchema", "costs"} <= blocks[0].keys()
        executed = await client.post(f"{V1}/blocks/echo/execute", json={"value": 7})
        assert executed.json() == {"out": [7]}
        assert_refused(await client.post(f"{V1}/blocks/none/execute", json={}), 404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
async def test_each_route_needs_its_permissions(
    gateway: Gateway, method: str, path: str, needed: tuple[Permission, ...]
) -> None:
    others = tuple(permission for permission in Permission if permission not in needed)
    body: dict[str, Any] = {"json": {}} if method == "post" else {}
    async with holder(gateway, *others) as client:
        refused = assert_refused(await client.request(method, V1 + path, **body), 403, "FORBIDDEN")
        assert refused["detail"] == f"Missing required permission(s): {', '.join(needed)}"
    async with holder(gateway, *needed) as client:
        assert (await client.request(method, V1 + path, **body)).status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
async def test_only_keys_open_it(gateway: Gateway, method: str, path: str, needed: tuple[Permission, ...]) -> None:
    body: dict[str, Any] = {"json": {}} if method == "post" else {}
    async with gateway.anonymous() as client:
        refused = assert_refused(await client.request(method, V1 + path, **body), 401, "UNAUTHENTICATED")
        assert refused["detail"] == "Missing API key"
    for wrong in ("nonsense", "agpt_" + "x" * 43):
        async with gateway.anonymous(**{"X-API-Key": wrong}) as client:
            refused = assert_refused(await client.request(method, V1 + path, **body), 401, "UNAUTHENTICATED")
            assert refused["detail"] == "Invalid API key"
    async with gateway.user() as person:
        refused = assert_refused(await person.request(method, V1 + path, **body), 401, "UNAUTHENTICATED")
        assert refused["detail"] == "Missing API key"


async def test_suspended_and_revoked_keys_do_not(gateway: Gateway) -> None:
    async with gateway.user("suspended-owner") as client:
        await client.get("/me")
    for status in (ApiKeyStatus.SUSPENDED, ApiKeyStatus.REVOKED):
        raw = await gateway.api_key("suspended-owner", *Permission, status=status)
        async with gateway.anonymous(**{"X-API-Key": raw}) as client:
            assert_refused(await client.get(f"{V1}/me"), 401, "UNAUTHENTICATED")


async def test_whatever_speaks_against_a_run_is_answered_with_400(gateway: Gateway) -> None:
    async with holder(gateway) as client:
        graph_id = await save(client, echo_graph_body())
        for path, body, text in (
            ("none/execute/1", {}, "Graph #none v1 not found or access denied."),
            (f"{graph_id}/execute/99", {}, f"Graph #{graph_id} v99 not found or access denied."),
            (f"{graph_id}/execute/1", {"node_input": {str(n): n for n in range(1_001)}}, "Invalid input structure"),
        ):
            refused = assert_refused(await client.post(f"{V1}/graphs/{path}", json=body), 400, "INVALID_REQUEST")
            assert refused["detail"].startswith(text)


async def test_nothing_of_others_is_visible(gateway: Gateway, worker: None) -> None:
    async with holder(gateway) as owner, holder(gateway) as stranger:
        graph_id = await save(owner, echo_graph_body())
        run = (await owner.post(f"{V1}/graphs/{graph_id}/execute/1", json={"node_input": {"x": "private"}})).json()[
            "id"
        ]
        await until_status(owner, run, "COMPLETED")
        own_graph = await save(stranger, echo_graph_body())
        for graph in (graph_id, own_graph):
            refused = await stranger.get(f"{V1}/graphs/{graph}/executions/{run}/results")
            assert_refused(refused, 404, "NOT_FOUND")
        refused = await owner.get(f"{V1}/graphs/{own_graph}/executions/{run}/results")
        assert_refused(refused, 404, "NOT_FOUND")
        foreign = assert_refused(await stranger.post(f"{V1}/graphs/{graph_id}/execute/1"), 400, "INVALID_REQUEST")
        missing = assert_refused(await stranger.post(f"{V1}/graphs/none/execute/1"), 400, "INVALID_REQUEST")
        assert foreign["detail"].replace(graph_id, "none") == missing["detail"]


async def test_it_has_a_document_of_its_own(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        document = (await client.get("/external-api/openapi.json")).json()
        main = (await client.get("/openapi.json")).json()
    assert not any(path.startswith("/external-api") for path in main["paths"])
    documented = {
        (method, path.removeprefix(V1)): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert len(documented) == len(ROUTES)
    for (_, path), operation in documented.items():
        assert operation["security"] == [{"APIKeyHeader": []}], path
        assert operation["responses"]["401"]
        assert operation["x-required-permissions"]
    assert documented["post", "/graphs"]["x-required-permissions"] == ["WRITE_GRAPH", "WRITE_LIBRARY"]


async def test_an_installation_can_switch_it_off(gateway: Gateway) -> None:
    flags = flags_of(ConfiguredFlags("external-api=false"))
    closed = dataclasses.replace(gateway, app=create_app(dataclasses.replace(gateway.container, flags=flags)))
    async with holder(closed) as client:
        assert assert_refused(await client.get(f"{V1}/me"), 404, "NOT_FOUND")["detail"] == "Not Found"
        assert (await client.get("/me")).status_code == 200
