"""How far a run has been followed: cursor, patience, and whether there is more to come. Knows no I/O."""

import time
from collections.abc import Sequence
from typing import Final

from perdure_client._retries import is_passing
from perdure_client.errors import ApiError, PerdureError, RunUnfinished
from perdure_client.models import EventKind, ExecutionEvent, ExecutionStatus

ENDED: Final = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.TERMINATED})
_LONG_POLL_SECONDS: Final = 20.0
_DELAY_SECONDS: Final = 1.0


class Following:
    """
    Attributes:
        cursor: of the last event.
        done: the event of the end was there, or the run has ended and there are no more events.
    """

    def __init__(self, since: str, *, patience_seconds: float, timeout_seconds: float | None = None) -> None:
        self.cursor = since
        self.done = False
        self._has_ended = False
        self._patience_seconds = patience_seconds
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._away_since: float | None = None

    def check_time(self, execution_id: str) -> None:
        """Raises RunUnfinished when the time to wait is over."""
        if self._left() <= 0:
            raise RunUnfinished(f"Run {execution_id!r} has not ended in time; it goes on.", execution_id=execution_id)

    def wait_seconds(self) -> float:
        """How long the server may wait for the next event."""
        return 0.0 if self._has_ended else min(_LONG_POLL_SECONDS, self._left())

    def answered(self) -> None:
        self._away_since = None

    def delay_after(self, error: PerdureError) -> float:
        """Seconds to wait before asking again. Raises the error if it will not pass, or patience is over."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        if not is_passing(error) or now - self._away_since > self._patience_seconds:
            raise error
        asked = error.retry_after_seconds if isinstance(error, ApiError) else None
        return max(0.0, min(_DELAY_SECONDS if asked is None else asked, self._left()))

    def add(self, events: Sequence[ExecutionEvent]) -> None:
        self.cursor = events[-1].cursor
        if any(event.kind is EventKind.graph_execution_update and event.status in ENDED for event in events):
            self.done = True

    def add_status(self, status: ExecutionStatus | None) -> None:
        """The run's status (None: not known) after a time without events.

        One more reading follows the end: events may have come between the last one and the status.
        """
        self.done = self._has_ended
        self._has_ended = self._has_ended or status in ENDED

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()
