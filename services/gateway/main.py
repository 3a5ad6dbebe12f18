"""The gateway process: `python -m services.gateway.main`."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Final
from urllib.parse import urlsplit

import structlog
import uvicorn
from fastapi import FastAPI

from activities.blocks.registry import BlockRegistry
from infra import redis
from infra.blobs import open_blob_store
from infra.block_services import BlockServices
from infra.clock import SystemClock
from infra.crypto import KeyRing
from infra.feature_flags import open_flags
from infra.installed_blocks import discover_blocks
from infra.keyed_mutex import AsyncRedisKeyedMutex
from infra.logging import configure_logging
from infra.migrate import check_schema
from infra.postgres import Database
from infra.production import refuse_unsafe
from infra.rate_limits import RedisRateLimitStore
from infra.settings import Environment, RateLimitSettings, Settings, settings_of_process
from infra.stores.wait_recorder import PostgresWaitRecorder
from infra.temporal.client import connect
from infra.temporal.codec import EncryptionCodec
from infra.temporal.codec_server import CodecServer
from infra.temporal.runner import TemporalGraphRunner
from infra.unit_of_work import UnitsOfWork
from models.errors import AppError
from models.ports import Clock, RateLimitStore
from services.gateway.app import create_app
from services.gateway.auth_parts import auth_options, open_auth
from services.gateway.background import Background
from services.gateway.client_address import ClientAddresses
from services.gateway.container import Container
from services.gateway.erasures import Erasures
from services.gateway.features.identity.first_admin import FirstAdministrator
from services.gateway.http_protocol import bounded_http_protocol
from services.gateway.metrics import GatewayMetrics
from services.gateway.middleware.cors import ANY_ORIGIN
from services.gateway.rate_limit.gate import RateGate
from services.gateway.rate_limit.in_process import InProcessRateLimitStore
from services.gateway.rate_limit.limiter import RateLimiter
from services.gateway.rate_limit.rules import RateRules
from services.gateway.readiness import Readiness
from services.gateway.waiting_polls import MAX_OF_PROCESS

SHUTDOWN_SECONDS: Final = 30
SHORT_CONNECTIONS: Final = 32
"""Connections to Redis that short commands queue for: of sessions, of attempts, of events that are there."""

LIMIT_CONNECTIONS: Final = 16
"""The same of checks of limits and of locks."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_container(settings: Settings, *, blocks: BlockRegistry | None = None) -> AsyncGenerator[Container]:
    """The real parts, opened and checked; closed at the end. `blocks`: the discovered ones unless given.

    Raises:
        ConfigurationError: a setting is missing, or the database schema is not the one of this release.
        ServiceUnavailableError: Postgres or Temporal does not answer.
    """
    clock = SystemClock()
    origins = _origins(settings.gateway.cors_origins)
    options = auth_options(settings, trusted_origins=origins)
    refuse_unsafe(settings)
    keys = KeyRing.parse(settings.encryption.encryption_keys.get_secret_value())
    blobs = open_blob_store(settings.blobs, keys)
    database = Database(settings.postgres, application_name="perdure-gateway")
    redis_client = redis.connect_queueing(settings.redis, max_connections=SHORT_CONNECTIONS)
    polls_client = redis.connect(settings.redis, max_connections=MAX_OF_PROCESS)
    limits_client = redis.connect_queueing(settings.redis, max_connections=LIMIT_CONNECTIONS)
    addresses, metrics = ClientAddresses(settings.gateway.proxies), GatewayMetrics()
    block_services = BlockServices(settings.language_model, blobs=blobs, database=database)
    stack = AsyncExitStack()
    try:
        await check_schema(database)
        temporal = await connect(settings)
        runner = TemporalGraphRunner(
            temporal, task_queue=settings.temporal.temporal_task_queue, ui_url=settings.temporal.temporal_ui_url
        )
        events = redis.RedisEventBus(
            redis_client,
            max_length=settings.redis.event_stream_max_length,
            ttl_seconds=settings.redis.event_stream_ttl_seconds,
            waiting=polls_client,
        )
        units = UnitsOfWork(database)
        locks = AsyncRedisKeyedMutex(limits_client, observe=metrics.observe_lock)
        stack.push_async_callback(locks.release_all_locks)
        flags = await stack.enter_async_context(open_flags(settings.flags))
        background = Background()
        parts = await stack.enter_async_context(
            open_auth(options, settings, units=units, database=database, redis=redis_client, clock=clock)
        )
        # What answers have left to do may send mail, so it ends first.
        stack.push_async_callback(background.drain)
        yield Container(
            units=units,
            auth=parts.auth,
            authenticator=parts.authenticator,
            lookup=parts.lookup,
            tokens=parts.tokens,
            sessions=parts.sessions,
            passwords=parts.passwords,
            attempts=parts.attempts,
            mailer=parts.mailer,
            oidc=parts.oidc,
            background=background,
            blocks=blocks or discover_blocks(),
            blobs=blobs,
            runner=runner,
            waits=PostgresWaitRecorder(database),
            events=events,
            clock=clock,
            flags=flags,
            locks=locks,
            addresses=addresses,
            rate_gate=_rate_gate(settings.rate_limits, RedisRateLimitStore(limits_client), clock, addresses, metrics),
            metrics=metrics,
            readiness=Readiness({"postgres": database.ping, "redis": events.ping, "temporal": runner.ping}),
            block_services=block_services.services,
            codec=CodecServer(EncryptionCodec(keys)),
            codec_token=settings.codec.codec_token,
            codec_origins=_origins(settings.temporal.temporal_ui_url or ""),
            cors_origins=origins,
            max_request_bytes=settings.gateway.max_request_bytes,
            max_body_seconds=settings.gateway.request_body_seconds,
            trusted_hosts=settings.gateway.hosts,
            production=settings.app.environment is Environment.PRODUCTION,
        )
    finally:
        await stack.aclose()
        await block_services.aclose()
        await limits_client.aclose()
        await polls_client.aclose()
        await redis_client.aclose()
        await database.close()


