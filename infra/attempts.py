"""Limits on attempts: counted in Redis for all processes, and in this one while Redis is away."""

import time
from datetime import timedelta
from hashlib import sha256
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models.identity import AttemptBudget

_ATTEMPT: Final = """
-- KEYS: one counter per budget. ARGV: limit and window in milliseconds, in turn. Answers the milliseconds to wait.
local wait = 0
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
        wait = math.max(wait, redis.call('PTTL', key), 1)
    end
end
if wait == 0 then
    for i, key in ipairs(KEYS) do
        if redis.call('INCR', key) == 1 then
            redis.call('PEXPIRE', key, ARGV[2 * i])
        end
    end
end
return wait
"""
_MAX_LOCAL_KEYS: Final = 10_000

_log = structlog.get_logger(__name__)


class LocalAttempts:
    """The port AttemptLimiter, for one process. The oldest windows are forgotten beyond 10 000 keys."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}

    async def attempt(self, *budgets: AttemptBudget) -> timedelta | None:
        now = time.monotonic()
        waits = [self._ends(budget.key) - now for budget in budgets if self._count(budget.key, now) >= budget.limit]
        if waits:
            return timedelta(seconds=max(waits))
        for budget in budgets:
            count = self._count(budget.key, now)
            end = self._ends(budget.key) if count else now + budget.window.total_seconds()
            self._counts[budget.key] = (count + 1, end)
        while len(self._counts) > _MAX_LOCAL_KEYS:
            del self._counts[next(iter(self._counts))]
        return None

    async def forgive(self, *budgets: AttemptBudget) -> None:
        for budget in budgets:
            self._counts.pop(budget.key, None)

    def _count(self, key: str, now: float) -> int:
        count, end = self._counts.get(key, (0, 0.0))
        if end > now:
            return count
        self._counts.pop(key, None)
        return 0

    def _ends(self, key: str) -> float:
        return self._counts[key][1]


class RedisAttempts:
    """The port AttemptLimiter. Keys are hashed: they hold addresses of people."""

    def __init__(self, redis: "Redis", *, prefix: str = "attempts:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._script = redis.register_script(_ATTEMPT)
        self._meanwhile = LocalAttempts()

    async def attempt(self, *budgets: AttemptBudget) -> timedelta | None:
        arguments = [str(n) for b in budgets for n in (b.limit, int(b.window.total_seconds() * 1000))]
        try:
            wait = int(await self._script(keys=[self._key(budget) for budget in budgets], args=arguments))
        except RedisError as error:
            _log.warning("auth.attempts_counted_locally", reason=type(error).__name__)
            return await self._meanwhile.attempt(*budgets)
        return timedelta(milliseconds=wait) if wait else None

    async def forgive(self, *budgets: AttemptBudget) -> None:
        await self._meanwhile.forgive(*budgets)
        try:
            await self._redis.delete(*(self._key(budget) for budget in budgets))
        except RedisError:
            return

    def _key(self, budget: AttemptBudget) -> str:
        return self._prefix + sha256(budget.key.encode(errors="replace")).hexdigest()
