"""Pausing, holding and mending runs over HTTP: what is done is recorded, what cannot be done changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.gateway import Gateway, assert_refused, echo_graph_body, graph_body, link_body, node_body, until_status
from tests.polling import eventually
from tests.waiting_graphs import TIMER, ended, event_body, failing_body, node, pending, review_body, start, waits

pytestmark = pytest.mark.usefixtures("worker")


async def control(client: AsyncClient, run: str, what: str, body: Any = None, **options: Any) -> Any:
    method = "PUT" if what.endswith("/output") else "POST"
    return await client.request(method, f"/api/executions/{run}/{what}", json=body or {}, **options)


async def actions(client: AsyncClient, run: str) -> list[str]:
    return [record["action"] for record in (await client.get(f"/api/executions/{run}/controls")).json()]


async def state(client: AsyncClient, run: str) -> list[Any]:
    return [(await client.get(f"/api/executions/{run}{part}")).json() for part in ("", "/controls", "/nodes")]


# --- pause -------------------------------------------------------------------------------------------------------


async def test_a_paused_run_starts_nothing_until_it_is_resumed(gateway: Gateway) -> None:
    body = graph_body(
        [node_body("first", "sleep", seconds=3, value="x"), node_body("second", "echo")],
        [link_body("first.out", "second.value")],
    )
    async with gateway.user() as client:
        run = await start(client, body)
        await until_status(client, run, "RUNNING")
        paused = (await control(client, run, "pause", {"reason": "lunch"})).json()
        assert (paused["status"], paused["paused_at"] is not None) == ("RUNNING", True)
        again = (await control(client, run, "pause")).json()
        assert again["paused_at"] == paused["paused_at"]

        async def first_has_ended() -> bool:
            nodes = (await client.get(f"/api/executions/{run}/nodes")).json()["node_executions"]
            return [item["status"] for item in nodes] == ["COMPLETED"]

        await eventually(first_has_ended)
        assert (await client.get(f"/api/executions/{run}")).json()["paused_at"] == paused["paused_at"]
        resumed = (await control(client, run, "resume")).json()
        assert resumed["paused_at"] is None
        assert (await ended(client, run))["outputs"]["second"] == {"out": ["x"]}
        records = (await client.get(f"/api/executions/{run}/controls")).json()
        assert [record["action"] for record in records] == ["pause", "resume"]
        assert records[0]["details"] == {"reason": "lunch"}
        assert records[0]["requested_by"] == paused["user_id"]


async def test_a_paused_run_can_be_decided_about_and_stopped(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, review_body())
        [review] = await pending(client, run)
        await control(client, run, "pause")
        decision = {"reviews": [{"node_exec_id": review["node_exec_id"], "approved": True}]}
        assert (await client.post("/api/review/action", json=decision)).status_code == 200
        stopped = (await client.post(f"/api/graphs/{review['graph_id']}/executions/{run}/stop")).json()
        assert (stopped["status"], stopped["paused_at"]) == ("TERMINATED", None)
        assert await actions(client, run) == ["pause", "decide_review", "stop"]


# --- repairs -----------------------------------------------------------------------------------------------------


async def held(client: AsyncClient) -> tuple[str, str]:
    """A run that is held because its node `breaks` has failed, and the id of that execution."""
    run = await start(client, failing_body(), hold_on_failure=True)
    shown = await until_status(client, run, "REVIEW")
    assert shown["status_reason"] == "failed_nodes"
    return run, (await node(client, run, "breaks", "FAILED"))["node_exec_id"]


async def test_a_held_run_is_mended_by_outputs(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run, failed = await held(client)
        answer = await control(client, run, f"nodes/{failed}/output", {"outputs": {"out": [1, {"a": 2}]}})
        assert answer.json() == {"node_exec_ids": [failed]}
        done = await ended(client, run)
        assert done["status"] == "COMPLETED"
        assert done["outputs"]["after"]["out"][-2:] == [1, {"a": 2}]
        assert await actions(client, run) == ["set_output"]


async def test_a_held_run_is_mended_by_skipping(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run, failed = await held(client)
        assert (await control(client, run, f"nodes/{failed}/skip", {"reason": "not needed"})).status_code == 200
        assert (await ended(client, run))["status"] == "COMPLETED"
        [record] = (await client.get(f"/api/executions/{run}/controls")).json()
        assert (record["action"], record["node_exec_id"]) == ("skip_node", failed)
        assert record["details"] == {"reason": "not needed"}


async def test_a_held_run_is_retried_then_released(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run, failed = await held(client)
        sent = {"headers": {"Idempotency-Key": "retry-1"}}
        first = await control(client, run, f"nodes/{failed}/retry", **sent)
        assert first.status_code == 200
        assert (await control(client, run, f"nodes/{failed}/retry", **sent)).json() == first.json()
        await eventually(lambda: _is_held_again(client, run))
        assert (await control(client, run, "release")).status_code == 200
        done = await ended(client, run)
        assert (done["status"], done["status_reason"]) == ("COMPLETED", None)
        assert [failure["node_id"] for failure in done["stats"]["failed_nodes"]] == ["breaks"]
        assert await actions(client, run) == ["retry_node", "release_hold"]


async def _is_held_again(client: AsyncClient, run: str) -> bool:
    shown = (await client.get(f"/api/executions/{run}")).json()
    return shown["status_reason"] == "failed_nodes" and "retry_node" in await actions(client, run)


async def test_graphs_can_be_set_to_hold_and_requests_can_say_no(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=failing_body())).json()["id"]
        await client.patch(f"/api/graphs/{graph_id}/settings", json={"hold_on_failure": True})
        run = (await client.post(f"/api/graphs/{graph_id}/execute", json={})).json()["id"]
        assert (await until_status(client, run, "REVIEW"))["status_reason"] == "failed_nodes"
        await client.post(f"/api/graphs/{graph_id}/executions/{run}/cancel")
        other = (await client.post(f"/api/graphs/{graph_id}/execute", json={"hold_on_failure": False})).json()["id"]
        assert (await ended(client, other))["status"] == "COMPLETED"


async def test_a_node_that_waits_can_be_skipped(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, review_body())
        [review] = await pending(client, run)
        assert (await control(client, run, f"nodes/{review['node_exec_id']}/skip")).status_code == 200
        assert (await ended(client, run))["status"] == "COMPLETED"
        [replaced] = (await client.get(f"/api/review/execution/{run}")).json()
        assert (replaced["status"], replaced["review_message"]) == ("REJECTED", "The node was skipped")


# --- deadlines ---------------------------------------------------------------------------------------------------


async def test_a_run_fails_at_the_end_of_its_time(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, event_body(), timeout_seconds=1)
        done = await ended(client, run)
        assert (done["status"], done["error_code"]) == ("FAILED", "execution_timeout")


async def test_the_end_of_a_run_and_of_a_wait_can_be_moved(gateway: Gateway) -> None:
    body = graph_body([node_body("timer", TIMER, hours=1, input_message="now")])
    async with gateway.user() as client:
        run = await start(client, body, timeout_seconds=3_600)
        node_exec_id = await waits(client, run, "timer")
        end = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
        assert (await control(client, run, "deadline", {"until": end})).json() == {"node_exec_ids": []}
        later = {"node_exec_id": node_exec_id, "until": end}
        assert (await control(client, run, "deadline", later)).json() == {"node_exec_ids": [node_exec_id]}

        async def is_shown() -> bool:
            until = (await node(client, run, "timer", "RUNNING"))["wait"]["until"]
            return datetime.fromisoformat(until) == datetime.fromisoformat(end)

        await eventually(is_shown, seconds=10)
        soon = {"node_exec_id": node_exec_id, "timeout_seconds": 1}
        assert (await control(client, run, "deadline", soon)).json() == {"node_exec_ids": [node_exec_id]}
        assert (await ended(client, run))["outputs"]["timer"] == {"output_message": ["now"]}
        assert await actions(client, run) == ["extend_deadline"] * 3


# --- refused -----------------------------------------------------------------------------------------------------


NODE_CONTROLS = (("nodes/{}/retry", {}), ("nodes/{}/skip", {}), ("nodes/{}/output", {"outputs": {"out": [1]}}))
RUN_CONTROLS = (("pause", {}), ("resume", {}), ("release", {}), ("deadline", {"timeout_seconds": 60}))


async def test_nothing_can_be_done_to_a_run_that_has_ended(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, failing_body())
        done = await ended(client, run)
        failed = (await node(client, run, "breaks", "FAILED"))["node_exec_id"]
        before = await state(client, run)
        for what, body in (*RUN_CONTROLS, *NODE_CONTROLS):
            assert_refused(await control(client, run, what.format(failed), body), 409, "CONFLICT")
        for how in ("stop", "cancel"):
            answer = await client.post(f"/api/graphs/{done['graph_id']}/executions/{run}/{how}")
            assert (answer.status_code, answer.json()) == (200, None)
        assert await state(client, run) == before


async def test_unknown_nodes_and_those_of_other_runs_are_not_found(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run, other = await start(client, review_body()), await start(client, event_body())
        await until_status(client, run, "REVIEW")
        foreign = await waits(client, other, "wait0")
        before = await state(client, run)
        for node_exec_id in ("nobody", foreign):
            for what, body in NODE_CONTROLS:
                assert_refused(await control(client, run, what.format(node_exec_id), body), 404, "NOT_FOUND")
            body = {"node_exec_id": node_exec_id, "timeout_seconds": 60}
            assert_refused(await control(client, run, "deadline", body), 404, "NOT_FOUND")
        assert_refused(
            await control(client, run, "deadline", {"node_id": "nobody", "timeout_seconds": 60}), 404, "NOT_FOUND"
        )
        assert await state(client, run) == before


async def test_runs_of_others_are_not_found(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.user() as stranger:
        run = await start(owner, review_body())
        await until_status(owner, run, "REVIEW")
        [review] = await pending(owner, run)
        before = await state(owner, run)
        for what, body in (*RUN_CONTROLS, *NODE_CONTROLS):
            answer = await control(stranger, run, what.format(review["node_exec_id"]), body)
            assert_refused(answer, 404, "NOT_FOUND")
        assert_refused(await stranger.get(f"/api/executions/{run}/controls"), 404, "NOT_FOUND")
        assert await state(owner, run) == before


async def test_what_does_not_suit_the_state_or_the_block_is_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        run = await start(client, review_body())
        await until_status(client, run, "REVIEW")
        [review] = await pending(client, run)
        waiting = review["node_exec_id"]
        before = await state(client, run)
        past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        large = "x" * (256 * 1024)
        for what, body, status, code in (
            ("release", {}, 409, "CONFLICT"),
            (f"nodes/{waiting}/retry", {}, 409, "CONFLICT"),
            (f"nodes/{waiting}/output", {"outputs": {"nothing": [1]}}, 400, "INVALID_REQUEST"),
            (f"nodes/{waiting}/output", {"outputs": {"approved_data": 1}}, 422, "VALIDATION_ERROR"),
            (f"nodes/{waiting}/output", {"outputs": {"approved_data": [large]}}, 413, "PAYLOAD_TOO_LARGE"),
            (f"nodes/{waiting}/output", {}, 422, "VALIDATION_ERROR"),
            ("deadline", {}, 422, "VALIDATION_ERROR"),
            ("deadline", {"until": past}, 400, "INVALID_REQUEST"),
            ("deadline", {"until": "2030-01-01T00:00:00"}, 422, "VALIDATION_ERROR"),
            ("deadline", {"timeout_seconds": -1}, 422, "VALIDATION_ERROR"),
            ("deadline", {"until": past, "timeout_seconds": 5}, 422, "VALIDATION_ERROR"),
            ("deadline", {"node_id": "ask", "until": past}, 422, "VALIDATION_ERROR"),
            ("pause", {"reason": "x" * 501}, 422, "VALIDATION_ERROR"),
        ):
            assert_refused(await control(client, run, what, body), status, code)
        assert await state(client, run) == before


# --- test runs ---------------------------------------------------------------------------------------------------


def pinned_body(**metadata: Any) -> dict[str, Any]:
    """An echo that nothing reaches, behind it one that takes a part of what it emits."""
    source = {**node_body("source", "fail"), "metadata": metadata}
    return graph_body([source, node_body("part", "echo")], [link_body("source.out_#_name", "part.value")])


async def test_pinned_outputs_stand_in_for_blocks_in_test_runs_only(gateway: Gateway) -> None:
    body = pinned_body(pinned_outputs={"out": {"name": "stored"}})
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=body)).json()["id"]

        async def run_with(**request: Any) -> dict[str, Any]:
            response = await client.post(f"/api/graphs/{graph_id}/execute", json=request)
            assert response.status_code == 200, response.text
            return await ended(client, response.json()["id"])

        own = await run_with(test=True)
        assert own["outputs"] == {"part": {"out": ["stored"]}}
        pinned = {item["node_id"]: item["pinned"] for item in own["node_executions"]}
        assert pinned == {"source": True, "part": False}
        given = await run_with(test=True, pinned_outputs={"source": [["out", {"name": 1}], ["out", {"name": 2}]]})
        assert given["outputs"] == {"part": {"out": [1, 2]}}
        real = await run_with(pinned_outputs={"source": {"out": {"name": "ignored"}}})
        assert real["stats"]["node_error_count"] == 1


async def test_pinned_outputs_that_cannot_be_are_refused(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        for pinned, code in (
            ({"nobody": {"out": 1}}, "GRAPH_VALIDATION_ERROR"),
            ({"echo": {"nothing": 1}}, "GRAPH_VALIDATION_ERROR"),
            ({"echo": "text"}, "INVALID_REQUEST"),
            ({"echo": [["out"]]}, "INVALID_REQUEST"),
        ):
            response = await client.post(
                f"/api/graphs/{graph_id}/execute", json={"test": True, "pinned_outputs": pinned}
            )
            refused = assert_refused(response, 400, code)
            if code == "GRAPH_VALIDATION_ERROR":
                assert set(refused["detail"]["node_errors"]) == set(pinned)
        saved = await client.post("/api/graphs", json=pinned_body(pinned_outputs="text"))
        assert_refused(saved, 400, "GRAPH_VALIDATION_ERROR")
