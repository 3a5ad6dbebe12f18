"""Secrets that are planted wherever a request can carry one appear in no log."""

import secrets
from typing import Any

from models.api_keys import Permission
from tests.gateway import Gateway, echo_graph_body, execute, graph_body, node_body, save
from tests.log_capture import captured_log


def canary() -> str:
    return f"canary{secrets.token_hex(12)}"


async def test_credentials_in_headers_and_bodies_are_in_no_log(gateway: Gateway) -> None:
    planted: list[str] = []

    def plant(form: str = "{}") -> str:
        planted.append(canary())
        return form.format(planted[-1])

    async with gateway.anonymous() as client:
        with captured_log() as log:
            for headers in (
                {"Authorization": plant("Bearer {}")},
                {"Authorization": plant("Bearer eyJhbGciOiJIUzI1NiJ9.{}.sig")},
                {"Authorization": plant("Basic {}")},
                {"Authorization": plant("agpt_{}")},
                {"X-API-Key": plant()},
                {"X-API-Key": plant("agpt_{}") + "x" * 13},
                {"Cookie": plant("session={}")},
            ):
                assert (await client.get("/api/graphs", headers=headers)).status_code == 401
            credentials: Any = {"email": "nobody@example.com", "password": plant()}
            await client.post("/api/auth/login", json=credentials)
            await client.post("/api/auth/register", json={**credentials, "password": plant("{}-Aa1")})
            await client.post("/api/auth/login", json={"email": plant(), "password": {"nested": plant()}})
            await client.post("/api/auth/refresh", json={"refresh_token": plant()})
            await client.post(f"/api/events/{plant()}", json={})
            await client.get("/api/graphs", params={"token": plant(), "api_key": plant()})
    assert log.events(message="request"), "nothing was logged at all"
    for secret in planted:
        assert secret not in log.text


async def test_a_new_api_key_is_in_no_log(gateway: Gateway) -> None:
    async with gateway.user() as client:
        with captured_log() as log:
            made = (await client.post("/api/api-keys", json={"name": "Key"})).json()
            raw = made["plain_text_key"]
            async with gateway.anonymous(**{"X-API-Key": raw}) as holder:
                await holder.get("/api/graphs")
                await holder.get("/api/api-keys")
            async with gateway.anonymous(Authorization=f"Bearer {raw}") as holder:
                await holder.get("/api/graphs/none")
    assert log.events(message="request")
    assert raw not in log.text
    assert raw[5:] not in log.text


async def test_inputs_and_constants_are_in_no_log(gateway: Gateway, worker: None) -> None:
    secret = canary()
    async with gateway.user() as client:
        with captured_log() as log:
            graph_id = await save(client, echo_graph_body())
            await execute(client, graph_id, x=secret, password=secret)
            await client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": [secret]})
            await client.post("/api/graphs", json=graph_body([node_body("n", "echo", api_key=secret, value=secret)]))
            await client.post("/api/graphs", json=graph_body([{"id": 7, "block_id": {"password": secret}}]))
            await client.post(
                "/api/graphs", content=f'{{"password": "{secret}', headers={"Content-Type": "application/json"}
            )
            await client.post("/api/blocks/echo/execute", json={"value": secret})
            await client.post("/api/blocks/none/execute", json={"value": secret})
    assert log.events(message="request")
    assert secret not in log.text


async def test_a_forbidden_key_is_in_no_log(gateway: Gateway) -> None:
    async with gateway.user("canary-keeper") as client:
        await client.get("/me")
    raw = await gateway.api_key("canary-keeper", Permission.READ_BLOCK)
    with captured_log() as log:
        async with gateway.anonymous(**{"X-API-Key": raw}) as holder:
            assert (await holder.get("/api/graphs")).status_code == 403
    assert log.events(message="request refused", status=403)
    assert raw[5:] not in log.text
