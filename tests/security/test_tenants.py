"""Nothing of another user is ever visible: every route of the OpenAPI documents, every id in its path."""

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
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

TENANT_IDS = ("graph_id", "graph_exec_id", "api_key_id", "preset_id")
MISSING = ("not found or access denied.", "not found.")
DOCUMENTS = ("/openapi.json", "/external-api/openapi.json")
NOT_OF_TENANTS = {
    # Of routes for administrators, who see everybody.
    "user_id",
    "key",
    # Whoever has the token may use it.
    "token",
    # Of one's own logins: tested with browser sessions.
    "session_id",
}
ANSWERED_WITH_400 = "/external-api/v1/graphs/{graph_id}/execute/{version}"
OTHER_IDS = {
    "version": "1",
    "from_version": "1",
    "to_version": "1",
    "block_id": "echo",
    "node_exec_id": "some-node-execution",
    "name": "paid",
}


@dataclass
class Tenant:
    client: AsyncClient
    program: AsyncClient
    """The same user, with an API key that may do everything."""

    ids: dict[str, str]
    """A graph of the tenant, a run of it, an API key and a preset, by the name of the path parameter."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tenants(gateway: Gateway, worker: None) -> AsyncIterator[tuple[Tenant, Tenant]]:
    """The one who looks, and the one who must not be seen."""
    async with AsyncExitStack() as stack:

        async def settle() -> Tenant:
            client = await stack.enter_async_context(gateway.user())
            raw = await gateway.api_key((await client.get("/me")).json()["user_id"], *Permission)
            return await _settle(client, await stack.enter_async_context(gateway.anonymous(**{"X-API-Key": raw})))

        yield await settle(), await settle()


async def _settle(client: AsyncClient, program: AsyncClient) -> Tenant:
    graph_id = await save(client, echo_graph_body())
    graph_exec_id = await execute(client, graph_id, x="private")
    await until_status(client, graph_exec_id, "COMPLETED")
    made = (await client.post("/api/api-keys", json={"name": "Key"})).json()
    preset = {"graph_id": graph_id, "graph_version": 1, "name": "Preset", "inputs": {"x": "private"}}
    preset_id = (await client.post("/api/library/presets", json=preset)).json()["id"]
    ids = {"graph_id": graph_id, "graph_exec_id": graph_exec_id, "preset_id": preset_id}
    return Tenant(client, program, {**ids, "api_key_id": made["api_key"]["id"]})


async def _operations(client: AsyncClient) -> list[tuple[str, str]]:
    documents = [(await client.get(path)).json() for path in DOCUMENTS]
    return [
        (method, path)
        for document in documents
        for path, operations in document["paths"].items()
        for method in operations
    ]


def _body(method: str, path: str) -> Any:
    if path.endswith("/versions/active"):
        return {"active_graph_version": 1}
    if path.endswith("/permissions"):
        return {"permissions": ["READ_GRAPH"]}
    if path.endswith("/output"):
        return {"outputs": {"out": [1]}}
    if path.endswith("/deadline"):
        return {"timeout_seconds": 60}
    return echo_graph_body() if method == "put" else {}


async def _snapshot(tenant: Tenant) -> list[Any]:
    graph, run = tenant.ids["graph_id"], tenant.ids["graph_exec_id"]
    paths = (
        "/api/graphs",
        f"/api/graphs/{graph}/versions",
        f"/api/graphs/{graph}/settings",
        "/api/executions",
        f"/api/executions/{run}/controls",
        "/api/review/pending",
        f"/api/executions/{run}/results",
        "/api/api-keys",
        "/api/library/presets",
    )
    return [(await tenant.client.get(path)).json() for path in paths]


async def test_foreign_ids_are_not_found_on_every_route(tenants: tuple[Tenant, Tenant]) -> None:
    stranger, owner = tenants
    before = await _snapshot(owner)
    tried = 0
    for method, path in await _operations(stranger.client):
        names = [name for name in TENANT_IDS if f"{{{name}}}" in path]
        for owners in itertools.product((stranger, owner), repeat=len(names)):
            if not names or all(tenant is stranger for tenant in owners):
                continue
            ids = OTHER_IDS | {name: tenant.ids[name] for name, tenant in zip(names, owners, strict=True)}
            url = path.format(**ids)
            sent = {"json": _body(method, path)} if method in ("post", "put", "patch") else {}
            client = stranger.program if path.startswith("/external-api/") else stranger.client
            expected = (400, "INVALID_REQUEST") if path == ANSWERED_WITH_400 else (404, "NOT_FOUND")
            refused = assert_refused(await client.request(method, url, **sent), *expected)
            assert refused["detail"].endswith(MISSING), (method, path)
            tried += 1
    assert tried >= 20
    assert await _snapshot(owner) == before


async def test_it_is_known_whose_the_ids_in_paths_are(tenants: tuple[Tenant, Tenant]) -> None:
    operations = await _operations(tenants[0].client)
    named = {name for _, path in operations for name in re.findall(r"{(\w+)}", path)}
    assert named <= {*TENANT_IDS, *OTHER_IDS, *NOT_OF_TENANTS}


async def test_a_foreign_id_is_answered_like_one_that_does_not_exist(tenants: tuple[Tenant, Tenant]) -> None:
    stranger, owner = tenants
    for name, path in (
        ("graph_id", "/api/graphs/{}"),
        ("graph_exec_id", "/api/executions/{}"),
        ("api_key_id", "/api/api-keys/{}"),
        ("preset_id", "/api/library/presets/{}"),
    ):
        foreign = (await stranger.client.get(path.format(owner.ids[name]))).json()
        missing = (await stranger.client.get(path.format("no-such-id"))).json()
        assert foreign["detail"].replace(owner.ids[name], "no-such-id") == missing["detail"]
        assert foreign["error"]["error_code"] == missing["error"]["error_code"]


async def test_lists_hold_only_ones_own(tenants: tuple[Tenant, Tenant]) -> None:
    for tenant in tenants:
        graphs = (await tenant.client.get("/api/graphs")).json()
        assert [graph["id"] for graph in graphs] == [tenant.ids["graph_id"]]
        runs = (await tenant.client.get("/api/executions")).json()
        assert [run["id"] for run in runs] == [tenant.ids["graph_exec_id"]]
        keys = (await tenant.client.get("/api/api-keys")).json()
        assert {key["user_id"] for key in keys} == {(await tenant.client.get("/me")).json()["user_id"]}
        assert keys[0]["id"] == tenant.ids["api_key_id"]
        audited = (await tenant.client.get("/api/audit", params={"page_size": 100})).json()["entries"]
        assert {entry["owner_id"] for entry in audited} == {keys[0]["user_id"]}
        presets = (await tenant.client.get("/api/library/presets")).json()["presets"]
        assert [preset["id"] for preset in presets] == [tenant.ids["preset_id"]]
        theirs = {"graph_id": next(other.ids["graph_id"] for other in tenants if other is not tenant)}
        assert (await tenant.client.get("/api/library/presets", params=theirs)).json()["presets"] == []


async def test_a_foreign_graph_id_in_a_body_makes_a_graph_of_ones_own(tenants: tuple[Tenant, Tenant]) -> None:
    stranger, owner = tenants
    before = await _snapshot(owner)
    body = graph_body([node_body("n", "echo")], id=owner.ids["graph_id"], version=2)
    saved = (await stranger.client.post("/api/graphs", json=body)).json()
    assert saved["id"] != owner.ids["graph_id"]
    assert await _snapshot(owner) == before
    await stranger.client.delete(f"/api/graphs/{saved['id']}")


async def test_a_foreign_preset_in_a_query_is_not_found(tenants: tuple[Tenant, Tenant]) -> None:
    stranger, owner = tenants
    for path in ("execute", "execute/1"):
        url = f"/api/graphs/{stranger.ids['graph_id']}/{path}"
        for preset_id in (owner.ids["preset_id"], "no-such-id"):
            refused = await stranger.client.post(url, params={"preset_id": preset_id})
            assert assert_refused(refused, 404, "NOT_FOUND")["detail"] == f"Preset #{preset_id} not found."
