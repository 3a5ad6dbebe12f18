"""Gateways as processes of their own."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO

from httpx2 import AsyncClient, ConnectError

from infra.embedded.ports import free_port
from infra.settings import Settings

DEADLINE_SECONDS = 60


def gateway_environment(settings: Settings, **changes: str) -> dict[str, str]:
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
async def gateway_process(
    environment: Mapping[str, str], *, log: IO[bytes] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A gateway that prints to `log`, or into a pipe that somebody must read."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.gateway.main"),
        env=environment,
        stdout=log or asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _temporary_file() -> AsyncIterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        yield file


@asynccontextmanager
async def serving(settings: Settings, **changes: str) -> AsyncIterator[int]:
    """The port of a gateway that is ready."""
    port = free_port()
    environment = gateway_environment(settings, GATEWAY_PORT=str(port), **changes)
    async with (
        _temporary_file() as log,
        gateway_process(environment, log=log),
        AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                if (await client.get("/ready")).status_code == 200:
                    break
            except ConnectError:
                await asyncio.sleep(0.05)
            assert time.monotonic() < deadline, "the gateway is not ready in time"
        yield port
