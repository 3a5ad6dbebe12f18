"""Remembers what functions have answered: bounded in size and time, computed once for all who ask at a time."""

import asyncio
import functools
import inspect
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from typing import Any, ParamSpec, TypedDict, TypeVar, cast, overload

from pydantic import BaseModel

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_MAX_SIZE = 1_000


class FunctionStats(TypedDict):
    entries: int
    hits: int
    misses: int


class CacheStats(TypedDict):
    """`functions_cached`: those that have entries."""

    total_entries: int
    functions_cached: int
    by_function: dict[str, FunctionStats]


@dataclass(slots=True)
class _Kept:
    value: Any
    expires_at: float | None


class _FunctionCache:
    """Answers of one function by key, the ones used last at the end. Safe for threads."""

    def __init__(self, function: Callable[..., Any], *, ttl: timedelta | None, max_size: int) -> None:
        self.name = f"{function.__module__}.{function.__qualname__}"
        self._signature = inspect.signature(function)
        self._ttl = None if ttl is None else ttl.total_seconds()
        self._max_size = max_size
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Any] = {}
        self._generation = 0
        self._hits = self._misses = 0

    def key(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Hashable:
        """The same for calls that mean the same, however their arguments are written."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple((name, freeze(value)) for name, value in bound.arguments.items())

    def join(self, key: Hashable, make_flight: Callable[[], Any]) -> tuple[_Kept | None, Any, bool, int]:
        """What is kept; else the computation that is under way, and whether the caller is to carry it out."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and (kept.expires_at is None or time.monotonic() < kept.expires_at):
                self._kept.move_to_end(key)
                self._hits += 1
                return kept, None, False, self._generation
            self._kept.pop(key, None)
            flight = self._flights.get(key)
            if flight is not None:
                self._hits += 1
                return None, flight, False, self._generation
            self._misses += 1
            flight = self._flights[key] = make_flight()
            return None, flight, True, self._generation

    def land(self, key: Hashable, flight: Any, generation: int, value: Any) -> None:
        """Keeps an answer, unless the cache was cleared since it was asked for."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
            if generation != self._generation:
                return
            expires_at = None if self._ttl is None else time.monotonic() + self._ttl
            self._kept[key] = _Kept(value, expires_at)
            self._kept.move_to_end(key)
            while len(self._kept) > self._max_size:
                self._kept.popitem(last=False)

    def crash(self, key: Hashable, flight: Any) -> None:
        """An error is for those who waited, and is not kept."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def clear(self) -> None:
        with self._lock:
            self._generation += 1
            self._kept.clear()
            self._flights.clear()

    def stats(self) -> FunctionStats:
        with self._lock:
            return FunctionStats(entries=len(self._kept), hits=self._hits, misses=self._misses)


_caches: "weakref.WeakKeyDictionary[Callable[..., Any], _FunctionCache]" = weakref.WeakKeyDictionary()


@overload
def thread_cached(function: Callable[P, T], /) -> Callable[P, T]: ...


@overload
def thread_cached(
    *, ttl: timedelta | None = None, max_size: int = DEFAULT_MAX_SIZE
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...


def thread_cached(
    function: Callable[..., Any] | None = None,
    /,
    *,
    ttl: timedelta | None = None,
    max_size: int = DEFAULT_MAX_SIZE,
) -> Any:
    """Decorates a function, sync or async, so that it answers equal calls from memory.

    The memory is that of the process: its threads and event loops share it. Callers get the same object and must not
    change it. Errors are not kept. Calls that come while an equal one is under way wait for its answer or error.

    Args:
        ttl: how long an answer counts; for ever by default.
        max_size: how many answers are kept; those that were not asked for the longest go first.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        cache = _FunctionCache(function, ttl=ttl, max_size=max_size)
        wrap = _cached_async if inspect.iscoroutinefunction(function) else _cached_sync
        wrapped = functools.wraps(function)(wrap(function, cache))
        _caches[wrapped] = cache
        return wrapped

    return decorate if function is None else decorate(function)


def clear_thread_cache(function: Callable[..., Any]) -> None:
    """Forgets the answers of one function; of one that is not cached there are none."""
    cache = _caches.get(function)
    if cache is not None:
        cache.clear()


def clear_all_thread_cache() -> None:
    for cache in tuple(_caches.values()):
        cache.clear()


def get_cache_stats() -> CacheStats:
    """Figures of every cached function of this process."""
    by_function = {cache.name: cache.stats() for cache in tuple(_caches.values())}
    return CacheStats(
        total_entries=sum(stats["entries"] for stats in by_function.values()),
        functions_cached=sum(stats["entries"] > 0 for stats in by_function.values()),
        by_function=dict(sorted(by_function.items())),
    )


def freeze(value: object) -> Hashable:
    """Something hashable that is equal for equal values of the same type.

    Raises:
        TypeError: nothing is known about equality of such values.
    """
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return type(value), frozenset((freeze(key), freeze(item)) for key, item in items)
    if isinstance(value, list | tuple):
        return type(value), tuple(freeze(item) for item in cast("list[Any]", value))
    if isinstance(value, set | frozenset):
        return type(value), frozenset(freeze(item) for item in cast("set[Any]", value))
    if isinstance(value, bytearray):
        return bytearray, bytes(value)
    try:
        hash(value)
    except TypeError:
        return type(value), _frozen_parts(value)
    # 1, 1.0 and True are equal, and not the same argument.
    return type(value), cast("Hashable", value)


def _frozen_parts(value: object) -> Hashable:
    if isinstance(value, BaseModel):
        return tuple((name, freeze(getattr(value, name))) for name in type(value).model_fields)
    if is_dataclass(value):
        return tuple((field.name, freeze(getattr(value, field.name))) for field in fields(value))
    raise TypeError(f"A {type(value).__name__} cannot be an argument of a cached function: it is not hashable.")


def _cached_sync(function: Callable[..., T], cache: _FunctionCache) -> Callable[..., T]:
    def call(*args: Any, **kwargs: Any) -> T:
        key = cache.key(args, kwargs)
        kept, flight, mine, generation = cache.join(key, _SyncFlight)
        if kept is not None:
            return kept.value
        if not mine:
            # Within its own computation a call cannot wait for the answer.
            return function(*args, **kwargs) if flight.owner == threading.get_ident() else flight.result()
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            cache.crash(key, flight)
            flight.set_exception(error)
            raise
        cache.land(key, flight, generation, value)
        flight.set_result(value)
        return value

    return call


def _cached_async(function: Callable[..., Awaitable[T]], cache: _FunctionCache) -> Callable[..., Awaitable[T]]:
    async def call(*args: Any, **kwargs: Any) -> T:
        # Tasks belong to their event loop; answers do not.
        key = cache.key(args, kwargs)
        loop = asyncio.get_running_loop()

        async def compute() -> T:
            return await function(*args, **kwargs)

        kept, flight, mine, generation = cache.join(key, lambda: _Flight(loop, loop.create_task(compute())))
        if kept is not None:
            return kept.value
        if flight.loop is not loop:
            if flight.loop.is_closed():
                cache.crash(key, flight)
            return await function(*args, **kwargs)
        if mine:
            flight.task.add_done_callback(functools.partial(_settle, cache, key, flight, generation))
        # Whoever gives up waiting leaves the others their answer.
        return await asyncio.shield(flight.task)

    return call


class _SyncFlight(Future[Any]):
    """`owner`: the thread that computes."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = threading.get_ident()


@dataclass(eq=False, slots=True)
class _Flight:
    loop: asyncio.AbstractEventLoop
    task: "asyncio.Task[Any]"


def _settle(cache: _FunctionCache, key: Hashable, flight: _Flight, generation: int, task: "asyncio.Task[Any]") -> None:
    if task.cancelled() or task.exception() is not None:
        cache.crash(key, flight)
    else:
        cache.land(key, flight, generation, task.result())
