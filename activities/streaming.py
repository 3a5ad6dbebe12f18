"""Emissions of a running block, sent ahead to its execution in batches."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from models.wire import BlockOutputItem

SOON_SECONDS: Final = 0.1
BATCH: Final = 50
"""A batch goes after SOON_SECONDS or with this many values, whichever comes first."""

MANY_BATCHES: Final = 600
LATER_SECONDS: Final = 1.0
LARGE_BATCH: Final = 500
"""After a minute of batches they become larger, because one execution takes 10 000 signals at most."""

MAX_BATCH_BYTES: Final = 512 * 1024

Send = Callable[[int, tuple[BlockOutputItem, ...]], Awaitable[None]]


class OutputStream:
    """Sends what a block emits while it runs. What was not sent when the block ends travels with its result.

    Attributes:
        sent: how many emissions have been accepted by the execution, counted from the first of all attempts.
    """

    def __init__(self, send: Send, *, already_sent: int = 0) -> None:
        """
        Args:
            send: takes the sequence number of the first item, and the items; returns when they are accepted.
            already_sent: emissions that an earlier attempt has sent; this one emits them again and they are left out.
        """
        self._send = send
        self._skip = already_sent
        self.sent = already_sent
        self._pending: list[BlockOutputItem] = []
        self._pending_bytes = 0
        self._batches = 0
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()

    async def add(self, item: BlockOutputItem) -> None:
        """Takes the next emission. Waits for a full batch to be accepted, so that a fast block cannot run ahead.

        Raises:
            Exception: what sending raised.
        """
        if self._skip:
            self._skip -= 1
            return
        self._pending.append(item)
        self._pending_bytes += item.value.inline_bytes
        self._news.set()
        if len(self._pending) >= self._batch_size or self._pending_bytes >= MAX_BATCH_BYTES:
            await self._flush()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Sends in the background for as long as the context is open. A batch under way is finished."""
        task = asyncio.create_task(self._flush_now_and_then())
        try:
            yield
        finally:
            async with self._lock:
                task.cancel()
            await asyncio.wait({task})
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error

    @property
    def _batch_size(self) -> int:
        return BATCH if self._batches < MANY_BATCHES else LARGE_BATCH

    async def _flush_now_and_then(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(SOON_SECONDS if self._batches < MANY_BATCHES else LATER_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        async with self._lock:
            self._news.clear()
            batch, self._pending, self._pending_bytes = tuple(self._pending), [], 0
            if not batch:
                return
            self._batches += 1
            await asyncio.shield(self._send_batch(batch))

    async def _send_batch(self, batch: tuple[BlockOutputItem, ...]) -> None:
        await self._send(self.sent, batch)
        self.sent += len(batch)
