"""Redis (or Valkey): the event bus on Streams."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from infra.settings import RedisSettings
from models.errors import ConfigurationError, InvalidRequestError, ServiceUnavailableError
from models.events import ExecutionEvent
from models.ids import GraphExecId

_APPEND: Final = """
-- KEYS: stream, identities by when they were seen. ARGV: most events, most identities, ttl seconds, then identity and
-- event in turn.
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000000 + clock[2])
for i = 4, #ARGV, 2 do
    if redis.call('ZADD', KEYS[2], 'NX', now, ARGV[i]) == 1 then
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'event', ARGV[i + 1])
    end
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -(tonumber(ARGV[2]) + 1))
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""

_IDENTITIES_PER_EVENT: Final = 10
"""So many times more identities are remembered than events are kept: what is published twice comes soon after."""

_CURSOR: Final = re.compile(r"\d{1,20}(-\d{1,20})?", re.ASCII)
_LONGEST_WAIT_SECONDS: Final = 4.0
"""Less than the time-out of the connection, which a waiting command must not run into."""

_NO_EVENTS: Final = "Live events are not available at the moment. Please try again shortly."
_TIMEOUT_SECONDS: Final = 5
_OPTIONS: Final[dict[str, Any]] = {
    "socket_timeout": _TIMEOUT_SECONDS,
    "socket_connect_timeout": _TIMEOUT_SECONDS,
    "health_check_interval": 30,
    "decode_responses": True,
    # One shape of answers, whichever version of the protocol the URL asks for.
    "legacy_responses": False,
}

_Streams = dict[str, list[tuple[str, dict[str, str]]]]


def connect(settings: RedisSettings, *, max_connections: int | None = None) -> "Redis":
    """A client with bounded waits; it connects on first use and again after a loss.

    Args:
        max_connections: a command beyond them fails at once; None: as many as the library allows.

    Raises:
        ConfigurationError: REDIS_URL is none.
    """
    with _hiding_address():
        return Redis.from_url(
            settings.redis_url.get_secret_value(), **_OPTIONS, max_connections=max_connections, retry=_retry()
        )


def connect_queueing(settings: RedisSettings, *, max_connections: int) -> "Redis":
    """A client for short commands: they queue for a few connections of its own.

    Commands that wait for events may hold all connections of another client, and must not hold up these.
    """
    with _hiding_address():
        pool = BlockingConnectionPool.from_url(
            settings.redis_url.get_secret_value(),
            max_connections=max_connections,
            timeout=_TIMEOUT_SECONDS,
            **_OPTIONS,
            retry=_retry(),
        )
    return Redis.from_pool(pool)


@contextmanager
def _hiding_address() -> Generator[None]:
    """What the library says of an address that it cannot read may quote its password."""
    try:
        yield
    except ValueError:
        raise ConfigurationError(
            "REDIS_URL cannot be used: it must look like redis://:password@host:port/db."
        ) from None


def _retry() -> Retry:
    return Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2)


@contextmanager
def naming_unavailability(user_message: str | None = None) -> Generator[None]:
    """What the client raises becomes ServiceUnavailableError."""
    try:
        yield
    except RedisError as error:
        raise ServiceUnavailableError(
            f"Redis does not answer: {type(error).__name__}. Is it running, and is REDIS_URL right?",
            user_message=user_message,
            details={"service": "redis"},
        ) from error


class RedisEventBus:
    """The port EventBus: one stream per execution, bounded in length and in time.

    Args:
        redis: made by `connect` or `connect_queueing`.
        waiting: for reads that wait, each of which holds a connection; by default the same client.
    """

    def __init__(self, redis: "Redis", *, max_length: int, ttl_seconds: int, waiting: "Redis | None" = None) -> None:
        self._redis = redis
        self._waiting = waiting or redis
        self._append = redis.register_script(_APPEND)
        self._bounds = (max_length, max_length * _IDENTITIES_PER_EVENT, ttl_seconds)

    async def publish(self, events: Sequence[ExecutionEvent]) -> None:
        """See EventBus.

        Raises:
            ServiceUnavailableError: Redis does not answer.
        """
        by_execution: dict[GraphExecId, list[str]] = {}
        for event in events:
            arguments = by_execution.setdefault(event.graph_exec_id, [])
            arguments += (event.identity, event.model_dump_json(exclude={"cursor"}))
        for graph_exec_id, arguments in by_execution.items():
            keys = [_stream(graph_exec_id), _seen(graph_exec_id)]
            with naming_unavailability(_NO_EVENTS):
                await self._append(keys=keys, args=[*self._bounds, *arguments])

    async def read(
        self, graph_exec_id: GraphExecId, *, since: str, limit: int, wait_seconds: float
    ) -> Sequence[ExecutionEvent]:
        """See EventBus. Returns without events after `wait_seconds`, or after the longest wait of one command.

        Raises:
            InvalidRequestError: `since` is no cursor.
            ServiceUnavailableError: Redis does not answer.
        """
        if not _CURSOR.fullmatch(since):
            raise InvalidRequestError(f"{since[:40]!r} is no cursor: pass that of the last event, or '0'.")
        stream = _stream(graph_exec_id)
        block = max(1, int(min(wait_seconds, _LONGEST_WAIT_SECONDS) * 1000)) if wait_seconds > 0 else None
        redis = self._redis if block is None else self._waiting
        with naming_unavailability(_NO_EVENTS):
            answer = cast("_Streams", await redis.xread({stream: since}, count=limit, block=block))
        return [
            ExecutionEvent.model_validate_json(fields["event"]).model_copy(update={"cursor": cursor})
            for cursor, fields in answer.get(stream, ())
        ]

    async def ping(self) -> None:
        """Raises ServiceUnavailableError unless Redis answers."""
        with naming_unavailability(_NO_EVENTS):
            await self._redis.ping()


def _stream(graph_exec_id: GraphExecId) -> str:
    return f"events:{{{graph_exec_id}}}"


def _seen(graph_exec_id: GraphExecId) -> str:
    return f"events:{{{graph_exec_id}}}:identities"
