"""Reminding people of reviews that wait for them."""

import structlog
from temporalio import activity

from activities.recording import Recording
from models.events import EventKind, ExecutionEvent
from models.execution import ExecutionStatus
from models.ports import Clock
from models.wire import RemindReviewInput

_log = structlog.get_logger(__name__)


class ReminderActivities:
    def __init__(self, *, recording: Recording, clock: Clock) -> None:
        self._recording = recording
        self._clock = clock

    @activity.defn(name="remind_review")
    async def remind_review(self, input: RemindReviewInput) -> None:
        """Publishes an event that a review still waits; `number` counts the reminders of one review from 1."""
        structlog.contextvars.bind_contextvars(graph_exec_id=input.run.graph_exec_id, user_id=input.run.user_id)
        _log.info("review still waits", node_exec_id=input.node_exec_id, reminder=input.number)
        await self._recording.publish(
            ExecutionEvent(
                kind=EventKind.REVIEW_REMINDER,
                graph_exec_id=input.run.graph_exec_id,
                node_exec_id=input.node_exec_id,
                generation=input.generation,
                attempt=input.number,
                status=ExecutionStatus.REVIEW,
                at=self._clock.now(),
            )
        )
