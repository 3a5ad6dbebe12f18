"""API keys over HTTP: made once, shown once, used, changed, taken back."""

import asyncio
import hashlib
from typing import Any

import pytest
from httpx2 import AsyncClient

from models.api_keys import DEFAULT_PERMISSIONS, Permission, issue_api_key
from models.ids import UserId
from services.gateway.features.api_keys.service import MAX_ACTIVE_KEYS
from tests.gateway import Gateway, assert_refused, echo_graph_body

KEYS = ("/api/api-keys", "/api/user/api-keys")
SHOWN = {
    *("id", "user_id", "type", "name", "description", "head", "tail", "prefix", "postfix", "masked_key", "status"),
    *("is_active", "scopes", "permissions", "created_at", "last_used", "last_used_at", "revoked_at"),
}


async def make(client: AsyncClient, **fields: Any) -> tuple[dict[str, Any], str]:
    response = await client.post("/api/api-keys", json={"name": "Key", **fields})
    assert response.status_code == 200, response.text
    return response.json()["api_key"], response.json()["plain_text_key"]


async def status_of(gateway: Gateway, raw: str) -> int:
    async with gateway.anonymous(**{"X-API-Key": raw}) as client:
        return (await client.get("/me")).status_code


@pytest.mark.parametrize("url", KEYS)
async def test_a_key_is_shown_once_and_works(gateway: Gateway, url: str) -> None:
    async with gateway.user() as client:
        response = await client.post(url, json={"name": " Key ", "description": "For tests"})
        assert response.headers["Cache-Control"] == "no-store"
        key, raw = response.json()["api_key"], response.json()["plain_text_key"]
        assert key.keys() == SHOWN
        assert (key["name"], key["description"], key["type"]) == ("Key", "For tests", "api_key")
        assert (key["head"], key["tail"]) == (key["prefix"], key["postfix"]) == (raw[:8], raw[-8:])
        assert key["masked_key"] == f"{raw[:8]}{'*' * 12}...{raw[-8:]}"
        assert (key["status"], key["is_active"], key["last_used_at"], key["revoked_at"]) == ("ACTIVE", True, None, None)
        assert set(key["permissions"]) == set(key["scopes"]) == DEFAULT_PERMISSIONS
        async with gateway.anonymous(Authorization=f"Bearer {raw}") as holder:
            assert (await holder.post("/api/graphs", json=echo_graph_body())).status_code == 200
        read = (await client.get(f"{url}/{key['id']}")).json()
        assert read["last_used"] == read["last_used_at"] is not None
        listed = await client.get(url)
        assert listed.json() == [read]
        for text in (listed.text, (await client.get(f"{url}/{key['id']}")).text):
            assert raw not in text
            assert hashlib.sha256(raw.encode()).hexdigest() not in text


async def test_lists_are_newest_first_and_paged(gateway: Gateway) -> None:
    async with gateway.user() as client:
        made = [(await make(client, name=f"Key {number}"))[0]["id"] for number in range(3)]
        await client.delete(f"/api/api-keys/{made[1]}")
        page = await client.get("/api/api-keys", params={"page": 1, "page_size": 2})
        assert [key["id"] for key in page.json()] == [made[2], made[1]]
        assert page.headers["X-Total-Count"] == "3"


async def test_a_suspended_key_is_refused_until_it_is_activated(gateway: Gateway) -> None:
    async with gateway.user() as client:
        key, raw = await make(client)
        url = f"/api/api-keys/{key['id']}"
        for _ in range(2):
            suspended = (await client.post(f"{url}/suspend")).json()
            assert (suspended["status"], suspended["is_active"]) == ("SUSPENDED", False)
        assert await status_of(gateway, raw) == 401
        for _ in range(2):
            assert (await client.post(f"{url}/activate")).json()["status"] == "ACTIVE"
        assert await status_of(gateway, raw) == 200


async def test_revoking_is_for_good_and_repeating_it_changes_nothing(gateway: Gateway) -> None:
    async with gateway.user() as client:
        key, raw = await make(client)
        url = f"/api/api-keys/{key['id']}"
        revoked = (await client.delete(url)).json()
        assert (revoked["status"], revoked["is_active"]) == ("REVOKED", False)
        assert revoked["revoked_at"]
        assert (await client.delete(url)).json() == revoked
        assert await status_of(gateway, raw) == 401
        for refused in (
            await client.post(f"{url}/activate"),
            await client.post(f"{url}/suspend"),
            await client.put(f"{url}/permissions", json={"permissions": ["READ_GRAPH"]}),
        ):
            assert "revoked" in assert_refused(refused, 409, "CONFLICT")["detail"]
        assert (await client.get("/api/api-keys")).json() == [revoked]


