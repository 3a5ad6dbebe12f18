"""Fixtures of engine tests: migrated Postgres, Valkey, Temporal, and a worker with the sample blocks."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra.crypto import new_key
from infra.embedded.ports import free_port
from infra.embedded.server import running
from infra.migrate import upgrade_database
from infra.settings import (
    BlobSettings,
    EncryptionSettings,
    PostgresSettings,
    RedisSettings,
    Settings,
    TemporalSettings,
    WorkerSettings,
)
from infra.temporal.client import connect
from models.ids import new_id
from tests.engine import Engine, open_engine
from tests.servers import TemporalServer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine_settings(
    database_url: str, redis_url: str, temporal_server: TemporalServer, tmp_path_factory: Any
) -> Settings:
    await upgrade_database(database_url)
    blobs: Path = tmp_path_factory.mktemp("blobs")
    return Settings(
        postgres=PostgresSettings(database_url=SecretStr(database_url)),
        redis=RedisSettings(redis_url=SecretStr(redis_url)),
        temporal=TemporalSettings(
            temporal_address=temporal_server.address, temporal_namespace=temporal_server.namespace
        ),
        worker=WorkerSettings(worker_max_eager_activities=100, worker_graceful_shutdown_seconds=1),
        blobs=BlobSettings(blob_store_url=f"file:{blobs}"),
        encryption=EncryptionSettings(encryption_keys=SecretStr(new_key())),
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def idle_engine(engine_settings: Settings) -> AsyncIterator[Engine]:
    """Without a worker: tests start their own."""
    client = await connect(engine_settings)
    async with open_engine(client, engine_settings, task_queue=f"idle-{new_id()}") as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(idle_engine: Engine) -> AsyncIterator[Engine]:
    """With one worker that serves all tests of the session."""
    busy = idle_engine.on_task_queue(f"tests-{new_id()}")
    async with busy.worker():
        yield busy


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def restless_engine(engine_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """With one worker, on a server that suggests continuing as new after 50 events."""
    folder = tmp_path_factory.mktemp("restless")
    server = TemporalServer(
        folder / "temporal",
        port=free_port(),
        ui_port=free_port(),
        extra_config=("limit.historyCount.suggestContinueAsNew=50",),
    )
    async with running(server, log_path=folder / "temporal.log"):
        temporal = TemporalSettings(temporal_address=server.address, temporal_namespace=server.namespace)
        settings = dataclasses.replace(engine_settings, temporal=temporal)
        client = await connect(settings)
        async with open_engine(client, settings, task_queue=f"restless-{new_id()}") as engine, engine.worker():
            yield engine
