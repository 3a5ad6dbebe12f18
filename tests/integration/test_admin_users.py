"""What administrators do with users: look, suspend, erase."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlmodel import SQLModel

from infra.migrate import database_for
from infra.stores.all_tables import import_all_tables
from infra.stores.execution_recorder import PostgresExecutionRecorder
from models.api_keys import DEFAULT_PERMISSIONS
from models.erasure import Erasure
from models.errors import ForbiddenError, NotFoundError, ServiceUnavailableError
from models.ids import GraphExecId, GraphId, OwnerKeyId, UserId, new_id
from models.ports import GraphRunner
from models.wire import RunIdentity, RunOpening
from services.gateway.app import create_app
from services.gateway.erasures import Erasures
from services.gateway.run_request import RunRequest
from services.gateway.run_starter import RunStarter
from tests.accounts import Person, browser, log_in
from tests.gateway import Gateway, assert_refused, echo_graph_body, execute, save, sleeper_graph_body, until_status


@asynccontextmanager
async def administrator(gateway: Gateway, user_id: str = "the-administrator") -> AsyncIterator[AsyncClient]:
    async with gateway.user(user_id, role="admin", email="admin@example.com") as client:
        yield client


async def test_only_administrators_who_logged_in_are_let_in(gateway: Gateway) -> None:
    routes = [
        ("GET", "/api/admin/users"),
        ("GET", "/api/admin/users/x"),
        ("POST", "/api/admin/users/x/suspend"),
        ("POST", "/api/admin/users/x/unsuspend"),
        ("DELETE", "/api/admin/users/x"),
    ]
    async with administrator(gateway) as admin:
        await admin.get("/me")
    raw = await gateway.api_key("the-administrator", *DEFAULT_PERMISSIONS)
    async with gateway.user() as user, gateway.anonymous(**{"X-API-Key": raw}) as key:
        for client in (user, key):
            for method, path in routes:
                body = assert_refused(await client.request(method, path), 403, "FORBIDDEN")
                assert body["detail"] == "Admin access required"


async def test_users_are_listed_and_found(gateway: Gateway) -> None:
    person = await Person.register(gateway, name="Percy % Shelley")
    async with administrator(gateway) as admin:
        found = await admin.get("/api/admin/users", params={"search": person.email[:10].upper()})
        assert found.headers["X-Total-Count"] == "1"
        (user,) = found.json()
        assert (user["email"], user["status"], user["local"]) == (person.email, "ACTIVE", True)
        assert "key_id" not in user
        assert (await admin.get(f"/api/admin/users/{user['id']}")).json() == user
        by_name = (await admin.get("/api/admin/users", params={"search": "Percy %"})).json()
        assert user["id"] in [entry["id"] for entry in by_name]
        assert (await admin.get("/api/admin/users", params={"search": "%_%"})).json() == []
        everybody = await admin.get("/api/admin/users", params={"page_size": 1})
        assert len(everybody.json()) == 1
        assert int(everybody.headers["X-Total-Count"]) > 1
        assert_refused(await admin.get("/api/admin/users/nobody"), 404, "NOT_FOUND")
        assert (await admin.get("/api/admin/users", params={"search": "a\x00b"})).status_code == 422


async def test_a_suspended_user_is_refused_on_every_path_and_their_runs_end(gateway: Gateway, worker: None) -> None:
    person = await Person.register(gateway)
    tokens = await person.tokens()
    user_id, bearer = tokens["user"]["id"], {"Authorization": f"Bearer {tokens['access_token']}"}
    key = {"X-API-Key": await gateway.api_key(user_id, *DEFAULT_PERMISSIONS)}
    async with (
        browser(gateway) as at_browser,
        gateway.anonymous(**bearer) as client,
        administrator(gateway) as admin,
    ):
        await log_in(at_browser, person)
        run_id = await execute(client, await save(client, sleeper_graph_body(300)))
        await until_status(client, run_id, "RUNNING")
        suspended = await admin.post(f"/api/admin/users/{user_id}/suspend")
        assert suspended.json()["status"] == "SUSPENDED"
        for headers in (bearer, key):
            async with gateway.anonymous(**headers) as refused:
                for method, path in (("GET", "/me"), ("GET", "/api/graphs"), ("POST", "/api/auth/user")):
                    body = assert_refused(await refused.request(method, path), 403, "FORBIDDEN")
                    assert body["detail"] == "This account is suspended."
        assert (await at_browser.get("/me")).status_code == 401
        assert (await person.login()).status_code == 403
        assert (await person.login(password="a wrong one")).status_code == 401
        async with browser(gateway) as anonymous:
            body = {"refresh_token": tokens["refresh_token"]}
            assert (await anonymous.post("/api/auth/refresh", json=body)).status_code == 401
        assert (await admin.post(f"/api/admin/users/{user_id}/suspend")).status_code == 200
        assert (await admin.post(f"/api/admin/users/{user_id}/unsuspend")).json()["status"] == "ACTIVE"
        assert (await until_status(client, run_id, "TERMINATED"))["status"] == "TERMINATED"
        assert (await person.login()).status_code == 200


@dataclass
class AwayRunner:
    """A runner that cannot reach Temporal for a cancellation."""

    runner: GraphRunner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)

    async def cancel(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId) -> bool:
        raise ServiceUnavailableError("Temporal does not answer.")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_suspension_is_entered_even_if_the_runs_cannot_be_ended(gateway: Gateway, method: str) -> None:
    user_id = f"elsewhere-{uuid4()}"
    async with gateway.user(user_id) as client:
        await execute(client, await save(client, sleeper_graph_body(300)))
    runner = cast("GraphRunner", AwayRunner(gateway.container.runner))
    away = Gateway(
        app=create_app(replace(gateway.container, runner=runner)),
        container=gateway.container,
        settings=gateway.settings,
    )
    path = f"/api/admin/users/{user_id}" + ("/suspend" if method == "POST" else "")
    async with administrator(away) as admin, gateway.user(user_id) as client:
        assert_refused(await admin.request(method, path), 503, "SERVICE_UNAVAILABLE")
        assert_refused(await client.get("/me"), 403, "FORBIDDEN")
        entries = (await admin.get("/api/admin/audit", params={"action": "user.suspended"})).json()["entries"]
    (entry,) = [entry for entry in entries if entry["object_id"] == user_id]
    assert (entry["actor_id"], entry["owner_id"]) == ("the-administrator", user_id)
    await erase(gateway, user_id)


async def test_a_run_that_began_while_its_user_was_suspended_is_cancelled(gateway: Gateway, worker: None) -> None:
    user_id, container = f"elsewhere-{uuid4()}", gateway.container
    async with gateway.user(user_id) as client, administrator(gateway) as admin:
        graph_id = await save(client, sleeper_graph_body(300))
        async with container.units() as unit:
            user = await unit.users.find(UserId(user_id))
        assert user is not None
        # The start has passed the check of its user already.
        assert (await admin.post(f"/api/admin/users/{user_id}/suspend")).status_code == 200
        with pytest.raises(ForbiddenError):
            await RunStarter(container).start(user, RunRequest(graph_id=GraphId(graph_id)))
        assert (await admin.post(f"/api/admin/users/{user_id}/unsuspend")).status_code == 200
        (run,) = (await client.get("/api/executions")).json()
        await until_status(client, run["id"], "TERMINATED")


async def test_users_of_another_provider_are_suspended_too(gateway: Gateway) -> None:
    user_id = f"elsewhere-{uuid4()}"
    async with gateway.user(user_id) as client, administrator(gateway) as admin:
        await client.get("/me")
        await admin.post(f"/api/admin/users/{user_id}/suspend")
        assert_refused(await client.get("/me"), 403, "FORBIDDEN")


async def test_administrators_cannot_lock_themselves_out(gateway: Gateway) -> None:
    async with administrator(gateway) as admin:
        assert_refused(await admin.post("/api/admin/users/the-administrator/suspend"), 409, "CONFLICT")
        assert_refused(await admin.delete("/api/admin/users/the-administrator"), 409, "CONFLICT")
        assert_refused(await admin.delete("/api/admin/users/nobody"), 404, "NOT_FOUND")


async def rows_of(gateway: Gateway, user_id: str, run_id: str) -> dict[str, int]:
    """Rows by table that name the user or their run, and must not outlive them."""
    import_all_tables()
    database = database_for(gateway.settings.postgres.database_url.get_secret_value(), application_name="test")
    found: dict[str, int] = {}
    async with database.transaction() as session:
        for table in SQLModel.metadata.sorted_tables:
            for column, value in (("user_id", user_id), ("graph_exec_id", run_id)):
                if column in table.c and not table.info.get("kept_on_erasure"):
                    query = text(f"SELECT count(*) FROM {table.name} WHERE {column} = :value")
                    found[f"{table.name}.{column}"] = await session.scalar(query, {"value": value}) or 0
        found["users.id"] = (
            await session.scalar(text("SELECT count(*) FROM users WHERE id = :id"), {"id": user_id}) or 0
        )
    await database.close()
    return found


async def test_an_erased_user_leaves_nothing_but_the_audit_log(gateway: Gateway, worker: None) -> None:
    person, neighbour = await Person.register(gateway), f"neighbour-{uuid4()}"
    tokens = await person.tokens()
    user_id, bearer = tokens["user"]["id"], {"Authorization": f"Bearer {tokens['access_token']}"}
    await gateway.api_key(user_id, *DEFAULT_PERMISSIONS)
    async with gateway.anonymous(**bearer) as client, administrator(gateway) as admin, gateway.user(neighbour) as other:
        other_graph = await save(other, echo_graph_body())
        graph_id = await save(client, echo_graph_body())
        await client.post("/api/auth/user/preferences", json={"daily_limit": 1})
        run_id = await execute(client, graph_id, x="mine")
        await until_status(client, run_id, "COMPLETED")
        assert sum((await rows_of(gateway, user_id, run_id)).values()) > 5
        assert (await admin.delete(f"/api/admin/users/{user_id}")).status_code == 204
        left = await rows_of(gateway, user_id, run_id)
        assert {name: count for name, count in left.items() if count} == {}
        assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")
        assert (await person.login()).status_code == 401
        assert_refused(await admin.get(f"/api/admin/users/{user_id}"), 404, "NOT_FOUND")
        assert (await other.get(f"/api/graphs/{other_graph}")).status_code == 200
        entries = (await admin.get("/api/admin/audit", params={"action": "user.erased"})).json()
        assert user_id in str(entries)
    again = await Person.register(gateway)
    assert (await again.login()).status_code == 200


async def erase(gateway: Gateway, user_id: str) -> None:
    async with administrator(gateway) as admin:
        assert (await admin.delete(f"/api/admin/users/{user_id}")).status_code == 204


async def test_a_token_from_before_the_erasure_brings_nobody_back(gateway: Gateway) -> None:
    user_id, now = f"elsewhere-{uuid4()}", datetime.now(UTC)
    old = [{"iat": now - timedelta(minutes=1)}, {"iat": None}]
    async with gateway.user(user_id, iat=now - timedelta(minutes=1)) as client:
        graph_id = await save(client, echo_graph_body())
    await erase(gateway, user_id)
    for claims in old:
        async with gateway.user(user_id, **claims) as client:
            assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")
    # Whoever the provider still lets in is somebody new, and older tokens do not open the new account either.
    async with gateway.user(user_id, iat=datetime.now(UTC) + timedelta(seconds=5)) as client:
        assert (await client.get("/me")).status_code == 200
        assert (await client.get("/api/graphs")).json() == []
        assert (await client.get(f"/api/graphs/{graph_id}")).status_code == 404
    for claims in old:
        async with gateway.user(user_id, **claims) as client:
            assert_refused(await client.get("/me"), 401, "UNAUTHENTICATED")


async def erasure_of(gateway: Gateway, user_id: str) -> Erasure:
    async with gateway.container.units() as unit:
        return next(entry for entry in await unit.erasures.list_unfinished() if entry.user_id == user_id)


async def test_what_a_run_writes_after_the_erasure_is_deleted_too(gateway: Gateway, worker: None) -> None:
    user_id = f"elsewhere-{uuid4()}"
    async with gateway.user(user_id) as client:
        run_id = await execute(client, await save(client, sleeper_graph_body(300)))
        await until_status(client, run_id, "RUNNING")
    await erase(gateway, user_id)
    erasure = await erasure_of(gateway, user_id)
    assert run_id in erasure.runs
    late = RunIdentity(
        graph_exec_id=GraphExecId(run_id), graph_id=GraphId(new_id()), graph_version=1, user_id=UserId(user_id)
    )
    database = database_for(gateway.settings.postgres.database_url.get_secret_value(), application_name="test")
    opening = RunOpening(inputs={}, created_at=datetime.now(UTC))
    await PostgresExecutionRecorder(database).open_execution(late, opening)
    await database.close()
    await gateway.container.blobs.put(f"runs/{run_id}/late", b"late")
    assert sum((await rows_of(gateway, user_id, run_id)).values()) > 0
    # As a gateway does that starts after the one that erased has died.
    await Erasures(gateway.container, grace=timedelta(0)).resume()
    assert sum((await rows_of(gateway, user_id, run_id)).values()) == 0
    with pytest.raises(NotFoundError):
        await gateway.container.blobs.get(f"runs/{run_id}/late")
    async with gateway.container.units() as unit:
        assert user_id not in [entry.user_id for entry in await unit.erasures.list_unfinished()]


async def test_a_user_of_very_many_runs_is_erased(gateway: Gateway, worker: None) -> None:
    user_id = f"busy-{uuid4()}"
    async with gateway.user(user_id) as client:
        run_id = await execute(client, await save(client, echo_graph_body()), x=1)
        await until_status(client, run_id, "COMPLETED")
    erasure = Erasure(user_id=UserId(user_id), key_id=OwnerKeyId("any"), erased_at=datetime.now(UTC))
    others = [GraphExecId(new_id()) for _ in range(40_000)]
    async with gateway.container.units() as unit:
        await unit.erasures.delete_left(erasure, [*others, GraphExecId(run_id)])
    left = await rows_of(gateway, user_id, run_id)
    assert (left["graph_executions.user_id"], left["node_executions.graph_exec_id"]) == (0, 0)


async def test_cleaning_up_leaves_a_later_account_with_the_same_id_alone(gateway: Gateway, worker: None) -> None:
    user_id = f"elsewhere-{uuid4()}"
    async with gateway.user(user_id) as client:
        await client.get("/me")
    await erase(gateway, user_id)
    erasure = await erasure_of(gateway, user_id)
    async with gateway.user(user_id, iat=datetime.now(UTC) + timedelta(seconds=5)) as client:
        graph_id = await save(client, echo_graph_body())
        run_id = await execute(client, graph_id, x=1)
        await until_status(client, run_id, "COMPLETED")
        await Erasures(gateway.container, grace=timedelta(0)).clean_up(erasure)
        assert (await client.get(f"/api/graphs/{graph_id}")).status_code == 200
        assert (await client.get(f"/api/executions/{run_id}")).status_code == 200
