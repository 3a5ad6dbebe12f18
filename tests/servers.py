"""Real servers for the test session, each with fresh data in a temporary folder."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.embedded.ports import free_port
from infra.embedded.postgres import PostgresServer
from infra.embedded.server import running
from infra.embedded.temporal import TemporalServer
from infra.embedded.valkey import ValkeyServer


@asynccontextmanager
async def running_postgres(folder: Path) -> AsyncGenerator[PostgresServer]:
    """Without fsync: the data need not survive the machine."""
    extra = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
    server = PostgresServer(folder / "postgres", port=free_port(), password=secrets.token_urlsafe(16), extra=extra)
    async with running(server, log_path=folder / "postgres.log"):
        yield server


@asynccontextmanager
async def running_valkey(folder: Path) -> AsyncGenerator[ValkeyServer]:
    server = ValkeyServer(folder / "redis", port=free_port(), password=secrets.token_urlsafe(16))
    async with running(server, log_path=folder / "redis.log"):
        yield server


@asynccontextmanager
async def running_temporal(folder: Path) -> AsyncGenerator[TemporalServer]:
    server = TemporalServer(folder / "temporal", port=free_port(), ui_port=free_port())
    async with running(server, log_path=folder / "temporal.log"):
        yield server
