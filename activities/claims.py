"""Claims: an attempt whose effect must not happen twice says so before it begins."""

from datetime import datetime, timedelta
from typing import Final

from activities.recording import Recording
from models.errors import OutcomeUnknownError
from models.ports import ExecutionRecorder
from models.wire import ExecuteBlockInput

CLAIM_WITHIN: Final = timedelta(seconds=10)
"""A claim is tried for this long in place; then the attempt is given back, for nothing has happened yet."""


class Claim:
    """The claim of one attempt, keyed by node execution and generation."""

    def __init__(
        self,
        recorder: ExecutionRecorder,
        recording: Recording,
        task: ExecuteBlockInput,
        *,
        attempt: int,
        started_at: datetime,
    ) -> None:
        """`attempt` and `started_at` together tell attempts apart."""
        self._recorder = recorder
        self._recording = recording
        self._task = task
        self._attempt = attempt
        self._started_at = started_at
        self.is_held = False

    async def acquire(self) -> None:
        """Raises OutcomeUnknownError if another attempt has begun and did not tell how it ended."""
        task = self._task

        async def claim() -> bool:
            return await self._recorder.claim(
                task.run, task.node_exec_id, task.generation, self._attempt, at=self._started_at
            )

        self.is_held = await self._recording.insist(claim, at_most=CLAIM_WITHIN)
        if not self.is_held:
            raise OutcomeUnknownError(
                "An earlier attempt of this block was interrupted after it had begun. Its effect may have happened, "
                "so it is not repeated. Check the third party, then retry the node if needed."
            )

    async def release(self) -> None:
        """Lets a later attempt begin: this one has ended with a known outcome, or has not begun."""
        if not self.is_held:
            return

        async def release() -> None:
            await self._recorder.release_claim(self._task.node_exec_id, self._task.generation)

        await self._recording.insist(release)
        self.is_held = False
