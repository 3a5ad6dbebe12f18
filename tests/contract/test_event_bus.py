"""The port EventBus: in memory, and on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import chain

import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis

from infra.embedded.ports import free_port
from infra.redis import RedisEventBus, connect, connect_queueing
from infra.settings import RedisSettings
from models.errors import InvalidRequestError, ServiceUnavailableError
from models.events import EventKind, ExecutionEvent
from models.execution import ExecutionStatus
from models.ids import GraphExecId, NodeExecId, new_id
from models.ports import EventBus
from tests.fakes import MemoryEventBus

COMPLETED, RUNNING = ExecutionStatus.COMPLETED, ExecutionStatus.RUNNING


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    client = connect(RedisSettings(redis_url=SecretStr(url)))
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with connected(redis_url) as client:
        yield client


@pytest.fixture
def redis_bus(redis: Redis) -> RedisEventBus:
    return RedisEventBus(redis, max_length=100, ttl_seconds=60)


@pytest_asyncio.fixture(params=["memory", "redis", "redis?protocol=2", "redis?protocol=3"])
async def bus(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[EventBus]:
    if request.param == "memory":
        yield MemoryEventBus()
        return
    async with connected(redis_url + request.param.removeprefix("redis")) as client:
        yield RedisEventBus(client, max_length=100, ttl_seconds=60)


@pytest.fixture
def run() -> GraphExecId:
    return GraphExecId(new_id())


def event(
    run: GraphExecId, node: str = "n", status: ExecutionStatus = COMPLETED, *, attempt: int = 1, generation: int = 0
) -> ExecutionEvent:
    return ExecutionEvent(
        kind=EventKind.NODE,
        graph_exec_id=run,
        status=status,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        node_exec_id=NodeExecId(node),
        attempt=attempt,
        generation=generation,
        outputs=[("out", {"deep": [1, None, "ä"]})],
    )


def without_cursors(events: "list[ExecutionEvent]") -> "list[ExecutionEvent]":
    return [event.model_copy(update={"cursor": ""}) for event in events]


async def read_all(bus: EventBus, run: GraphExecId, since: str = "0", limit: int = 1000) -> "list[ExecutionEvent]":
    return list(await bus.read(run, since=since, limit=limit, wait_seconds=0))


async def test_events_come_back_whole_and_in_order(bus: EventBus, run: GraphExecId) -> None:
    published = [event(run, f"n{number}") for number in range(20)]
    await bus.publish(published[:1])
    await bus.publish(published[1:])
    assert without_cursors(await read_all(bus, run)) == published


async def test_same_event_twice_is_one(bus: EventBus, run: GraphExecId) -> None:
    distinct = [
        event(run, "n", RUNNING),
        event(run, "n", COMPLETED),
        event(run, "n", COMPLETED, attempt=2),
        event(run, "n", COMPLETED, generation=1),
        event(run, "m", COMPLETED),
    ]
    await bus.publish(distinct)
    await bus.publish(distinct[::-1])
    assert without_cursors(await read_all(bus, run)) == distinct


async def test_reading_on_from_any_cursor_loses_and_repeats_nothing(bus: EventBus, run: GraphExecId) -> None:
    await bus.publish([event(run, f"n{number}") for number in range(10)])
    everything = await read_all(bus, run)
    assert len({event.cursor for event in everything}) == 10
    for place, last in enumerate(everything, start=1):
        assert await read_all(bus, run, since=last.cursor) == everything[place:]


async def test_limit_gives_the_oldest_first(bus: EventBus, run: GraphExecId) -> None:
    await bus.publish([event(run, f"n{number}") for number in range(10)])
    pages, since = [], "0"
    while page := await read_all(bus, run, since=since, limit=3):
        pages.append([event.node_exec_id for event in page])
        since = page[-1].cursor
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert list(chain(*pages)) == [f"n{number}" for number in range(10)]


async def test_executions_do_not_see_each_other(bus: EventBus, run: GraphExecId) -> None:
    other = GraphExecId(new_id())
    await bus.publish([event(run, "mine"), event(other, "other")])
    assert [event.node_exec_id for event in await read_all(bus, run)] == ["mine"]
    assert await read_all(bus, GraphExecId(new_id())) == []


async def test_nothing_to_publish_is_fine(bus: EventBus) -> None:
    await bus.publish([])


# --- what only the real one has ----------------------------------------------------------------------------------


async def test_waiting_reader_wakes_up_with_the_event(redis_bus: RedisEventBus, run: GraphExecId) -> None:
    reader = asyncio.create_task(redis_bus.read(run, since="0", limit=10, wait_seconds=4))
    while not reader.done():
        await redis_bus.publish([event(run)])
        await asyncio.sleep(0.01)
    assert [event.node_exec_id for event in await reader] == ["n"]


async def test_waiting_reader_returns_empty_when_nothing_comes(redis_bus: RedisEventBus, run: GraphExecId) -> None:
    assert await redis_bus.read(run, since="0", limit=10, wait_seconds=0.2) == []
    assert await redis_bus.read(run, since="0", limit=10, wait_seconds=3600) == []


async def test_stream_is_bounded_in_length_and_time(redis_bus: RedisEventBus, redis: Redis, run: GraphExecId) -> None:
    for start in range(0, 2000, 100):
        await redis_bus.publish([event(run, f"n{number}") for number in range(start, start + 100)])
    kept = await read_all(redis_bus, run)
    # Valkey trims by whole nodes of its tree, each of 100 entries.
    assert 100 <= len(kept) <= 200
    assert kept[-1].node_exec_id == "n1999"
    keys = [key async for key in redis.scan_iter(match=f"events:{{{run}}}*")]
    assert len(keys) == 2
    assert all([0 < await redis.ttl(key) <= 60 for key in keys])
    assert max([await redis.zcard(key) for key in keys if await redis.type(key) == "zset"]) == 1000


async def test_event_that_was_trimmed_is_not_published_again(redis_bus: RedisEventBus, run: GraphExecId) -> None:
    first = event(run, "first")
    await redis_bus.publish([first])
    await redis_bus.publish([event(run, f"n{number}") for number in range(400)])
    await redis_bus.publish([first])
    assert "first" not in [event.node_exec_id for event in await read_all(redis_bus, run)]


async def test_concurrent_publishers_of_the_same_events(redis_bus: RedisEventBus, run: GraphExecId) -> None:
    events = [event(run, f"n{number}") for number in range(20)]
    await asyncio.gather(*(redis_bus.publish(events) for _ in range(10)))
    assert without_cursors(await read_all(redis_bus, run)) == events


@pytest.mark.parametrize("cursor", ["", "abc", "$", "+", ">", "1-2-3", "-1", "9" * 30])
async def test_what_is_no_cursor_is_the_callers_mistake(redis_bus: RedisEventBus, cursor: str) -> None:
    with pytest.raises(InvalidRequestError, match="is no cursor"):
        await read_all(redis_bus, GraphExecId("r"), since=cursor)


async def test_redis_away_is_said_without_its_address(run: GraphExecId) -> None:
    port = free_port()
    client = connect(RedisSettings(redis_url=SecretStr(f"redis://:hidden-password@127.0.0.1:{port}/0")))
    bus = RedisEventBus(client, max_length=100, ttl_seconds=60)
    for call in (read_all(bus, run), bus.publish([event(run)]), bus.ping()):
        with pytest.raises(ServiceUnavailableError, match="Redis does not answer") as caught:
            await call
        assert "hidden-password" not in caught.value.message
    await client.aclose()


async def test_reads_that_wait_hold_up_nothing_else(redis_url: str, run: GraphExecId) -> None:
    settings = RedisSettings(redis_url=SecretStr(redis_url))
    short, waiting = connect_queueing(settings, max_connections=1), connect(settings, max_connections=2)
    bus = RedisEventBus(short, max_length=100, ttl_seconds=60, waiting=waiting)
    reads = [asyncio.create_task(bus.read(run, since="0", limit=1, wait_seconds=4)) for _ in range(2)]
    deadline = asyncio.get_running_loop().time() + 30
    while (await short.info("clients"))["blocked_clients"] < 2:
        assert asyncio.get_running_loop().time() < deadline
    with pytest.raises(ServiceUnavailableError):
        await bus.read(run, since="0", limit=1, wait_seconds=1)
    assert not await read_all(bus, run)
    await bus.ping()
    await bus.publish([event(run)])
    for read in reads:
        assert without_cursors(await read) == [event(run)]
    await short.aclose()
    await waiting.aclose()
