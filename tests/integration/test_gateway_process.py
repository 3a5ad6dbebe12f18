"""The gateway as a process of its own: it refuses what it cannot work with, and leaves cleanly."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from httpx2 import AsyncClient, ConnectError

from infra.embedded.ports import free_port
from infra.settings import Settings
from tests.databases import fresh_database
from tests.gateway import Gateway, assert_refused, graph_body, node_body

DEADLINE_SECONDS = 60
TOO_MANY_BYTES = 11 * 1024 * 1024


def _environment(settings: Settings, **changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return {
        **kept,
        "PYTHONWARNINGS": "error",
        "DATABASE_URL": settings.postgres.database_url.get_secret_value(),
        "REDIS_URL": settings.redis.redis_url.get_secret_value(),
        "TEMPORAL_ADDRESS": settings.temporal.temporal_address,
        "TEMPORAL_NAMESPACE": settings.temporal.temporal_namespace,
        "TEMPORAL_TASK_QUEUE": settings.temporal.temporal_task_queue,
        "BLOB_STORE_URL": settings.blobs.blob_store_url,
        "ENCRYPTION_KEYS": settings.encryption.encryption_keys.get_secret_value(),
        "JWT_VERIFY_KEY": settings.auth.jwt_verify_key.get_secret_value(),
        "LOG_FORMAT": "json",
        **changes,
    }


@asynccontextmanager
async def _process(environment: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.gateway.main"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _output_of(environment: Mapping[str, str]) -> tuple[int | None, str]:
    async with _process(environment) as process:
        printed, _ = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        return process.returncode, printed.decode()


async def _pieces(count: int) -> AsyncIterator[bytes]:
    """A body that does not announce its length."""
    for _ in range(0, count, 65_536):
        yield b" " * 65_536


async def test_it_refuses_a_database_that_was_not_migrated(gateway_settings: Settings) -> None:
    async with fresh_database(gateway_settings.postgres.database_url.get_secret_value()) as url:
        code, printed = await _output_of(_environment(gateway_settings, DATABASE_URL=url))
    assert code == 1
    assert "perdure migrate" in printed


async def test_it_refuses_to_start_without_a_key_for_tokens(gateway_settings: Settings) -> None:
    code, printed = await _output_of(_environment(gateway_settings, JWT_VERIFY_KEY=""))
    assert code == 1
    assert "JWT_VERIFY_KEY" in printed


async def test_in_production_it_refuses_a_short_key_for_tokens(gateway_settings: Settings) -> None:
    environment = _environment(gateway_settings, JWT_VERIFY_KEY="x" * 31, ENVIRONMENT="production")
    code, printed = await _output_of(environment)
    assert code == 1
    assert "at least 32" in printed


async def test_it_says_which_server_is_missing(gateway_settings: Settings) -> None:
    nowhere = f"postgresql://perdure@127.0.0.1:{free_port()}/perdure"
    code, printed = await _output_of(_environment(gateway_settings, DATABASE_URL=nowhere))
    assert code == 1
    assert "Postgres does not answer" in printed


async def test_it_serves_and_leaves_on_sigterm(gateway: Gateway, gateway_settings: Settings) -> None:
    port = free_port()
    async with _process(_environment(gateway_settings, GATEWAY_PORT=str(port))) as process:
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
