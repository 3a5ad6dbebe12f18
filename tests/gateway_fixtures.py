"""Fixtures of tests that call the gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra.crypto import new_key
from infra.migrate import upgrade_database
from infra.settings import (
    AuthSettings,
    BlobSettings,
    CodecSettings,
    EncryptionSettings,
    GatewaySettings,
    MailSettings,
    PostgresSettings,
    RateLimitSettings,
    RedisSettings,
    Settings,
    TemporalSettings,
    WorkerSettings,
)
from infra.temporal.client import connect
from models.ids import new_id
from services.worker.container import activity_set, build_worker
from tests.gateway import Gateway, open_gateway
from tests.sample_blocks import sample_registry
from tests.servers import TemporalServer

TEMPORAL_UI = "http://temporal-ui.example.com:8233"
CONSOLE = "https://console.example.com"
CODEC_TOKEN = "codec-token-of-tests"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway_settings(
    database_url: str, redis_url: str, temporal_server: TemporalServer, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    await upgrade_database(database_url)
    blobs: Path = tmp_path_factory.mktemp("gateway-blobs")
    return Settings(
        postgres=PostgresSettings(database_url=SecretStr(database_url)),
        redis=RedisSettings(redis_url=SecretStr(redis_url)),
        temporal=TemporalSettings(
            temporal_address=temporal_server.address,
            temporal_namespace=temporal_server.namespace,
            temporal_task_queue=f"gateway-{new_id()}",
            temporal_ui_url=f"{TEMPORAL_UI}/namespaces",
        ),
        worker=WorkerSettings(worker_graceful_shutdown_seconds=1),
        blobs=BlobSettings(blob_store_url=f"file:{blobs}"),
        encryption=EncryptionSettings(encryption_keys=SecretStr(new_key())),
        mail=MailSettings(mail_folder=tmp_path_factory.mktemp("mails"), console_url=CONSOLE),
        codec=CodecSettings(codec_token=SecretStr(CODEC_TOKEN)),
        auth=AuthSettings(jwt_verify_key=SecretStr("test-key-of-more-than-thirty-two-characters")),
        gateway=GatewaySettings(
            max_request_bytes=2 * 1024 * 1024, cors_origins=CONSOLE, trusted_hosts="gateway.example.com,127.0.0.1"
        ),
        rate_limits=RateLimitSettings(
            rate_limit_requests_per_minute=10_000, rate_limit_auth_requests_per_minute=10_000
        ),
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(gateway_settings: Settings) -> AsyncIterator[Gateway]:
    async with open_gateway(gateway_settings) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worker(gateway_settings: Settings) -> AsyncIterator[None]:
    """A worker that runs what the gateway starts."""
    client = await connect(gateway_settings)
    async with (
        activity_set(client, gateway_settings, blocks=sample_registry()) as activities,
        build_worker(
            client,
            activities,
            task_queue=gateway_settings.temporal.temporal_task_queue,
            settings=gateway_settings.worker,
        ),
    ):
        yield
