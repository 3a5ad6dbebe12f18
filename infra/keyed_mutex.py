"""A lock per key that all processes share, kept in Redis."""

import asyncio
import contextlib
import random
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import structlog
from redis.exceptions import RedisError

from infra.redis import naming_unavailability
from models.errors import ConflictError
from models.ports import MutexStats

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_IDLE: Final = 6_000

# One hash slot, so that a script may touch a lock and the counter.
_PREFIX: Final = "{mutex}:"
_FENCE: Final = "{mutex}:fence"
_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.25
_RENEWALS_PER_TIMEOUT: Final = 3

_ACQUIRE: Final = """
-- KEYS: lock, counter. ARGV: token, milliseconds. Answers the fencing token, or 0. Repeating it changes nothing.
local holder = redis.call('GET', KEYS[1])
if holder then
    local token, fence = string.match(holder, '^(.-):(%d+)$')
    if token ~= ARGV[1] then return 0 end
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return tonumber(fence)
end
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. fence, 'PX', ARGV[2])
return fence
"""
_RENEW: Final = """
-- KEYS: lock. ARGV: token and fence, milliseconds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE: Final = """
-- KEYS: lock. ARGV: token (with the colon behind it).
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, 1, #ARGV[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

Observer = Callable[[Literal["wait", "hold"], float], None]
"""Is told how many seconds somebody waited for a lock, or held one."""

_log = structlog.get_logger(__name__)


class LockTimeoutError(ConflictError):
    """Somebody else held the lock for as long as the caller was willing to wait."""

    code = "lock_timeout"
    retryable = True


@dataclass(eq=False)
class Lease:
    """A lock that is held.

    Attributes:
        fence: greater than that of every earlier lease. A resource that refuses smaller ones than it has seen is safe
            from holders who do not know yet that they have lost the lock.
        lost: set once the lock may belong to somebody else.
    """

    key: str
    token: str = field(repr=False)
    fence: int
    acquired_at: float
    lost: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    renewal: "asyncio.Task[None] | None" = field(default=None, repr=False)


@dataclass
class _Entry:
    """What this process knows of a key: only one of its tasks at a time asks Redis for the lock."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class AsyncRedisKeyedMutex:
    """Locks by key. The holder renews its lock for as long as it lives; one who dies loses it after `timeout` seconds.

    Args:
        redis: a client with bounded waits.
        timeout: seconds.
        observe: for metrics.
        max_idle: how many keys are remembered that nobody uses at the moment.
    """

    def __init__(
        self, redis: "Redis", timeout: float = 60, *, observe: Observer | None = None, max_idle: int = MAX_IDLE
    ) -> None:
        self._redis = redis
        self._timeout = timeout
        self._milliseconds = max(1, int(timeout * 1000))
        self._observe = observe
        self._max_idle = max_idle
        self._acquire = redis.register_script(_ACQUIRE)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._entries: dict[str, _Entry] = {}
        self._idle: OrderedDict[str, _Entry] = OrderedDict()
        self._leases: set[Lease] = set()
        self._stats = MutexStats()

    @asynccontextmanager
    async def locked(self, key: str, *, patience: float | None = None) -> AsyncGenerator[Lease]:
        """Holds the lock of a key within the block. Raises what `acquire` raises."""
        lease = await self.acquire(key, patience=patience)
        try:
            yield lease
        finally:
            await self.release(lease)

    async def acquire(self, key: str, *, patience: float | None = None) -> Lease:
        """Waits for the lock of a key, at most `patience` seconds; without it for as long as it takes.

        Raises:
            LockTimeoutError
            ServiceUnavailableError: Redis does not answer.
        """
        started = time.monotonic()
        entry = self._use(key)
        try:
            async with asyncio.timeout(patience):
                await entry.turn.acquire()
                try:
                    lease = await self._take(key)
                except BaseException:
                    entry.turn.release()
                    raise
        except BaseException as error:
            self._leave(key, entry)
            if isinstance(error, TimeoutError):
                self._stats.timeouts += 1
                raise LockTimeoutError(
                    f"The lock {key!r} was not free within {patience} s. Try again later."
                ) from error
            raise
        self._leases.add(lease)
        lease.renewal = asyncio.create_task(self._keep(lease))
        waited = time.monotonic() - started
        self._stats.acquired += 1
        self._stats.waited_seconds += waited
        if self._observe is not None:
            self._observe("wait", waited)
        return lease

    async def release(self, lease: Lease) -> bool:
        """Gives a lock back, if it is still ours; False if it was lost or given back before. Raises nothing."""
        if lease not in self._leases:
            return False
        self._leases.discard(lease)
        if lease.renewal is not None:
            lease.renewal.cancel()
        held = time.monotonic() - lease.acquired_at
        self._stats.held_seconds += held
        if self._observe is not None:
            self._observe("hold", held)
        try:
            return await self._give_back(lease.key, lease.token)
        finally:
            entry = self._entries[lease.key]
            entry.turn.release()
            self._leave(lease.key, entry)

    async def release_all_locks(self) -> None:
        """Gives back whatever this process holds, for its end."""
        await asyncio.gather(*(self.release(lease) for lease in tuple(self._leases)))

    def stats(self) -> MutexStats:
        """Figures of this process."""
        self._stats.held = len(self._leases)
        self._stats.idle_entries = len(self._idle)
        return self._stats

    async def _take(self, key: str) -> Lease:
        token = secrets.token_hex(16)
        pause = _FIRST_PAUSE_SECONDS
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        try:
            while True:
                asked_at = time.monotonic()
                with naming_unavailability():
                    fence = await self._acquire(keys=[_PREFIX + key, _FENCE], args=[token, self._milliseconds])
                if task and task.cancelling() > cancelled_before:
                    # The client swallows a cancellation that comes while it checks a connection.
                    raise asyncio.CancelledError
                if fence:
                    return Lease(key=key, token=token, fence=int(fence), acquired_at=asked_at)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads those who wait
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        except asyncio.CancelledError:
            # The lock may have been granted without our knowing.
            await asyncio.shield(self._give_back(key, token))
            raise

    async def _give_back(self, key: str, token: str) -> bool:
        try:
            return bool(await self._release(keys=[_PREFIX + key], args=[f"{token}:"]))
        except RedisError as error:
            _log.warning("lock is left to expire", key=key, reason=type(error).__name__)
            return False

    async def _keep(self, lease: Lease) -> None:
        valid_until = lease.acquired_at + self._timeout
        while not lease.lost.is_set():
            await asyncio.sleep(self._timeout / _RENEWALS_PER_TIMEOUT)
            asked_at = time.monotonic()
            renewed: object = None
            with contextlib.suppress(RedisError):
                renewed = await self._renew(
                    keys=[_PREFIX + lease.key], args=[f"{lease.token}:{lease.fence}", self._milliseconds]
                )
            if renewed:
                valid_until = asked_at + self._timeout
            elif renewed is not None or time.monotonic() >= valid_until:
                self._stats.lost += 1
                lease.lost.set()
                _log.warning("lock lost", key=lease.key)

    def _use(self, key: str) -> _Entry:
        entry = self._entries.get(key) or self._idle.pop(key, None) or _Entry()
        self._entries[key] = entry
        entry.users += 1
        return entry

    def _leave(self, key: str, entry: _Entry) -> None:
        entry.users -= 1
        if entry.users == 0:
            self._idle[key] = self._entries.pop(key)
            if len(self._idle) > self._max_idle:
                self._idle.popitem(last=False)
