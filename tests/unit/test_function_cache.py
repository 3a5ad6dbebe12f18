"""Cached functions: keys, bounds, one computation for all, and figures."""

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from models.function_cache import (
    clear_all_thread_cache,
    clear_thread_cache,
    freeze,
    get_cache_stats,
    thread_cached,
)


class Model(BaseModel):
    values: list[int]


@dataclass
class Unhashable:
    values: list[int]


def test_equal_calls_are_answered_once_however_they_are_written() -> None:
    calls: list[Any] = []

    @thread_cached
    def add(a: Any, b: Any = 2, *more: Any, **named: Any) -> Any:
        calls.append((a, b, more, named))
        return [a]

    assert add(1) is add(a=1) is add(1, 2) is add(b=2, a=1)
    assert len(calls) == 1
    add(1, 3)
    add(1, 2, 4)
    add(1, x=1, y=2)
    add(1, y=2, x=1)
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ([1, {"a": {2}}], [1, {"a": {2}}], [1, {"a": {3}}]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, {"a": 1}),
        (Model(values=[1]), Model(values=[1]), Model(values=[2])),
        (Unhashable([1]), Unhashable([1]), Unhashable([2])),
        (bytearray(b"x"), bytearray(b"x"), bytearray(b"y")),
        (1, 1, True),
        (1, 1, 1.0),
        ([1], [1], (1,)),
    ],
)
def test_keys_of_values_that_cannot_be_hashed(first: Any, same: Any, other: Any) -> None:
    assert freeze(first) == freeze(same)
    assert hash(freeze(first)) == hash(freeze(same))
    assert freeze(first) != freeze(other)


def test_what_nobody_can_compare_is_refused() -> None:
    class Odd:
        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="Odd"):
        freeze(Odd())


def test_answers_have_their_time_and_the_least_used_go_first() -> None:
    calls: list[int] = []

    @thread_cached(max_size=2)
    def bounded(number: int) -> int:
        calls.append(number)
        return number

    for number in (1, 2, 1, 3, 1, 2):
        bounded(number)
    assert calls == [1, 2, 3, 2]

    @thread_cached(ttl=timedelta(0))
    def stale() -> int:
        calls.append(0)
        return 0

    stale()
    stale()
    assert calls[-2:] == [0, 0]


def test_errors_are_not_kept() -> None:
    calls: list[int] = []

    @thread_cached
    def failing() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("once")
        return 7

    with pytest.raises(ValueError, match="once"):
        failing()
    assert failing() == failing() == 7
    assert len(calls) == 2


def test_threads_that_ask_at_the_same_time_wait_for_one_answer() -> None:
    calls: list[int] = []
    waiting = threading.Barrier(9)
    go = threading.Event()

    @thread_cached
    def slow() -> object:
        calls.append(1)
        go.wait(10)
        return object()

    def ask() -> object:
        waiting.wait(10)
        return slow()

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        waiting.wait(10)
        go.set()
        answers = {id(future.result(10)) for future in asked}
    assert (len(calls), len(answers)) == (1, 1)


async def test_tasks_that_ask_at_the_same_time_wait_for_one_answer() -> None:
    calls: list[int] = []
    go = asyncio.Event()

    @thread_cached
    async def slow(fails: bool) -> int:
        calls.append(1)
        await go.wait()
        if fails:
            raise ValueError("for all who waited")
        return 7

    waiting = [asyncio.create_task(slow(False)) for _ in range(5)]
    failing = [asyncio.create_task(slow(True)) for _ in range(5)]
    impatient = asyncio.create_task(slow(False))
    await asyncio.sleep(0)
    waiting[0].cancel()
    impatient.cancel()
    go.set()
    answers = await asyncio.gather(*waiting[1:], *failing, return_exceptions=True)
    assert answers[:4] == [7] * 4
    assert {str(error) for error in answers[4:]} == {"for all who waited"}
    assert len(calls) == 2
    assert await slow(False) == 7
    assert len(calls) == 2


def test_an_answer_of_one_event_loop_counts_in_the_next() -> None:
    calls: list[int] = []

    @thread_cached
    async def answer() -> int:
        calls.append(1)
        return 7

    assert asyncio.run(answer()) == asyncio.run(answer()) == 7
    assert len(calls) == 1


def test_methods_are_cached_by_their_object() -> None:
    class Adder:
        def __init__(self, more: int) -> None:
            self.more = more

        @thread_cached
        def add(self, number: int) -> int:
            return number + self.more

    one, two = Adder(1), Adder(2)
    assert (one.add(1), two.add(1), one.add(1)) == (2, 3, 2)
    clear_thread_cache(Adder.add)


async def test_what_was_under_way_when_the_cache_was_cleared_is_not_kept() -> None:
    calls: list[int] = []
    go = asyncio.Event()

    @thread_cached
    async def slow() -> int:
        calls.append(1)
        await go.wait()
        return len(calls)

    first = asyncio.create_task(slow())
    await asyncio.sleep(0)
    clear_thread_cache(slow)
    go.set()
    assert await first == 1
    assert await slow() == 2
    assert await slow() == 2


def test_figures_by_function_and_clearing() -> None:
    @thread_cached
    def one(number: int) -> int:
        return number

    @thread_cached
    def two() -> int:
        return 2

    name = f"{__name__}.test_figures_by_function_and_clearing.<locals>"
    for number in (1, 2, 1):
        one(number)
    two()
    stats = get_cache_stats()
    assert stats["by_function"][f"{name}.one"] == {"entries": 2, "hits": 1, "misses": 2}
    assert stats["total_entries"] >= 3
    assert stats["functions_cached"] >= 2
    clear_thread_cache(one)
    assert get_cache_stats()["by_function"][f"{name}.one"]["entries"] == 0
    assert get_cache_stats()["by_function"][f"{name}.two"]["entries"] == 1
    clear_all_thread_cache()
    assert get_cache_stats()["total_entries"] == get_cache_stats()["functions_cached"] == 0
    clear_thread_cache(len)
    del one, two
    gc.collect()
    assert f"{name}.one" not in get_cache_stats()["by_function"]
