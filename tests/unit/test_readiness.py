"""How often the parts are asked whether they answer."""

import asyncio

from models.errors import ServiceUnavailableError
from services.gateway.readiness import KEPT_SECONDS, Readiness


async def test_the_parts_are_asked_once_for_all_who_want_to_know() -> None:
    asked, away, now, answer = 0, False, 0.0, asyncio.Event()

    async def check() -> None:
        nonlocal asked
        asked += 1
        await answer.wait()
        if away:
            raise ServiceUnavailableError("away")

    readiness = Readiness({"part": check}, now=lambda: now)
    waiting = [asyncio.create_task(readiness.ask()) for _ in range(20)]
    while not asked:
        await asyncio.sleep(0)
    waiting.pop(0).cancel()
    answer.set()
    assert await asyncio.gather(*waiting) == [{"part": True}] * 19
    assert asked == 1

    away, now = True, KEPT_SECONDS / 2
    assert await readiness.ask() == {"part": True}
    assert asked == 1
    now = KEPT_SECONDS
    assert await readiness.ask() == {"part": False}
    assert asked == 2
