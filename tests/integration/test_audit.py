"""The audit log: every change is entered, nobody can rewrite it, and each sees only what is theirs."""

import dataclasses
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from httpx2 import AsyncClient

from models.audit import AuditAction
from models.errors import ServiceUnavailableError
from models.stores import UnitOfWork
from services.gateway.app import create_app
from services.gateway.audit import ACTION_ATTRIBUTE
from services.gateway.route_listing import list_routes
from tests.gateway import Gateway, assert_refused, echo_graph_body, execute, save, sleeper_graph_body, until_status
from tests.log_capture import captured_log

NOT_AUDITED = {
    # Runs and what they give are records themselves.
    "execute_graph",
    "execute_graph_version",
    "execute_preset",
    "execute_block",
    # Nothing is changed.
    "validate_graph",
    "encode",
    "decode",
    # Whoever has the token is nobody known; the run records the delivery.
    "deliver_event_by_token",
}


async def entries(client: AsyncClient, path: str = "/api/audit", **params: Any) -> list[dict[str, Any]]:
    response = await client.get(path, params={"page_size": 100, **params})
    assert response.status_code == 200, response.text
    return response.json()["entries"]


async def actions(client: AsyncClient, **params: Any) -> list[str]:
    """Oldest first."""
    return [entry["action"] for entry in reversed(await entries(client, **params))]


async def test_changes_of_keys_say_who_and_from_where_but_no_secret(gateway: Gateway) -> None:
    async with gateway.user("keeper") as client:
        client.headers["User-Agent"] = "tests/1"
        made = (await client.post("/api/api-keys", json={"name": "Key"}, headers={"X-Request-ID": "r-1"})).json()
        raw, url = made["plain_text_key"], f"/api/api-keys/{made['api_key']['id']}"
        await client.put(f"{url}/permissions", json={"permissions": ["MANAGE_API_KEYS", "IDENTITY"]})
        await client.post(f"{url}/suspend")
        await client.post(f"{url}/activate")
        async with gateway.anonymous(**{"X-API-Key": raw}) as holder:
            await holder.patch(url, json={"name": "By itself"})
        await client.delete(url)
        found = await entries(client)
    assert [entry["action"] for entry in reversed(found)] == [
        "api_key.created",
        "api_key.permissions_set",
        "api_key.suspended",
        "api_key.activated",
        "api_key.updated",
        "api_key.revoked",
    ]
    first, by_key = found[-1], found[1]
    assert (first["actor_id"], first["actor_kind"], first["owner_id"]) == ("keeper", "user", "keeper")
    assert (first["object_kind"], first["object_id"]) == ("api_key", made["api_key"]["id"])
    assert (first["request_id"], first["user_agent"]) == ("r-1", "tests/1")
    assert first["address"]
    assert (by_key["actor_kind"], by_key["details"]["api_key_id"]) == ("api_key", made["api_key"]["id"])
    assert found[-2]["details"] == {"permissions": ["IDENTITY", "MANAGE_API_KEYS"]}
    assert raw not in json.dumps(found)


async def test_changes_of_graphs_presets_and_settings(gateway: Gateway) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, echo_graph_body())
        await client.put(f"/api/graphs/{graph_id}", json=echo_graph_body())
        await client.put(f"/api/graphs/{graph_id}/versions/active", json={"active_graph_version": 1})
        await client.patch(f"/api/graphs/{graph_id}/settings", json={"hold_on_failure": True})
        preset = {"graph_id": graph_id, "graph_version": 1, "name": "Preset", "inputs": {"x": "private"}}
        preset_id = (await client.post("/api/library/presets", json=preset)).json()["id"]
        await client.patch(f"/api/library/presets/{preset_id}", json={"name": "Other", "inputs": {"x": "private"}})
        await client.delete(f"/api/library/presets/{preset_id}")
        await client.put("/api/user", json={"timezone": "Europe/Berlin"})
        await client.delete(f"/api/graphs/{graph_id}")
        assert await actions(client) == [
            "graph.created",
            "graph.version_created",
            "graph.version_activated",
            "graph.settings_changed",
            "preset.created",
            "preset.updated",
            "preset.deleted",
            "user.updated",
            "graph.deleted",
        ]
        assert await actions(client, object="graph") == await actions(client, object=f"graph:{graph_id}")
        assert len(await actions(client, object=f"graph:{graph_id}")) == 5
        assert await actions(client, object="graph:other") == []
        changed = (await entries(client, action="preset.updated"))[0]
        assert changed["details"] == {"fields": ["inputs", "name"]}
        assert "private" not in json.dumps(await entries(client))


async def test_what_a_token_changes_about_its_user(gateway: Gateway) -> None:
    async with gateway.user("promoted") as client:
        await client.get("/me")
        email = f"{uuid4()}@example.com"
        assert (await client.post("/api/auth/user/email", json=email)).status_code == 200
        assert await actions(client) == ["user.updated"]
    async with gateway.user("promoted", role="admin") as client:
        assert await actions(client) == ["user.updated", "user.role_changed"]
        changed = (await entries(client))[0]
        assert changed["details"] == {"before": "authenticated", "after": "admin"}
        assert (changed["actor_id"], changed["object_id"], bool(changed["address"])) == ("promoted", "promoted", True)


