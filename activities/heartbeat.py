"""Keeps a running activity alive in the eyes of the server."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from temporalio import activity

FIRST_AFTER_SECONDS: Final = 1.0
"""Short activities send none. A cancellation in the first moments of a block waits for it, so it must come soon."""

EVERY_SECONDS: Final = 1.0
"""Cancellation reaches a running block with the answer to a heartbeat."""


@asynccontextmanager
async def heartbeats(details: Callable[[], tuple[Any, ...]] = tuple) -> AsyncGenerator[None]:
    """Heartbeats for as long as the context is open, but for its first second.

    Args:
        details: what the next attempt finds in its `heartbeat_details`, should this one die.
    """
    task = asyncio.create_task(_beat(details))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _beat(details: Callable[[], tuple[Any, ...]]) -> None:
    await asyncio.sleep(FIRST_AFTER_SECONDS)
    while True:
        activity.heartbeat(*details())
        await asyncio.sleep(EVERY_SECONDS)
