"""Writing the projection: tried in place for a while, because a block that has run must not run again for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog

from models.events import EventKind, ExecutionEvent
from models.json_values import JsonType, json_type
from models.ports import EventBus, ExecutionRecorder
from models.values import Value
from models.wire import NodeRecord, RunIdentity, RunOpening

RETRY_FOR: Final = timedelta(seconds=60)
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0

PUBLISH_WITHIN: Final = timedelta(seconds=2)
"""An event bus that does not answer must not hold up blocks."""

LEAVE_ALONE_FOR: Final = timedelta(seconds=5)
"""After a failure, events of nodes are dropped unsent for this long."""

MAX_EVENT_OUTPUTS: Final = 20
MAX_EVENT_BYTES: Final = 8 * 1024
"""Outputs shown in one event; beyond it a value is told by its size."""

_log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")


class Recording:
    """Records node executions and tells the event bus.

    Args:
        retry_for: how long a write is tried again before it is given up.
    """

    def __init__(self, recorder: ExecutionRecorder, events: EventBus, *, retry_for: timedelta = RETRY_FOR) -> None:
        self._recorder = recorder
        self._events = events
        self._retry_for = retry_for
        self._silent_until = 0.0

    async def insist(self, write: Callable[[], Awaitable[ResultT]], *, at_most: timedelta | None = None) -> ResultT:
        """The result of a write that is tried again while it fails, for `retry_for` (or `at_most`, if that is less).

        Raises:
            Exception: what the last try raised.
        """
        limit = self._retry_for if at_most is None else min(self._retry_for, at_most)
        deadline = time.monotonic() + limit.total_seconds()
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await write()
            except Exception:
                if time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def record(
        self, run: RunIdentity, record: NodeRecord, *, opening: RunOpening | None = None, insist: bool = True
    ) -> bool:
        """Writes one row and publishes its event. False if it could not be written.

        Args:
            insist: try again for a while; otherwise once.
        """

        async def write() -> None:
            await self._recorder.record_nodes(run, (record,), opening=opening)

        try:
            await (self.insist(write) if insist else write())
        except Exception as error:
            _log.error("node execution not recorded", error=type(error).__name__, node_exec_id=record.node_exec_id)
            return False
        await self.publish(event_of(run, record))
        return True

    async def publish(self, event: ExecutionEvent) -> None:
        """Best effort: an event that is lost loses no state."""
        if event.kind is EventKind.NODE and time.monotonic() < self._silent_until:
            return
        try:
            async with asyncio.timeout(PUBLISH_WITHIN.total_seconds()):
                await self._events.publish((event,))
        except Exception as error:
            self._silent_until = time.monotonic() + LEAVE_ALONE_FOR.total_seconds()
            _log.warning("event not published", error=type(error).__name__)


def event_of(run: RunIdentity, record: NodeRecord) -> ExecutionEvent:
    at = record.ended_at or record.started_at or record.queued_at
    assert at is not None, "a record has at least one time"
    return ExecutionEvent(
        kind=EventKind.NODE,
        graph_exec_id=run.graph_exec_id,
        status=record.status,
        at=at,
        node_exec_id=record.node_exec_id,
        node_id=record.node_id,
        block_id=record.block_id,
        generation=record.generation,
        attempt=record.attempt,
        error=record.error,
        outputs=_preview(record.outputs),
    )


def _preview(outputs: Sequence[tuple[str, Value]]) -> list[tuple[str, Any]]:
    """The first outputs, inline as far as the budget of an event goes."""
    shown: list[tuple[str, Any]] = []
    budget = MAX_EVENT_BYTES
    for pin, value in outputs[:MAX_EVENT_OUTPUTS]:
        if value.ref is not None:
            shown.append((pin, _note(value.ref.json_type, value.ref.size)))
        elif value.inline_bytes > budget:
            shown.append((pin, _note(json_type(value.inline), value.inline_bytes)))
        else:
            budget -= value.inline_bytes
            shown.append((pin, value.inline))
    return shown


def _note(kind: JsonType, size: int) -> str:
    return f"({kind} of {size} bytes)"
