"""The port KeyValueStore: in memory, and on migrated Postgres."""

import asyncio
from typing import Any

import pytest

from activities.blocks._examples import RememberedValues
from infra.clock import SystemClock
from infra.postgres import Database
from infra.stores.key_values import PostgresKeyValueStore
from models.ids import UserId, new_id
from models.ports import KeyValueStore


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest, migrated_database: Database) -> KeyValueStore:
    return RememberedValues() if request.param == "memory" else PostgresKeyValueStore(migrated_database, SystemClock())


@pytest.fixture
def user() -> UserId:
    return UserId(new_id())


@pytest.mark.parametrize(
    "value", [0, "", False, [], {}, 1.5, "\U0001f600", {"a": [None, {"b": 2**53}]}, "x" * 1_000_000], ids=repr
)
async def test_round_trip(store: KeyValueStore, user: UserId, value: Any) -> None:
    await store.put(user, "k", value)
    found = await store.find(user, "k")
    assert found == value
    assert type(found) is type(value)


async def test_nothing_is_none(store: KeyValueStore, user: UserId) -> None:
    assert await store.find(user, "k") is None


async def test_values_belong_to_user_and_key(store: KeyValueStore, user: UserId) -> None:
    other = UserId(new_id())
    await store.put(user, "k", 1)
    await store.put(user, "K", 2)
    await store.put(other, "k", 3)
    assert [await store.find(user, "k"), await store.find(user, "K"), await store.find(other, "k")] == [1, 2, 3]


async def test_the_last_put_counts(store: KeyValueStore, user: UserId) -> None:
    for value in ({"a": 1}, [2], [2]):
        await store.put(user, "k", value)
    assert await store.find(user, "k") == [2]


async def test_what_no_database_takes_is_normalised(store: KeyValueStore, user: UserId) -> None:
    await store.put(user, "k", {"n": float("nan"), "t": "\x00\ud800"})
    assert await store.find(user, "k") == {"n": None, "t": "\ufffd\ufffd"}


async def test_long_keys(store: KeyValueStore, user: UserId) -> None:
    key = "agent#" + new_id() + "#" + "\U0001f600" * 500
    await store.put(user, key, 1)
    assert await store.find(user, key) == 1


async def test_puts_at_the_same_time(store: KeyValueStore, user: UserId) -> None:
    await asyncio.gather(*(store.put(user, "k", number) for number in range(8)))
    assert await store.find(user, "k") in range(8)