async def test_controls_of_runs(gateway: Gateway, worker: None) -> None:
    async with gateway.user() as client:
        graph_id = await save(client, sleeper_graph_body(60))
        run = await execute(client, graph_id)
        await until_status(client, run, "RUNNING")
        await client.post(f"/api/executions/{run}/pause")
        await client.post(f"/api/executions/{run}/resume")
        assert (await client.post(f"/api/graphs/{graph_id}/executions/{run}/cancel")).json()["status"] == "TERMINATED"
        # There is nothing to stop any more, so nothing is entered.
        assert (await client.post(f"/api/graphs/{graph_id}/executions/{run}/stop")).json() is None
        await client.delete(f"/api/executions/{run}")
        assert await actions(client, object=f"graph_execution:{run}") == [
            "execution.paused",
            "execution.resumed",
            "execution.cancelled",
            "execution.deleted",
        ]


async def test_what_was_refused_is_not_entered(gateway: Gateway) -> None:
    async with gateway.user() as client:
        assert (await client.post("/api/graphs", json=echo_graph_body(name=""))).status_code == 400
        assert (await client.delete("/api/graphs/none")).status_code == 404
        assert (await client.post("/api/api-keys/none/suspend")).status_code == 404
        await client.post("/api/graphs/import", params={"dry_run": True}, json=echo_graph_body())
        assert await entries(client) == []


async def test_time_and_pages_narrow_the_list(gateway: Gateway) -> None:
    async with gateway.user() as client:
        for _ in range(3):
            await save(client, echo_graph_body())
        now = datetime.now(UTC)
        found = await entries(client)
        assert await entries(client, until=found[0]["at"]) == found[1:]
        assert await entries(client, since=found[1]["at"]) == found[:2]
        assert await entries(client, since=(now + timedelta(hours=1)).isoformat()) == []
        page = (await client.get("/api/audit", params={"page": 2, "page_size": 2})).json()
        assert page["entries"] == found[2:]
        assert page["pagination"] == {"total_items": 3, "total_pages": 2, "current_page": 2, "page_size": 2}
        for bad in ({"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"object": "GRAPH"}, {"action": "a"}):
            assert_refused(await client.get("/api/audit", params=bad), 422, "VALIDATION_ERROR")


async def test_others_see_nothing_and_administrators_everything(gateway: Gateway) -> None:
    async with gateway.user("owner-of-audit") as owner, gateway.user() as stranger:
        graph_id = await save(owner, echo_graph_body())
        assert await entries(stranger, object=f"graph:{graph_id}") == []
        assert_refused(await stranger.get("/api/admin/audit"), 403, "FORBIDDEN")
        key = (await owner.post("/api/api-keys", json={"name": "Key"})).json()["plain_text_key"]
        async with gateway.anonymous(**{"X-API-Key": key}) as holder:
            assert_refused(await holder.get("/api/audit"), 403, "FORBIDDEN")
            refused = assert_refused(await holder.get("/api/admin/audit"), 403, "FORBIDDEN")
            assert refused["detail"] == "Admin access required"
        async with gateway.user(role="admin") as admin:
            seen = await entries(admin, "/api/admin/audit", object=f"graph:{graph_id}")
            assert [(entry["action"], entry["owner_id"]) for entry in seen] == [("graph.created", "owner-of-audit")]
            assert len(await entries(admin, "/api/admin/audit", actor_id="owner-of-audit")) == 2
            assert await entries(admin, "/api/admin/audit", owner_id="nobody") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DELETE FROM audit_log WHERE false",
    ],
)
async def test_the_database_itself_refuses_changes(gateway: Gateway, statement: str) -> None:
    async with gateway.user() as client:
        await save(client, echo_graph_body())
    connection = await asyncpg.connect(gateway.settings.postgres.database_url.get_secret_value())
    try:
        before = await connection.fetchval("SELECT count(*) FROM audit_log")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(statement)
        assert await connection.fetchval("SELECT count(*) FROM audit_log") == before > 0
    finally:
        await connection.close()


async def test_an_entry_that_cannot_be_stored_is_in_the_log(gateway: Gateway) -> None:
    @asynccontextmanager
    async def away() -> AsyncGenerator[UnitOfWork]:
        raise ServiceUnavailableError("Postgres does not answer.")
        yield

    app = create_app(dataclasses.replace(gateway.container, units=away))
    async with gateway.user("admin-of-audit", role="admin") as known:
        await known.get("/me")
    async with dataclasses.replace(gateway, app=app).user("admin-of-audit", role="admin") as admin:
        with captured_log() as log:
            response = await admin.post("/api/rate-limit/user:somebody/reset")
    assert response.status_code == 204
    (line,) = log.events(message="audit entry not stored")
    assert line["level"] == "error"
    assert (line["entry"]["action"], line["entry"]["object_id"]) == ("admin.rate_limit_reset", "user:somebody")


def test_every_route_that_changes_something_is_audited(gateway: Gateway) -> None:
    unaudited = {
        f"{route.method} {route.path}"
        for route in list_routes(gateway.app.routes)
        if route.method not in ("GET", "HEAD", "OPTIONS")
        and route.name not in NOT_AUDITED
        and not route.path.startswith(("/api/auth/", "/codec/"))
        and not any(hasattr(call, ACTION_ATTRIBUTE) for call in route.dependencies)
    }
    assert unaudited == set()


def test_actions_are_named_alike() -> None:
    assert all(action.value.count(".") == 1 and action.value == action.value.lower() for action in AuditAction)
