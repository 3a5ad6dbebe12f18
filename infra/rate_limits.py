"""The port RateLimitStore on Redis: one script per question, so that gateways which share a Redis share the counts."""

from typing import Final, cast

from redis.asyncio import Redis

from infra.redis import naming_unavailability
from models.rate_limits import RateCount, RateRule

KEY_PREFIX: Final = "ratelimit:"
_MICROSECONDS: Final = 1_000_000
_NO_COUNTS: Final = "Rate limits cannot be read at the moment. Please try again shortly."

_WINDOW: Final = """
-- KEYS: sorted set of requests by time. ARGV: limit, window, burst (-1: off), part of the window in which it counts,
-- request id ('': only look). Times in microseconds, all of this server's clock.
-- Answers taken (1 or 0), current, remaining, reset, now.
local key, request = KEYS[1], ARGV[5]
local limit, window, burst, part = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function text(number) return string.format('%.0f', number) end
local function score_at(place)
    local found = redis.call('ZRANGE', key, place, place, 'WITHSCORES')
    return found[2] and tonumber(found[2])
end

redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
local current = redis.call('ZCARD', key)
local recent = burst >= 0 and redis.call('ZCOUNT', key, '(' .. text(now - part), '+inf') or 0
local free = limit - current
if burst >= 0 then free = math.min(free, burst - recent) end

local taken = free > 0
if request ~= '' then
    if redis.call('ZSCORE', key, request) then
        taken = true
    elseif taken then
        redis.call('ZADD', key, text(now), request)
        redis.call('PEXPIRE', key, text(window / 1000))
        current, recent, free = current + 1, recent + 1, free - 1
    end
end

local reset = now + window
if free > 0 then
    reset = (score_at(0) or now) + window
else
    reset = now
    -- The request whose leaving makes room in the window, and the one whose leaving makes room in its last part.
    if current >= limit then reset = math.max(reset, score_at(current - limit) + window) end
    if burst >= 0 and recent >= burst then reset = math.max(reset, score_at(current - burst) + part) end
end
return {taken and 1 or 0, current, math.max(free, 0), reset, now}
"""


class RedisRateLimitStore:
    """The port RateLimitStore. `redis` is made by `connect_queueing`; every call is one round trip."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._window = redis.register_script(_WINDOW)

    async def take(self, key: str, rule: RateRule, *, request_id: str) -> RateCount:
        return await self._ask(key, rule, request_id)

    async def peek(self, key: str, rule: RateRule) -> RateCount:
        return await self._ask(key, rule, "")

    async def reset(self, key: str, rule: RateRule) -> None:
        with naming_unavailability(_NO_COUNTS):
            await self._redis.delete(_name(key, rule))

    async def _ask(self, key: str, rule: RateRule, request_id: str) -> RateCount:
        burst = -1 if rule.burst_requests is None else rule.burst_requests
        part = int(rule.part_seconds * _MICROSECONDS)
        arguments = [rule.limit, rule.window_seconds * _MICROSECONDS, burst, part, request_id]
        with naming_unavailability(_NO_COUNTS):
            answer = cast("list[int]", await self._window(keys=[_name(key, rule)], args=arguments))
        taken, current, remaining, reset, now = answer
        return RateCount(
            allowed=taken == 1,
            current=current,
            remaining=remaining,
            reset_at=reset / _MICROSECONDS,
            now=now / _MICROSECONDS,
        )


def _name(key: str, rule: RateRule) -> str:
    return f"{KEY_PREFIX}{rule.name}:{key}"