async def test_permissions_name_and_description_change(gateway: Gateway) -> None:
    async with gateway.user() as client:
        key, raw = await make(client, description="Old")
        url = f"/api/api-keys/{key['id']}"
        changed = (await client.put(f"{url}/permissions", json={"permissions": ["READ_BLOCK", "READ_BLOCK"]})).json()
        assert changed["permissions"] == changed["scopes"] == ["READ_BLOCK"]
        async with gateway.anonymous(**{"X-API-Key": raw}) as holder:
            assert_refused(await holder.get("/api/graphs"), 403, "FORBIDDEN")
        renamed = (await client.patch(url, json={"name": "New"})).json()
        assert (renamed["name"], renamed["description"]) == ("New", "Old")
        cleared = (await client.patch(url, json={"description": None})).json()
        assert (cleared["name"], cleared["description"]) == ("New", None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "Key", "description": "x" * 1001},
        {"name": "Key", "permissions": ["FLY"]},
        {"name": "Key", "permissions": []},
        {"name": "Key", "permissions": "READ_GRAPH"},
    ],
)
async def test_what_no_key_can_have_is_refused(gateway: Gateway, body: dict[str, Any]) -> None:
    async with gateway.user() as client:
        assert_refused(await client.post("/api/api-keys", json=body), 422, "VALIDATION_ERROR")
        assert (await client.get("/api/api-keys")).json() == []
        key, _ = await make(client, name="x" * 100)
        changes = {name: value for name, value in body.items() if name == "name"} or {"name": None}
        if body.get("name") != "Key":
            assert_refused(await client.patch(f"/api/api-keys/{key['id']}", json=changes), 422, "VALIDATION_ERROR")


async def test_a_key_manages_keys_only_within_its_own_permissions(gateway: Gateway) -> None:
    async with gateway.user() as client:
        strong, _ = await make(client, permissions=["READ_GRAPH", "WRITE_GRAPH"])
        _, manager = await make(client, permissions=["MANAGE_API_KEYS", "READ_GRAPH"])
        _, other = await make(client)
        async with gateway.anonymous(**{"X-API-Key": other}) as holder:
            for url in KEYS:
                refused = assert_refused(await holder.get(url), 403, "FORBIDDEN")
                assert refused["detail"] == "Missing required permission(s): MANAGE_API_KEYS"
        async with gateway.anonymous(**{"X-API-Key": manager}) as holder:
            weak, raw = await make(holder, permissions=["READ_GRAPH"])
            assert await status_of(gateway, raw) == 200
            strong_url, weak_url = f"/api/api-keys/{strong['id']}", f"/api/api-keys/{weak['id']}"
            more = {"permissions": ["WRITE_GRAPH"]}
            for refused in (
                await holder.post("/api/api-keys", json={"name": "Key"}),
                await holder.post("/api/api-keys", json={"name": "Key", **more}),
                await holder.put(f"{weak_url}/permissions", json=more),
                await holder.put(f"{strong_url}/permissions", json={"permissions": ["READ_GRAPH"]}),
                await holder.post(f"{strong_url}/suspend"),
                await holder.post(f"{strong_url}/activate"),
                await holder.patch(strong_url, json={"name": "Mine"}),
                await holder.delete(strong_url),
            ):
                assert "Missing required permission(s)" in assert_refused(refused, 403, "FORBIDDEN")["detail"]
            assert (await holder.delete(weak_url)).json()["status"] == "REVOKED"
        assert (await client.get(strong_url)).json() == strong


async def test_fifty_keys_made_at_once_are_fifty(gateway: Gateway) -> None:
    async with gateway.user() as client:
        made = await asyncio.gather(*(make(client, name=f"Key {number}") for number in range(50)))
        assert len({raw for _, raw in made}) == 50
        assert {key["id"] for key in (await client.get("/api/api-keys")).json()} == {key["id"] for key, _ in made}


async def test_the_limit_holds_also_when_requests_come_at_once(gateway: Gateway) -> None:
    async with gateway.user("collector") as client:
        first, _ = await make(client)
        async with gateway.container.units() as unit:
            for number in range(MAX_ACTIVE_KEYS - 6):
                key, _ = issue_api_key(
                    user_id=UserId("collector"), name=f"Key {number}", now=gateway.container.clock.now()
                )
                await unit.api_keys.ensure(key)
        answers = await asyncio.gather(*(client.post("/api/api-keys", json={"name": "Race"}) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 15
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert assert_refused(refused, 409, "CONFLICT")["error"]["details"] == {"limit": MAX_ACTIVE_KEYS}
        # A suspended key makes room; then it cannot come back beside the one that took its place.
        await client.post(f"/api/api-keys/{first['id']}/suspend")
        last, _ = await make(client)
        assert_refused(await client.post(f"/api/api-keys/{first['id']}/activate"), 409, "CONFLICT")
        await client.delete(f"/api/api-keys/{last['id']}")
        assert (await client.post(f"/api/api-keys/{first['id']}/activate")).status_code == 200


async def test_every_permission_can_be_given(gateway: Gateway) -> None:
    async with gateway.user() as client:
        key, _ = await make(client, permissions=list(Permission))
        assert key["permissions"] == list(Permission)
