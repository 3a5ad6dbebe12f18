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

FINISH_WITHIN_SECONDS: Final = 5.0
"""What is not known to be accepted by then goes with the end once more; the execution passes over what it has."""

Send = Callable[[int, tuple[BlockOutputItem, ...]], Awaitable[None]]


class OutputStream:
    """Sends what a block emits while it runs. What was not sent when the block ends travels with its result.

    Attributes:
        sent: how many emissions have been accepted by the execution, counted from the first of all attempts.
    """

    def __init__(
        self, send: Send, *, already_sent: int = 0, finish_within_seconds: float = FINISH_WITHIN_SECONDS
    ) -> None:
        """
        Args:
            send: takes the sequence number of the first item, and the items; returns when they are accepted.
            already_sent: emissions that an earlier attempt has sent; this one emits them again and they are left out.
            finish_within_seconds: how long a batch under way may hold up the end of the block.
        """
        self._send = send
        self._finish_within_seconds = finish_within_seconds
        self._skip = already_sent
        self.sent = already_sent
        self._pending: list[BlockOutputItem] = []
        self._pending_bytes = 0
        self._batches = 0
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()
        self._error: Exception | None = None

    async def add(self, item: BlockOutputItem) -> None:
        """Takes the next emission. Waits for a full batch to be accepted, so that a fast block cannot run ahead.

        Raises:
            Exception: what sending raised, now or before: after a gap nothing more may be sent.
        """
        if self._error is not None:
            raise self._error
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
            task.cancel()
            await asyncio.wait({task})
        if self._error is not None:
            raise self._error

    @property
    def _batch_size(self) -> int:
        return BATCH if self._batches < MANY_BATCHES else LARGE_BATCH

    async def _flush_now_and_then(self) -> None:
        while self._error is None:
            await self._news.wait()
            await asyncio.sleep(SOON_SECONDS if self._batches < MANY_BATCHES else LATER_SECONDS)
            try:
                await self._flush()
            except Exception:
                return  # the block hears of it with its next emission, or at its end

    async def _flush(self) -> None:
        async with self._lock:
            if self._error is not None:
                raise self._error
            self._news.clear()
            batch, self._pending, self._pending_bytes = tuple(self._pending), [], 0
            if not batch:
                return
            self._batches += 1
            sending = asyncio.ensure_future(self._send_batch(batch))
            try:
                await asyncio.shield(sending)
            except asyncio.CancelledError:
                await self._let_finish(sending)
                raise

    async def _send_batch(self, batch: tuple[BlockOutputItem, ...]) -> None:
        try:
            await self._send(self.sent, batch)
        except Exception as error:
            self._error = error
            raise
        self.sent += len(batch)

    async def _let_finish(self, sending: "asyncio.Future[None]") -> None:
        try:
            await asyncio.wait({sending}, timeout=self._finish_within_seconds)
        finally:
            sending.cancel()
