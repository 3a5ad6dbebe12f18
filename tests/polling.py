"""Waiting for a state instead of for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(condition: Callable[[], T | Awaitable[T]], *, seconds: float = 60.0) -> T:
    """What `condition` answers once that is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"did not become true within {seconds} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.02)


def eventually_blocking(condition: Callable[[], T | None], *, seconds: float = 60.0, what: str) -> T:
    """As `eventually`, where no event loop runs; `what` is told where it fails."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return answer
