"""Settings of graphs over HTTP, and what requests say over them."""

from typing import Any

import pytest

from tests.gateway import Gateway, assert_refused, echo_graph_body, save

DEFAULTS = {
    "human_in_the_loop_safe_mode": True,
    "sensitive_action_safe_mode": False,
    "hold_on_failure": False,
}


async def test_settings_have_defaults_and_change_one_by_one(gateway: Gateway) -> None:
    async with gateway.user() as client:
        path = f"/api/graphs/{await save(client, echo_graph_body())}/settings"
        assert (await client.get(path)).json() == DEFAULTS
        assert (await client.patch(path, json={})).json() == DEFAULTS
        changed = (await client.patch(path, json={"hold_on_failure": True})).json()
        assert changed == DEFAULTS | {"hold_on_failure": True}
        changed = (
            await client.patch(path, json={"human_in_the_loop_safe_mode": False, "hold_on_failure": None})
        ).json()
        assert changed == DEFAULTS | {"hold_on_failure": True, "human_in_the_loop_safe_mode": False}
        assert (await client.get(path)).json() == changed


async def test_settings_hold_for_all_versions_and_their_owner_only(gateway: Gateway) -> None:
    async with gateway.user() as owner, gateway.user() as stranger:
        graph_id = await save(owner, echo_graph_body())
        path = f"/api/graphs/{graph_id}/settings"
        await owner.patch(path, json={"sensitive_action_safe_mode": True})
        await owner.put(f"/api/graphs/{graph_id}", json=echo_graph_body())
        assert (await owner.get(path)).json()["sensitive_action_safe_mode"] is True
        assert_refused(await stranger.get(path), 404, "NOT_FOUND")
        assert_refused(await stranger.patch(path, json={"sensitive_action_safe_mode": False}), 404, "NOT_FOUND")
        await owner.delete(f"/api/graphs/{graph_id}")
        assert_refused(await owner.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("body", [{"hold_on_failure": "maybe"}, [], {"sensitive_action_safe_mode": {}}])
async def test_wrong_settings_are_refused(gateway: Gateway, body: Any) -> None:
    async with gateway.user() as client:
        path = f"/api/graphs/{await save(client, echo_graph_body())}/settings"
        assert_refused(await client.patch(path, json=body), 422, "VALIDATION_ERROR")
        assert (await client.get(path)).json() == DEFAULTS
