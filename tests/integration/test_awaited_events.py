"""Events over HTTP: delivered once, by their owner or by whoever has the token, and only if they fit."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.gateway import Gateway, assert_refused, graph_body, node_body
from tests.waiting_graphs import WAIT_FOR_EVENT, awaited, ended, event_body, node, start, waits

pytestmark = pytest.mark.usefixtures("worker")

ORDER = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


async def send(client: AsyncClient, run: str, payload: Any, **fields: Any) -> Any:
    return await client.post(f"/api/executions/{run}/events/paid", json={"payload": payload, **fields})


async def token_of(client: AsyncClient, run: str, number: int = 0) -> str:
    return (await node(client, run, f"token{number}", "COMPLETED"))["output_data"]["out"][0]


async def test_an_event_is_listed_delivered_and_its_run_goes_on(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, event_body(schema=ORDER))
        [event] = await awaited(client, run)
        assert (event["name"], event["payload_schema"], event["graph_exec_id"]) == ("paid", ORDER, run)
        assert (await client.get(f"/api/executions/{run}")).json()["status"] == "RUNNING"
        assert "token" not in event
        assert "token_hash" not in event
        answer = await send(client, run, {"id": 7})
        assert answer.json() == {"node_exec_id": event["node_exec_id"]}
        assert (await client.get(f"/api/executions/{run}/awaited-events")).json() == []
        assert (await ended(client, run))["outputs"]["got0"] == {"out": [{"id": 7}]}
        [record] = (await client.get(f"/api/executions/{run}/controls")).json()
        assert (record["action"], record["node_exec_id"]) == ("deliver_event", event["node_exec_id"])


@pytest.mark.parametrize("payload", [{"id": 1}, [1, "x" * 100_000], "text", 0, None])
async def test_whoever_has_the_token_delivers_once_without_logging_in(gateway: Gateway, payload: Any) -> None:
    async with gateway.user() as owner, gateway.anonymous() as anyone:
        run = await start(owner, event_body())
        token = await token_of(owner, run)
        await awaited(owner, run)
        answer = await anyone.post(f"/api/events/{token}", json=payload)
        assert (answer.status_code, answer.content) == (204, b"")
        used = assert_refused(await anyone.post(f"/api/events/{token}", json=payload), 404, "NOT_FOUND")
        unknown = assert_refused(await anyone.post("/api/events/nothing", json=payload), 404, "NOT_FOUND")
        assert used["detail"] == unknown["detail"]
        assert (await ended(owner, run))["outputs"]["got0"] == {"out": [payload]}
        [record] = (await owner.get(f"/api/executions/{run}/controls")).json()
        assert record["requested_by"] == "token"
        gone = assert_refused(await anyone.post(f"/api/events/{token}", json=payload), 404, "NOT_FOUND")
        assert gone["detail"] == unknown["detail"]


async def test_a_token_used_by_many_at_once_delivers_once(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.anonymous() as anyone:
        run = await start(owner, event_body())
        token = await token_of(owner, run)
        await awaited(owner, run)
        answers = await asyncio.gather(*(anyone.post(f"/api/events/{token}", json=n) for n in range(20)))
        assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 19}
        [winner] = [number for number, answer in enumerate(answers) if answer.status_code == 204]
        assert (await ended(owner, run))["outputs"]["got0"] == {"out": [winner]}


async def test_what_does_not_fit_is_refused_and_the_wait_goes_on(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.anonymous() as anyone:
        run = await start(owner, event_body(schema=ORDER))
        token = await token_of(owner, run)
        [before] = await awaited(owner, run)
        for payload in ({"id": "x"}, {}, None):
            for answer in (await send(owner, run, payload), await anyone.post(f"/api/events/{token}", json=payload)):
                refused = assert_refused(answer, 400, "INVALID_REQUEST")
                assert refused["error"]["details"]["path"] == ("$.id" if payload == {"id": "x"} else "$")
        large = "x" * (1024 * 1024)
        for answer in (await send(owner, run, large), await anyone.post(f"/api/events/{token}", json=large)):
            assert_refused(answer, 413, "PAYLOAD_TOO_LARGE")
        broken = await anyone.post(f"/api/events/{token}", content=b"{", headers={"Content-Type": "application/json"})
        assert_refused(broken, 400, "INVALID_REQUEST")
        assert await awaited(owner, run) == [before]
        assert (await anyone.post(f"/api/events/{token}", json={"id": 1})).status_code == 204
        assert (await ended(owner, run))["status"] == "COMPLETED"


async def test_events_of_one_name_go_to_those_who_wait_one_each(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, event_body(waiters=4))
        waiting = await awaited(client, run, count=4)
        last = waiting[-1]["node_exec_id"]
        named = await send(client, run, "named", node_exec_id=last)
        assert named.json() == {"node_exec_id": last}
        assert_refused(await send(client, run, "again", node_exec_id=last), 404, "NOT_FOUND")
        answers = await asyncio.gather(*(send(client, run, number) for number in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({answer.json()["node_exec_id"] for answer in answers} | {last}) == 4
        outputs = (await ended(client, run))["outputs"]
        got = [value for node_id, pins in outputs.items() if node_id.startswith("got") for value in pins["out"]]
        assert Counter(map(str, got)) == Counter(["named", "0", "1", "2"])


async def test_an_event_with_a_key_is_delivered_once_and_answered_again(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, event_body(waiters=2))
        await awaited(client, run, count=2)
        path, key = f"/api/executions/{run}/events/paid", {"Idempotency-Key": "once"}
        first = await client.post(path, json={"payload": 1}, headers=key)
        again = await client.post(path, json={"payload": 1}, headers=key)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
        second = await client.post(path, json={"payload": 2}, headers=key)
        assert second.status_code == 200
        assert second.json() != first.json()
        outputs = (await ended(client, run))["outputs"]
        assert sorted(outputs[f"got{number}"]["out"][0] for number in range(2)) == [1, 2]
        assert (await client.post(path, json={"payload": 1}, headers=key)).json() == first.json()
        assert_refused(await client.post(path, json={"payload": 3}, headers=key), 409, "CONFLICT")


async def test_an_event_that_does_not_come_expires(gateway: Gateway) -> None:
    body = graph_body([node_body("wait", WAIT_FOR_EVENT, name="paid", expires_after_seconds=1)])
    async with gateway.user() as client:
        run = await start(client, body)
        assert (await ended(client, run))["outputs"]["wait"]["expired"] == [True]
        assert (await client.get(f"/api/executions/{run}/awaited-events")).json() == []
        assert_refused(await send(client, run, 1), 409, "CONFLICT")


async def test_events_of_stopped_runs_and_unknown_ones_are_refused(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.user() as stranger, gateway.anonymous() as anyone:
        run = await start(owner, event_body())
        token = await token_of(owner, run)
        await awaited(owner, run)
        other_name = f"/api/executions/{run}/events/other"
        assert_refused(await owner.post(other_name, json={"payload": 1}), 404, "NOT_FOUND")
        assert_refused(await send(stranger, run, 1), 404, "NOT_FOUND")
        assert_refused(await stranger.get(f"/api/executions/{run}/awaited-events"), 404, "NOT_FOUND")
        assert len(await awaited(owner, run)) == 1
        graph_id = (await owner.get(f"/api/executions/{run}")).json()["graph_id"]
        await owner.post(f"/api/graphs/{graph_id}/executions/{run}/stop")
        assert (await owner.get(f"/api/executions/{run}/awaited-events")).json() == []
        assert_refused(await send(owner, run, 1), 409, "CONFLICT")
        assert_refused(await anyone.post(f"/api/events/{token}", json=1), 404, "NOT_FOUND")


async def test_the_deadline_of_a_wait_can_be_moved(gateway: Gateway) -> None:
    body = graph_body([node_body("wait", WAIT_FOR_EVENT, name="paid", expires_after_seconds=600)])
    async with gateway.user() as client:
        run = await start(client, body)
        node_exec_id = await waits(client, run, "wait")
        moved = await client.post(
            f"/api/executions/{run}/deadline", json={"node_exec_id": node_exec_id, "timeout_seconds": 1}
        )
        assert moved.json() == {"node_exec_ids": [node_exec_id]}
        assert (await ended(client, run))["outputs"]["wait"]["expired"] == [True]
