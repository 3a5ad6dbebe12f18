"""The port AttemptLimiter: in this process, on a real Valkey, and without one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra.attempts import LocalAttempts, RedisAttempts
from infra.redis import connect
from infra.settings import RedisSettings
from models.identity import AttemptBudget, AttemptLimiter
from models.ids import new_id
from tests.polling import eventually


@pytest_asyncio.fixture(params=["process", "redis", "away"])
async def limiter(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[AttemptLimiter]:
    if request.param == "process":
        yield LocalAttempts()
        return
    url = redis_url if request.param == "redis" else "redis://127.0.0.1:1/0"
    client = connect(RedisSettings(redis_url=SecretStr(url)))
    yield RedisAttempts(client)
    await client.aclose()


def a_budget(limit: int = 3, *, window: timedelta = timedelta(minutes=5)) -> AttemptBudget:
    return AttemptBudget(new_id(), limit, window)


async def test_a_budget_is_used_up_and_says_how_long(limiter: AttemptLimiter) -> None:
    budget = a_budget()
    assert [await limiter.attempt(budget) for _ in range(3)] == [None] * 3
    wait = await limiter.attempt(budget)
    assert wait is not None
    assert timedelta() < wait <= timedelta(minutes=5)


async def test_what_one_budget_refuses_is_not_counted_in_another(limiter: AttemptLimiter) -> None:
    narrow, wide = a_budget(1), a_budget(2)
    assert await limiter.attempt(narrow, wide) is None
    for _ in range(5):
        assert await limiter.attempt(narrow, wide) is not None
    assert await limiter.attempt(wide) is None
    assert await limiter.attempt(wide) is not None


async def test_of_many_at_once_no_more_than_the_limit_pass(limiter: AttemptLimiter) -> None:
    budget = a_budget(10)
    waits = await asyncio.gather(*(limiter.attempt(budget) for _ in range(50)))
    assert waits.count(None) == 10


async def test_attempts_can_be_forgiven(limiter: AttemptLimiter) -> None:
    budget = a_budget(1)
    assert await limiter.attempt(budget) is None
    await limiter.forgive(budget)
    assert await limiter.attempt(budget) is None


async def test_a_window_ends(limiter: AttemptLimiter) -> None:
    budget = a_budget(1, window=timedelta(milliseconds=300))
    assert await limiter.attempt(budget) is None

    async def is_open() -> bool:
        return await limiter.attempt(budget) is None

    await eventually(is_open, seconds=20)