class _Server(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn would raise them again at the end, and kill the process before it closed."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(
    settings: Settings,
    *,
    sockets: list[socket.socket] | None = None,
    extend: Callable[[FastAPI], None] = lambda app: None,
) -> None:
    """Answers requests until SIGINT or SIGTERM; those under way then get `SHUTDOWN_SECONDS` to end.

    Args:
        sockets: to listen on instead of the host and port of the settings; several processes may share them.
        extend: may add routes.
    """
    async with open_container(settings) as container:
        await FirstAdministrator(container).announce()
        container.background.start(Erasures(container).resume(), name="erasures", resumes=True)
        app = create_app(container)
        extend(app)
        server = _Server(
            uvicorn.Config(
                app,
                host=settings.gateway.gateway_host,
                port=settings.gateway.gateway_port,
                http=bounded_http_protocol(
                    max_head_bytes=settings.gateway.max_header_bytes,
                    head_seconds=settings.gateway.request_head_seconds,
                ),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.handle_exit, number, None)
        await server.serve(sockets=sockets)


def _rate_gate(
    settings: RateLimitSettings,
    store: RateLimitStore,
    clock: Clock,
    addresses: ClientAddresses,
    metrics: GatewayMetrics,
) -> RateGate:
    rules = RateRules.of(
        requests_per_minute=settings.rate_limit_requests_per_minute,
        auth_requests_per_minute=settings.rate_limit_auth_requests_per_minute,
        window_seconds=settings.rate_limit_window_seconds,
        burst_requests=None if settings.rate_limit_burst else settings.rate_limit_burst_requests,
    )
    in_process = InProcessRateLimitStore(clock)
    limiter = RateLimiter(store, rule=rules.default, in_process=in_process, clock=clock, metrics=metrics)
    return RateGate(limiter, rules, addresses)


def _origins(text: str) -> tuple[str, ...]:
    """Origins of comma-separated addresses: scheme, host and port only; `*` stays."""
    if text.strip() == ANY_ORIGIN:
        return (ANY_ORIGIN,)
    parts = [urlsplit(part.strip()) for part in text.split(",") if part.strip()]
    return tuple(f"{part.scheme}://{part.netloc}" for part in parts if part.scheme and part.netloc)


def main() -> None:
    """Runs the gateway and leaves without finalising the interpreter, which Temporal's threads can crash."""
    settings = settings_of_process()
    configure_logging(settings.app, process="gateway")
    code = 0
    try:
        asyncio.run(serve(settings))
    except AppError as error:
        _log.error("gateway not started", reason=error.message, code=error.code)
        code = 1
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except Exception:
        _log.exception("gateway failed")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
