"""Points in time at which something is due, each a Temporal timer of its own."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow


class Alarms:
    """Alarms by key. Those that have rung wait in `rung` until somebody takes them, in the order in which they rang."""

    def __init__(self) -> None:
        self.rung: deque[str] = deque()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._silenced: dict[asyncio.Task[None], None] = {}

    def set(self, key: str, at: datetime, *, summary: str) -> None:
        """Rings at `at`, or at once if that is past. An alarm of the same key is replaced."""
        self.clear(key)
        if at <= workflow.now():
            self.rung.append(key)
            return
        self._tasks[key] = asyncio.create_task(self._ring(key, at - workflow.now(), summary))

    def clear(self, key: str) -> None:
        with suppress(ValueError):
            self.rung.remove(key)
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()
            self._silenced[task] = None
            task.add_done_callback(lambda done: self._silenced.pop(done, None))

    async def close(self) -> None:
        """Silences all, so that no timer outlives the run."""
        for key in list(self._tasks):
            self.clear(key)
        self.rung.clear()
        while self._silenced:
            await asyncio.wait(list(self._silenced))

    async def _ring(self, key: str, delay: timedelta, summary: str) -> None:
        await workflow.sleep(delay, summary=summary)
        del self._tasks[key]
        self.rung.append(key)
