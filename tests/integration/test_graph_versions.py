"""Versions over HTTP: which one counts, which one runs, what differs, and checking a graph without saving it."""

from typing import Any

from httpx2 import AsyncClient

from tests.gateway import (
    Gateway,
    assert_refused,
    echo_graph_body,
    execute,
    graph_body,
    link_body,
    node_body,
    save,
    until_status,
)


def constant_graph_body(value: Any) -> dict[str, Any]:
    """A graph whose result tells which version has run."""
    return graph_body([node_body("echo", "echo", value=value)], name=f"Version {value}")


async def result_of(client: AsyncClient, graph_exec_id: str) -> Any:
    run = await until_status(client, graph_exec_id, "COMPLETED")
    return run["graph_version"], run["outputs"]["echo"]["out"]


async def three_versions(client: AsyncClient) -> str:
    graph_id = await save(client, constant_graph_body(1))
    for value in (2, 3):
        await client.put(f"/api/graphs/{graph_id}", json=constant_graph_body(value))
    return graph_id


async def test_the_active_version_runs_unless_another_is_named(gateway: Gateway, worker: None) -> None:
    async with gateway.user() as client:
        graph_id = await three_versions(client)
        url = f"/api/graphs/{graph_id}"
        assert (await client.put(f"{url}/versions/active", json={"active_graph_version": 2})).status_code == 200
        versions = (await client.get(f"{url}/versions")).json()
        assert [(graph["version"], graph["is_active"]) for graph in versions] == [(3, False), (2, True), (1, False)]
        assert await result_of(client, await execute(client, graph_id)) == (2, [2])
        for version in (1, 2, 3):
            run = (await client.post(f"{url}/execute/{version}", json={})).json()
            assert await result_of(client, run["id"]) == (version, [version])
        assert [(graph["version"], graph["is_active"]) for graph in (await client.get(f"{url}/versions")).json()] == [
            (3, False),
            (2, True),
            (1, False),
        ]


