"""Locks that processes share."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra import redis
from infra.keyed_mutex import MAX_IDLE, AsyncRedisKeyedMutex, LockTimeoutError
from infra.settings import RedisSettings
from models.errors import ServiceUnavailableError
from models.ids import new_id

if TYPE_CHECKING:
    from redis.asyncio import Redis


@pytest_asyncio.fixture(loop_scope="session")
async def client(redis_url: str) -> AsyncIterator["Redis"]:
    client = redis.connect(RedisSettings(redis_url=SecretStr(redis_url)))
    yield client
    await client.aclose()


async def test_only_one_holds_a_lock_at_a_time_whatever_the_process(client: "Redis") -> None:
    mutexes = [AsyncRedisKeyedMutex(client) for _ in range(4)]
    key, inside, most, fences = new_id(), 0, 0, []

    async def work(mutex: AsyncRedisKeyedMutex) -> None:
        nonlocal inside, most
        async with mutex.locked(key) as lease:
            inside += 1
            most = max(most, inside)
            fences.append(lease.fence)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(mutex) for mutex in mutexes for _ in range(10)))
    assert most == 1
    assert fences == sorted(set(fences))
    assert sum(mutex.stats().acquired for mutex in mutexes) == len(fences) == 40


async def test_keys_do_not_wait_for_each_other(client: "Redis") -> None:
    mutex = AsyncRedisKeyedMutex(client)
    async with mutex.locked(new_id()), mutex.locked(new_id()):
        assert mutex.stats().held == 2
    assert mutex.stats().held == 0


async def test_whoever_waits_too_long_is_told_and_leaves_nothing_behind(client: "Redis") -> None:
    first, second, key = AsyncRedisKeyedMutex(client), AsyncRedisKeyedMutex(client), new_id()
    async with first.locked(key):
        for other in (first, second):
            with pytest.raises(LockTimeoutError, match="not free"):
                await other.acquire(key, patience=0.05)
    async with second.locked(key, patience=10):
        pass
    assert (second.stats().timeouts, second.stats().acquired) == (1, 1)


async def test_a_cancelled_wait_leaves_the_lock_to_others(client: "Redis") -> None:
    first, second, key = AsyncRedisKeyedMutex(client), AsyncRedisKeyedMutex(client), new_id()
    lease = await first.acquire(key)
    waiting = asyncio.create_task(second.acquire(key))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await first.release(lease)
    async with second.locked(key, patience=10):
        pass


async def test_a_lock_outlives_its_time_while_its_holder_lives(client: "Redis") -> None:
    holder, other, key = AsyncRedisKeyedMutex(client, timeout=0.3), AsyncRedisKeyedMutex(client), new_id()
    lease = await holder.acquire(key)
    with pytest.raises(LockTimeoutError):
        await other.acquire(key, patience=1.0)
    assert not lease.lost.is_set()
    assert await holder.release(lease)


async def test_the_lock_of_a_dead_holder_expires_and_he_cannot_release_that_of_the_next(client: "Redis") -> None:
    dead, other, key = AsyncRedisKeyedMutex(client, timeout=0.2), AsyncRedisKeyedMutex(client), new_id()
    lease = await dead.acquire(key)
    assert lease.renewal is not None
    lease.renewal.cancel()
    async with other.locked(key, patience=10) as next_lease:
        assert next_lease.fence > lease.fence
        assert not await dead.release(lease)
        with pytest.raises(LockTimeoutError):
            await dead.acquire(key, patience=0.05)


async def test_a_holder_learns_that_the_lock_was_lost(client: "Redis") -> None:
    mutex, key = AsyncRedisKeyedMutex(client, timeout=0.3), new_id()
    lease = await mutex.acquire(key)
    await client.delete(f"{{mutex}}:{key}")
    async with asyncio.timeout(10):
        await lease.lost.wait()
    assert not await mutex.release(lease)
    assert mutex.stats().lost == 1


async def test_releasing_twice_releases_once(client: "Redis") -> None:
    mutex, key = AsyncRedisKeyedMutex(client), new_id()
    lease = await mutex.acquire(key)
    assert await mutex.release(lease)
    async with mutex.locked(key):
        assert not await mutex.release(lease)
        assert await client.exists(f"{{mutex}}:{key}")


async def test_everything_is_given_back_at_the_end(client: "Redis") -> None:
    mutex, keys = AsyncRedisKeyedMutex(client), [new_id() for _ in range(5)]
    for key in keys:
        await mutex.acquire(key)
    await mutex.release_all_locks()
    assert not await client.exists(*(f"{{mutex}}:{key}" for key in keys))


async def test_few_idle_keys_are_remembered_and_waits_and_holds_are_measured(client: "Redis") -> None:
    seen: list[str] = []
    mutex = AsyncRedisKeyedMutex(
        client, observe=lambda what, seconds: seen.append(f"{what} {seconds >= 0}"), max_idle=30
    )
    for _ in range(3):
        leases = await asyncio.gather(*(mutex.acquire(new_id()) for _ in range(20)))
        await asyncio.gather(*map(mutex.release, leases))
    assert mutex.stats().idle_entries == 30
    assert MAX_IDLE == 6_000
    assert set(seen) == {"wait True", "hold True"}
    assert mutex.stats().held_seconds > 0


async def test_without_redis_nobody_gets_a_lock() -> None:
    away = redis.connect(RedisSettings(redis_url=SecretStr("redis://127.0.0.1:1/0")))
    mutex = AsyncRedisKeyedMutex(away)
    with pytest.raises(ServiceUnavailableError):
        await mutex.acquire("key")
    await mutex.release_all_locks()
    await away.aclose()
