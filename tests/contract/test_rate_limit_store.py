"""The port RateLimitStore: in the memory of a process, and on a real Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis

from infra.clock import SystemClock
from infra.embedded.ports import free_port
from infra.rate_limits import KEY_PREFIX, RedisRateLimitStore
from infra.redis import connect_queueing
from infra.settings import RedisSettings
from models.errors import ServiceUnavailableError
from models.ids import new_id
from models.ports import RateLimitStore
from models.rate_limits import RateCount, RateRule
from services.gateway.rate_limit.in_process import InProcessRateLimitStore

DEADLINE_SECONDS = 20
MINUTE = RateRule(name="test", limit=60, window_seconds=60)
SHORT = RateRule(name="short", limit=3, window_seconds=1)
SPREAD = RateRule(name="spread", limit=5, window_seconds=6, burst_requests=2)


class SettableClock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect_queueing(RedisSettings(redis_url=SecretStr(redis_url)), max_connections=4)
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest, redis: Redis) -> RateLimitStore:
    return InProcessRateLimitStore(SystemClock()) if request.param == "memory" else RedisRateLimitStore(redis)


@pytest.fixture
def key() -> str:
    return f"user:{new_id()}"


async def take(store: RateLimitStore, key: str, rule: RateRule) -> RateCount:
    return await store.take(key, rule, request_id=new_id())


async def test_the_whole_quota_may_come_at_once_and_the_next_is_refused(store: RateLimitStore, key: str) -> None:
    counts = [await take(store, key, MINUTE) for _ in range(61)]
    assert [count.allowed for count in counts] == [True] * 60 + [False]
    assert [count.remaining for count in counts] == [*range(59, -1, -1), 0]
    refused = counts[-1]
    assert refused.current == 60
    assert 0 < refused.reset_at - refused.now <= 60
    assert 1 <= refused.retry_after_seconds <= 60


async def test_never_more_and_never_fewer_than_the_limit_pass_at_once(store: RateLimitStore, key: str) -> None:
    counts = await asyncio.gather(*(take(store, key, MINUTE) for _ in range(200)))
    assert sum(count.allowed for count in counts) == 60
    assert (await store.peek(key, MINUTE)).current == 60


async def test_refused_requests_do_not_count_and_room_comes_when_it_was_promised(
    store: RateLimitStore, key: str
) -> None:
    first = [await take(store, key, SHORT) for _ in range(3)]
    oldest = first[0].now
    while not (again := await take(store, key, SHORT)).allowed:
        assert again.reset_at == pytest.approx(oldest + 1, abs=0.001)
        assert again.current == 3
        assert again.now < oldest + 1
        await asyncio.sleep(0.02)
    assert again.now >= oldest + 1


async def test_bursts_off_spreads_the_quota_over_the_window(store: RateLimitStore, key: str) -> None:
    counts = [await take(store, key, SPREAD) for _ in range(3)]
    assert [count.allowed for count in counts] == [True, True, False]
    assert counts[-1].remaining == 0
    assert counts[-1].reset_at == pytest.approx(counts[0].now + 1, abs=0.001)
    deadline = time.monotonic() + DEADLINE_SECONDS
    taken = 2
    while taken < 5:
        taken += (await take(store, key, SPREAD)).allowed
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    full = await take(store, key, SPREAD)
    assert (full.allowed, full.current) == (False, 5)
    assert full.reset_at >= counts[0].now + 6


async def test_a_request_that_is_sent_again_counts_once(store: RateLimitStore, key: str) -> None:
    for _ in range(3):
        assert (await store.take(key, SHORT, request_id="same")).current == 1


async def test_looking_counts_nothing(store: RateLimitStore, key: str) -> None:
    for _ in range(3):
        seen = await store.peek(key, SHORT)
        assert (seen.allowed, seen.current, seen.remaining) == (True, 0, 3)
    for _ in range(3):
        await take(store, key, SHORT)
    assert not (await store.peek(key, SHORT)).allowed


async def test_keys_and_rules_are_counted_apart_and_can_be_reset(store: RateLimitStore, key: str) -> None:
    for _ in range(3):
        await take(store, key, SHORT)
    assert (await store.peek(f"{key}x", SHORT)).current == 0
    assert (await store.peek(key, MINUTE)).current == 0
    await store.reset(key, SHORT)
    assert (await store.peek(key, SHORT)).current == 0
    await store.reset(key, SHORT)


async def test_a_lowered_limit_promises_room_only_once_it_is_kept(store: RateLimitStore, key: str) -> None:
    times = [(await take(store, key, SHORT)).now for _ in range(3)]
    lowered = await take(store, key, RateRule(name="short", limit=1, window_seconds=1))
    assert (lowered.allowed, lowered.remaining) == (False, 0)
    assert lowered.reset_at == pytest.approx(times[2] + 1, abs=0.001)


async def test_every_key_has_the_one_prefix_and_lives_as_long_as_the_window(redis: Redis, key: str) -> None:
    await take(RedisRateLimitStore(redis), key, MINUTE)
    (name,) = await redis.keys(f"*{key}*")
    assert name.startswith(KEY_PREFIX)
    assert 59_000 < await redis.pttl(name) <= 60_000


async def test_two_connections_share_the_counts(redis_url: str, key: str) -> None:
    clients = [connect_queueing(RedisSettings(redis_url=SecretStr(redis_url)), max_connections=4) for _ in range(2)]
    stores = [RedisRateLimitStore(client) for client in clients]
    counts = await asyncio.gather(*(take(stores[number % 2], key, MINUTE) for number in range(200)))
    assert sum(count.allowed for count in counts) == 60
    for client in clients:
        await client.aclose()


async def test_without_redis_the_store_says_so(key: str) -> None:
    nowhere = RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"))
    client = connect_queueing(nowhere, max_connections=1)
    store = RedisRateLimitStore(client)
    for call in (take(store, key, SHORT), store.peek(key, SHORT), store.reset(key, SHORT)):
        with pytest.raises(ServiceUnavailableError):
            await call
    await client.aclose()


async def test_memory_forgets_the_keys_used_longest_ago() -> None:
    clock = SettableClock()
    store = InProcessRateLimitStore(clock, max_keys=2)
    for name in ("a", "b", "a", "c"):
        await take(store, name, MINUTE)
    assert [(await store.peek(name, MINUTE)).current for name in "abc"] == [2, 0, 1]
    clock.seconds += 60
    assert [(await store.peek(name, MINUTE)).current for name in "abc"] == [0, 0, 0]
