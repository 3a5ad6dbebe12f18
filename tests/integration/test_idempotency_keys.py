"""Idempotency keys whose executions are no longer there."""

from uuid import uuid4

from tests.gateway import Gateway, assert_refused, echo_graph_body, save, until_status


async def test_a_key_whose_execution_was_deleted_starts_no_other(gateway: Gateway, worker: None) -> None:
    key, body = {"Idempotency-Key": f"key-{uuid4()}"}, {"inputs": {"x": 1}}
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        url = f"/api/graphs/{graph_id}/execute"
        run_id = (await client.post(url, json=body, headers=key)).json()["id"]
        await until_status(client, run_id, "COMPLETED")
        assert (await client.delete(f"/api/executions/{run_id}")).status_code in (200, 204)
        refused = assert_refused(await client.post(url, json=body, headers=key), 409, "CONFLICT")
        assert run_id in refused["detail"]
