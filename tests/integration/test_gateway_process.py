"""The gateway as a process of its own: it refuses what it cannot work with, and leaves cleanly."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping

from httpx2 import AsyncClient, ConnectError

from infra.embedded.ports import free_port
from infra.settings import Settings
from tests.databases import fresh_database
from tests.gateway import Gateway, assert_refused, graph_body, node_body
from tests.gateway_processes import DEADLINE_SECONDS, gateway_environment, gateway_process

TOO_MANY_BYTES = 11 * 1024 * 1024


async def _output_of(environment: Mapping[str, str]) -> tuple[int | None, str]:
    async with gateway_process(environment) as process:
        printed, _ = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        return process.returncode, printed.decode()


async def _pieces(count: int) -> AsyncIterator[bytes]:
    """A body that does not announce its length."""
    for _ in range(0, count, 65_536):
        yield b" " * 65_536


async def test_it_refuses_a_database_that_was_not_migrated(gateway_settings: Settings) -> None:
    async with fresh_database(gateway_settings.postgres.database_url.get_secret_value()) as url:
        code, printed = await _output_of(gateway_environment(gateway_settings, DATABASE_URL=url))
    assert code == 1
    assert "perdure migrate" in printed


async def test_it_refuses_to_start_without_a_key_for_tokens(gateway_settings: Settings) -> None:
    code, printed = await _output_of(gateway_environment(gateway_settings, JWT_VERIFY_KEY=""))
    assert code == 1
    assert "JWT_VERIFY_KEY" in printed


async def test_in_production_it_refuses_a_short_key_for_tokens(gateway_settings: Settings) -> None:
    environment = gateway_environment(gateway_settings, JWT_VERIFY_KEY="x" * 31, ENVIRONMENT="production")
    code, printed = await _output_of(environment)
    assert code == 1
    assert "at least 32" in printed


async def test_it_says_which_server_is_missing(gateway_settings: Settings) -> None:
    nowhere = f"postgresql://perdure@127.0.0.1:{free_port()}/perdure"
    code, printed = await _output_of(gateway_environment(gateway_settings, DATABASE_URL=nowhere))
    assert code == 1
    assert "Postgres does not answer" in printed


async def test_it_serves_and_leaves_on_sigterm(gateway: Gateway, gateway_settings: Settings) -> None:
    port = free_port()
    async with gateway_process(gateway_environment(gateway_settings, GATEWAY_PORT=str(port))) as process:
        headers = {"Authorization": f"Bearer {gateway.token('process-user')}"}
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while True:
                try:
                    ready = await client.get("/ready")
                    break
                except ConnectError:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
            assert ready.json()["status"] == "ready"
            body = graph_body([node_body("in", "text_input_block")])
            assert (await client.post("/api/graphs", json=body)).status_code == 200
            assert "server" not in ready.headers
            for content in (b" " * TOO_MANY_BYTES, _pieces(TOO_MANY_BYTES)):
                json = {"Content-Type": "application/json"}
                assert_refused(
                    await client.post("/api/graphs", content=content, headers=json), 413, "PAYLOAD_TOO_LARGE"
                )
            assert (await client.get("/me")).status_code == 200
        process.send_signal(signal.SIGTERM)
        printed, _ = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        assert process.returncode == 0, printed.decode()
        assert "Traceback" not in printed.decode()
