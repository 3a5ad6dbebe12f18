"""Whether something leaves the event loop to others while it works."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


@asynccontextmanager
async def others_get_turns(*, more_than: int) -> AsyncGenerator[None]:
    """Asserts that another task had more than so many turns while the context was open."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(take_turns())
    try:
        yield
    finally:
        others.cancel()
    assert turns > more_than