async def test_an_unknown_version_is_named(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await three_versions(client)
        url = f"/api/graphs/{graph_id}"
        for response in (
            await client.get(f"{url}/versions/7"),
            await client.get(url, params={"version": 7}),
            await client.put(f"{url}/versions/active", json={"active_graph_version": 7}),
            await client.post(f"{url}/execute/7", json={}),
            await client.get(f"{url}/versions/7/diff/1"),
            await client.get(f"{url}/versions/1/diff/7"),
        ):
            refused = assert_refused(response, 404, "NOT_FOUND")
            assert refused["detail"] == f"Graph #{graph_id} v7 not found or access denied."
        assert_refused(await client.get(f"{url}/versions/0/diff/1"), 422, "VALIDATION_ERROR")


async def test_the_difference_of_two_versions(gateway: Gateway) -> None:
    before = echo_graph_body(description="First")
    before["nodes"][1]["metadata"] = {"position": {"x": 1, "y": 1}}
    after = echo_graph_body(name="Renamed", description="First")
    after["nodes"][1]["metadata"] = {"position": {"x": 5, "y": 1}}
    after["nodes"][1]["input_default"] = {"value": "b"}
    after["nodes"].append(node_body("more", "echo"))
    after["links"][1] = link_body("more.out", "out.value")
    async with gateway.user() as client:
        graph_id = await save(client, before)
        await client.put(f"/api/graphs/{graph_id}", json=after)
        diff = (await client.get(f"/api/graphs/{graph_id}/versions/1/diff/2")).json()
        assert (diff["graph_id"], diff["from_version"], diff["to_version"]) == (graph_id, 1, 2)
        assert [node["id"] for node in diff["nodes"]["added"]] == ["more"]
        assert diff["nodes"]["removed"] == []
        assert diff["nodes"]["changed"] == [{"id": "echo", "changes": {"input_default.value": {"to": "b"}}}]
        assert diff["nodes"]["moved"] == [{"id": "echo", "from": {"x": 1, "y": 1}, "to": {"x": 5, "y": 1}}]
        assert [(link["source_id"], link["sink_id"]) for link in diff["links"]["added"]] == [("more", "out")]
        assert [(link["source_id"], link["sink_id"]) for link in diff["links"]["removed"]] == [("echo", "out")]
        assert diff["fields"] == {"name": {"from": "Test graph", "to": "Renamed"}}
        back = (await client.get(f"/api/graphs/{graph_id}/versions/2/diff/1")).json()
        assert back["nodes"]["changed"] == [{"id": "echo", "changes": {"input_default.value": {"from": "b"}}}]
        same = (await client.get(f"/api/graphs/{graph_id}/versions/2/diff/2")).json()
        for part in ("nodes", "links"):
            assert not any(same[part].values())


async def validate(client: AsyncClient, body: Any) -> dict[str, Any]:
    response = await client.post("/api/graphs/validate", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_good_graph_is_valid_and_nothing_is_stored(gateway: Gateway) -> None:
    async with gateway.user() as client:
        await client.get("/api/user")
        before = await gateway.row_counts()
        for body in (echo_graph_body(), {"graph": echo_graph_body()}, {"graph_data": echo_graph_body()}):
            answer = await validate(client, body)
            assert (answer["valid"], answer["node_errors"], answer["warnings"]) == (True, {}, [])
            assert (answer["run"]["ready"], answer["run"]["node_errors"]) == (True, {})
        assert await gateway.row_counts() == before


async def test_what_saving_would_refuse_is_invalid_for_the_same_reason(gateway: Gateway) -> None:
    broken = graph_body(
        [node_body("a", "no_such_block"), node_body("b", "echo")], [{**link_body("b.nope", "c.value"), "id": "l"}]
    )
    async with gateway.user() as client:
        for body in (
            broken,
            echo_graph_body(name=" "),
            echo_graph_body(name="x" * 101),
            echo_graph_body(description="x" * 1001),
        ):
            answer = await validate(client, body)
            refused = (await client.post("/api/graphs", json=body)).json()
            detail = refused["detail"] if isinstance(refused["detail"], dict) else {"message": refused["detail"]}
            assert (answer["valid"], answer["message"]) == (False, detail["message"])
            assert answer["node_errors"] == detail.get("node_errors", {})
            assert answer["run"]["ready"] is False


async def test_readiness_is_told_apart_from_validity(gateway: Gateway) -> None:
    async with gateway.user() as client:
        answer = await validate(client, graph_body([node_body("s", "spread")]))
        assert answer["valid"]
        assert answer["run"]["ready"] is False
        assert answer["run"]["node_errors"] == {"s": {"count": "This field is required"}}
        empty = await validate(client, graph_body())
        assert (empty["valid"], empty["run"]["ready"]) == (True, False)
        assert "No starting nodes" in empty["run"]["message"]


async def test_nodes_that_can_never_run_are_a_warning(gateway: Gateway) -> None:
    nodes = [node_body(name, "echo") for name in "abc"]
    links = [link_body("b.out", "c.value"), link_body("c.out", "b.value")]
    async with gateway.user() as client:
        answer = await validate(client, graph_body(nodes, links))
        assert (answer["valid"], answer["run"]["ready"]) == (True, True)
        assert [warning["node_id"] for warning in answer["warnings"]] == ["b", "c"]
        assert "'value'" in answer["warnings"][0]["message"]


async def test_limits_of_bodies_are_those_of_saving(gateway: Gateway) -> None:
    async with gateway.user() as client:
        large = graph_body([node_body("n", "echo", value="x" * (2 * 1024 * 1024))])
        assert_refused(await client.post("/api/graphs/validate", json=large), 413, "PAYLOAD_TOO_LARGE")
        assert_refused(await client.post("/api/graphs/validate", json={"nodes": [{}]}), 422, "VALIDATION_ERROR")
