"""Runs over HTTP: start, follow, read, stop, delete; on a real worker."""

import asyncio
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from models.ids import GraphExecId, UserId
from services.gateway.waiting_polls import MAX_OF_USER
from tests.gateway import (
    DEADLINE_SECONDS,
    Gateway,
    assert_refused,
    echo_graph_body,
    execute,
    graph_body,
    link_body,
    node_body,
    save,
    sleeper_graph_body,
    until_status,
)
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("worker")

LARGE = 40_000
"""Characters: beyond what travels inline."""


async def test_a_run_gives_its_outputs_and_node_executions(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        graph_exec_id = await execute(client, graph_id, x={"any": [1, None, "json"]}, ignored=1)
        run = await until_status(client, graph_exec_id, "COMPLETED")
        assert run["outputs"] == {"y": [{"any": [1, None, "json"]}]}
        assert run["inputs"] == {"x": {"any": [1, None, "json"]}}
        assert [node["node_id"] for node in run["node_executions"]] == ["in", "echo", "out"]
        assert run["node_executions"][1]["output_data"] == {"out": [{"any": [1, None, "json"]}]}
        assert (run["node_executions_total"], run["next_node_cursor"]) == (3, None)
        assert run["stats"]["node_exec_count"] == 3
        assert (run["graph_id"], run["graph_version"]) == (graph_id, 1)
        results = (await client.get(f"/api/executions/{graph_exec_id}/results")).json()
        assert results["execution_id"] == graph_exec_id
        assert (results["status"], results["error"]) == ("COMPLETED", None)
        assert results["outputs"] == run["outputs"]
        assert results["nodes"][2] == {
            "node_id": "out",
            "block_id": "363ae599-353e-4804-937e-b2ee3cef3da4",
            "status": "COMPLETED",
            "input": run["node_executions"][2]["input_data"],
            "output": run["node_executions"][2]["output_data"],
            "error": None,
        }
        same = (await client.get(f"/api/graphs/{graph_id}/executions/{graph_exec_id}")).json()
        assert same == run
        (listed,) = (await client.get("/api/executions")).json()
        assert (listed["id"], listed["status"]) == (graph_exec_id, "COMPLETED")
        page = (await client.get(f"/api/graphs/{graph_id}/executions")).json()
        assert [execution["id"] for execution in page["executions"]] == [graph_exec_id]
        assert page["pagination"] == {"total_items": 1, "total_pages": 1, "current_page": 1, "page_size": 25}


async def test_a_run_needs_no_body(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, graph_body([node_body("only", "echo", value=7)]))
        response = await client.post(f"/api/graphs/{graph_id}/execute/1")
        run = await until_status(client, response.json()["id"], "COMPLETED")
        assert run["outputs"] == {"only": {"out": [7]}}


async def test_large_values_travel_by_reference_and_come_back_in_full(gateway: Gateway) -> None:
    text = "ä" * LARGE
    async with gateway.user() as client:
        graph_exec_id = await execute(client, await save(client, echo_graph_body()), x=text)
        run = await until_status(client, graph_exec_id, "COMPLETED")
        assert run["inputs"] == {"x": text}
        assert run["outputs"] == {"y": [text]}
        assert run["node_executions"][2]["input_data"]["value"] == text
        (listed,) = (await client.get("/api/executions")).json()
        assert listed["inputs"] == {"x": f"(string of {2 * LARGE + 2} bytes)"}


async def test_the_active_version_runs_unless_another_is_named(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, graph_body([node_body("one", "echo", value=1)]))
        await client.put(f"/api/graphs/{graph_id}", json=graph_body([node_body("two", "echo", value=2)]))
        inactive = graph_body([node_body("three", "echo", value=3)], is_active=False)
        await client.put(f"/api/graphs/{graph_id}", json=inactive)
        for path, output in (("execute", "two"), ("execute/1", "one"), ("execute/3", "three")):
            started = (await client.post(f"/api/graphs/{graph_id}/{path}", json={})).json()
            run = await until_status(client, started["id"], "COMPLETED")
            assert list(run["outputs"]) == [output]


async def test_the_same_idempotency_key_starts_one_run(gateway: Gateway) -> None:
    key = {"Idempotency-Key": f"key-{uuid4()}"}
    async with gateway.user() as client, gateway.user() as other:
        url = f"/api/graphs/{await save(client, echo_graph_body())}/execute"
        body = {"inputs": {"x": {"a": 1, "b": 2}}}
        reordered = {"inputs": {"x": {"b": 2, "a": 1}}}
        answers = await asyncio.gather(*(client.post(url, json=body, headers=key) for _ in range(5)))
        answers.append(await client.post(url, json=reordered, headers=key))
        (graph_exec_id,) = {answer.json()["id"] for answer in answers}
        await until_status(client, graph_exec_id, "COMPLETED")
        assert (await client.post(url, json=body, headers=key)).json()["status"] == "COMPLETED"
        assert len((await client.get("/api/executions")).json()) == 1
        refused = await client.post(url, json={"inputs": {"x": 3}}, headers=key)
        assert_refused(refused, 422, "IDEMPOTENCY_KEY_REUSED")
        assert_refused(await client.post(f"{url}/1", json=body, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")
        # Keys of different users have nothing to do with each other.
        url = f"/api/graphs/{await save(other, echo_graph_body())}/execute"
        assert (await other.post(url, json={"inputs": {"x": 3}}, headers=key)).json()["id"] != graph_exec_id


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_stopping_answers_the_ended_run_and_then_null(gateway: Gateway, how: str) -> None:
    async with gateway.user() as client:
        graph_id = await endless(client, how)
        graph_exec_id = await execute(client, graph_id)
        await until_status(client, graph_exec_id, "RUNNING")
        url = f"/api/graphs/{graph_id}/executions/{graph_exec_id}/{how}"
        answers = await asyncio.gather(*(client.post(url) for _ in range(3)))
        assert {answer.status_code for answer in answers} == {200}
        ended = [answer.json() for answer in answers if answer.json() is not None]
        assert {run["status"] for run in ended} == {"TERMINATED"}
        assert (await client.post(url)).json() is None


async def endless(client: AsyncClient, how: str) -> str:
    """A graph that never ends by itself: a loop, or a block that sleeps."""
    loop = graph_body(
        [node_body("first", "echo", value=1), node_body("spin", "echo")],
        [link_body("first.out", "spin.value"), link_body("spin.out", "spin.value")],
    )
    return await save(client, loop if how == "stop" else sleeper_graph_body(600))


async def test_deleting_a_run_stops_it_and_hides_it(gateway: Gateway) -> None:
    async with gateway.user("deleter") as client:
        graph_exec_id = await execute(client, await endless(client, "stop"))
        await until_status(client, graph_exec_id, "RUNNING")
        response = await client.delete(f"/api/executions/{graph_exec_id}")
        assert (response.status_code, response.content) == (204, b"")
        assert_refused(await client.get(f"/api/executions/{graph_exec_id}"), 404, "NOT_FOUND")
        assert_refused(await client.delete(f"/api/executions/{graph_exec_id}"), 404, "NOT_FOUND")
        assert (await client.get("/api/executions")).json() == []
    async with gateway.container.units() as unit:
        user = await unit.users.find(UserId("deleter"))
        assert user is not None
    run = GraphExecId(graph_exec_id)
    closed = await gateway.container.runner.wait_closed(run, owner_key_id=user.key_id, timeout=timedelta(seconds=1))
    assert closed


async def test_deleting_a_graph_stops_its_runs_which_stay_readable(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await endless(client, "stop")
        runs = [await execute(client, graph_id) for _ in range(2)]
        for graph_exec_id in runs:
            await until_status(client, graph_exec_id, "RUNNING")
        assert (await client.delete(f"/api/graphs/{graph_id}")).status_code == 200
        for graph_exec_id in runs:
            run = (await client.get(f"/api/executions/{graph_exec_id}")).json()
            assert run["status"] == "TERMINATED"
        page = (await client.get(f"/api/graphs/{graph_id}/executions")).json()
        assert page["pagination"]["total_items"] == 2


async def test_results_so_far_are_readable_while_the_run_goes_on(gateway: Gateway) -> None:
    body = graph_body(
        [
            node_body("numbers", "spread", count=3),
            node_body("out", "363ae599-353e-4804-937e-b2ee3cef3da4", name="y"),
            node_body("sleeper", "sleep", seconds=600),
        ],
        [link_body("numbers.out", "out.value")],
    )
    async with gateway.user() as client:
        graph_id = await save(client, body)
        graph_exec_id = await execute(client, graph_id)

        async def first_outputs() -> dict[str, Any] | None:
            results = (await client.get(f"/api/executions/{graph_exec_id}/results")).json()
            return results if results["outputs"] == {"y": [0, 1, 2]} else None

        results = await eventually(first_outputs)
        assert results["status"] in ("QUEUED", "RUNNING")
        await client.post(f"/api/graphs/{graph_id}/executions/{graph_exec_id}/cancel")
        ended = await until_status(client, graph_exec_id, "TERMINATED")
        assert ended["outputs"] == {"y": [0, 1, 2]}


async def test_node_executions_come_in_pages_that_leave_nothing_out(gateway: Gateway) -> None:
    body = graph_body(
        [node_body("numbers", "spread", count=25), node_body("echo", "echo")],
        [link_body("numbers.out", "echo.value")],
    )
    async with gateway.user() as client:
        graph_exec_id = await execute(client, await save(client, body))
        whole = await until_status(client, graph_exec_id, "COMPLETED")
        assert whole["node_executions_total"] == 26
        seen: list[str] = []
        cursor: str | None = None
        while True:
            params = {"node_limit": 10} | ({"after": cursor} if cursor else {})
            page = (await client.get(f"/api/executions/{graph_exec_id}/nodes", params=params)).json()
            seen += [node["node_exec_id"] for node in page["node_executions"]]
            cursor = page["next_node_cursor"]
            if cursor is None:
                break
        assert seen == [node["node_exec_id"] for node in whole["node_executions"]]
        assert whole["outputs"] == {"echo": {"out": list(range(25))}}


async def test_a_page_of_large_values_ends_early_and_says_so(gateway: Gateway) -> None:
    """Each firing holds 8 MB, so the 32 MiB of a page are full before its limit is."""
    body = graph_body(
        [node_body("big", "spread", count=1, size=4_000_000), *(node_body(f"echo{n}", "echo") for n in range(6))],
        [link_body("big.out", f"echo{n}.value") for n in range(6)],
    )
    async with gateway.user() as client:
        graph_exec_id = await execute(client, await save(client, body))

        async def has_ended() -> bool:
            (meta,) = (await client.get("/api/executions")).json()
            return meta["status"] == "COMPLETED"

        await eventually(has_ended)
        seen: list[str] = []
        params: dict[str, str] = {}
        pages = 0
        while True:
            page = (await client.get(f"/api/executions/{graph_exec_id}/nodes", params=params)).json()
            pages += 1
            seen += [node["node_id"] for node in page["node_executions"]]
            assert all(len(node["output_data"]["out"][0]) == 4_000_000 for node in page["node_executions"])
            if page["next_node_cursor"] is None:
                break
            params = {"after": page["next_node_cursor"]}
        assert sorted(seen) == ["big", *(f"echo{n}" for n in range(6))]
        assert pages > 1


async def test_events_can_be_followed_from_a_cursor_to_the_end(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_exec_id = await execute(client, await save(client, echo_graph_body()), x=1)
        url = f"/api/executions/{graph_exec_id}/events"
        events: list[dict[str, Any]] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            since = events[-1]["cursor"] if events else "0"
            page = (await client.get(url, params={"since": since, "limit": 2, "wait_seconds": 5})).json()
            assert len(page) <= 2
            events += page
            if events and events[-1]["kind"] == "graph_execution_update" and events[-1]["status"] == "COMPLETED":
                break
        assert {event["node_id"] for event in events if event["node_id"]} == {"in", "echo", "out"}
        assert any(event["status"] == "QUEUED" for event in events if event["kind"] == "graph_execution_update")
        assert len({event["cursor"] for event in events}) == len(events)
        assert (await client.get(url, params={"since": events[-1]["cursor"]})).json() == []


async def test_a_failed_node_is_shown_and_the_run_completes(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_exec_id = await execute(client, await save(client, graph_body([node_body("bad", "fail")])))
        run = await until_status(client, graph_exec_id, "COMPLETED", "FAILED")
        (node,) = run["node_executions"]
        assert node["status"] == "FAILED"
        assert node["error"]
        assert run["stats"]["node_error_count"] == 1
        assert run["stats"]["failed_nodes"][0]["node_id"] == "bad"


async def test_a_user_waits_for_events_in_a_bounded_number_of_requests(gateway: Gateway) -> None:
    user_id = f"user-{uuid4()}"
    async with gateway.user(user_id) as client:
        graph_exec_id = await execute(client, await save(client, echo_graph_body()), x=1)
        url = f"/api/executions/{graph_exec_id}/events"
        with ExitStack() as waiting:
            for _ in range(MAX_OF_USER):
                waiting.enter_context(gateway.container.polls.one_of(UserId(user_id)))
            refused = await client.get(url, params={"wait_seconds": 1})
            assert_refused(refused, 429, "TOO_MANY_REQUESTS")
            assert int(refused.headers["Retry-After"]) >= 1
            assert (await client.get(url)).status_code == 200
        assert (await client.get(url, params={"wait_seconds": 1})).status_code == 200
