"""Work that goes on after the answer, where the time it takes would tell something, or nobody should wait for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from models.errors import AppError, ServiceUnavailableError

MAX_UNDER_WAY: Final = 1_000

_log = structlog.get_logger(__name__)


class Background:
    """Tasks of this process. What is under way when it dies is lost: use it for what people can ask for again.

    Work that `resumes` is begun again by the next process, so nobody waits for it at the end: it may take hours.
    """

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()
        self._resuming: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str, resumes: bool = False) -> None:
        """Raises ServiceUnavailableError if too much is under way."""
        under_way = self._resuming if resumes else self._under_way
        if len(under_way) >= MAX_UNDER_WAY:
            work.close()
            raise ServiceUnavailableError(f"Too much is under way to begin {name!r}.")
        task = asyncio.create_task(_guarded(work, name), name=name)
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    async def drain(self) -> None:
        """Waits until everything begun so far has ended; cancels what resumes."""
        resuming = list(self._resuming)
        for task in resuming:
            task.cancel()
        await asyncio.gather(*self._under_way)
        await asyncio.gather(*resuming, return_exceptions=True)


async def _guarded(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except AppError as error:
        _log.error("background work failed", work=name, reason=error.message, code=error.code)
    except Exception:
        _log.exception("background work failed", work=name)
