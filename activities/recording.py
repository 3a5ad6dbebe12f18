"""Writing the projection: tried in place for a while, because a block that has run must not run again for it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog

from models.events import EventKind, ExecutionEvent
from models.ports import EventBus, ExecutionRecorder
from models.values import Value
from models.wire import NodeRecord, RunIdentity, RunOpening

RETRY_FOR_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Recording:
    """Records node executions and tells the event bus."""

    def __init__(self, recorder: ExecutionRecorder, events: EventBus, *, retry_for_seconds: float = RETRY_FOR_SECONDS):
        self._recorder = recorder
        self._events = events
        self._retry_for_seconds = retry_for_seconds

    async def record(
        self, run: RunIdentity, record: NodeRecord, *, opening: RunOpening | None = None, insist: bool = True
    ) -> bool:
        """Writes one row and publishes its event. False if it could not be written within the time.

        Args:
            insist: try again for `retry_for_seconds`; otherwise once.
        """
        deadline = time.monotonic() + (self._retry_for_seconds if insist else 0.0)
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._recorder.record_nodes(run, (record,), opening=opening)
                break
            except Exception as error:
                if time.monotonic() + pause > deadline:
                    _log.error("node execution not recorded", error=type(error).__name__, node_exec=record.node_exec_id)
                    return False
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        await self.publish(event_of(run, record))
        return True

    async def publish(self, *events: ExecutionEvent) -> None:
        """Best effort: an event that is lost loses no state."""
        try:
            await self._events.publish(events)
        except Exception as error:
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
        outputs=[(pin, _preview(value)) for pin, value in _few(record.outputs)],
    )


MAX_EVENT_OUTPUTS = 20


def _few(outputs: Sequence[tuple[str, Value]]) -> Sequence[tuple[str, Value]]:
    return outputs[:MAX_EVENT_OUTPUTS]


def _preview(value: Value) -> object:
    if value.ref is not None:
        return f"({value.ref.json_type} of {value.ref.size} bytes)"
    return value.inline
