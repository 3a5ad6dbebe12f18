"""The one activity every block runs in: reserve, run, record, settle."""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog
from temporalio import activity

from activities.block_run import BlockRun
from activities.block_turn import BlockTurn
from activities.blocks.registry import BlockRegistry
from activities.claims import Claim
from activities.heartbeat import heartbeats
from activities.recording import Recording
from activities.wait_starts import WaitStarts, shown, status_of
from models.blocks import Block
from models.errors import (
    AppError,
    BlockDisabledError,
    BlockError,
    ServiceUnavailableError,
)
from models.execution import ExecutionStatus
from models.json_values import normalise_json
from models.ports import Clock, Credits, ExecutionRecorder, GraphRunner
from models.value_store import ValueStore
from models.waits import WaitShown
from models.wire import (
    BlockFailure,
    BlockFinished,
    BlockOutputItem,
    BlockWaiting,
    ExecuteBlockInput,
    ExecuteBlockResult,
    NodeRecord,
)

ANNOUNCE_AFTER_SECONDS: Final = 0.25
"""A block still running then is recorded as RUNNING; shorter ones cost one write instead of two."""

EXTRA_ATTEMPTS: Final = 10
"""Beyond those of the node's own retry policy, for attempts that ended before the block began because a server of ours
was away. Temporal allows more (`MAX_CRASHES`), so that the last word is always spoken here."""

MAX_UNRECORDED_BYTES: Final = 960 * 1024
"""Emissions that may travel twice in one payload of 2 MiB: once to be routed, once to be recorded later."""

LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
MAX_MESSAGE_CHARACTERS: Final = 8_000

_log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")
EndT = TypeVar("EndT", BlockFinished, BlockFailure)


class NodeExecutionFailedError(AppError):
    """A failed attempt, with what the workflow needs to route it.

    Attributes:
        retry: Temporal should try once more,
        retry_after: not before this time, which the third party asked for; None leaves it to the retry policy.
    """

    code = "block_failed"

    def __init__(self, failure: BlockFailure, *, retry: bool, retry_after: timedelta | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.retry = retry
        self.retry_after = retry_after


class BlockActivities:
    """Runs blocks. Effects are keyed by (node execution, generation), so that another attempt repeats none of them.

    `services` are the ports that blocks find in `BlockContext.services`.
    """

    def __init__(
        self,
        *,
        blocks: BlockRegistry,
        values: ValueStore,
        recorder: ExecutionRecorder,
        recording: Recording,
        credits: Credits,
        clock: Clock,
        services: Mapping[str, Any],
        waits: WaitStarts,
        runner: GraphRunner,
    ) -> None:
        self.waits = waits
        self.runner = runner
        self.blocks = blocks
        self.values = values
        self.recorder = recorder
        self.recording = recording
        self.credits = credits
        self.clock = clock
        self.services = services

    @activity.defn(name="execute_block")
    async def execute_block(self, task: ExecuteBlockInput) -> ExecuteBlockResult:
        """One attempt of one node execution.

        Raises:
            NodeExecutionFailedError: the attempt failed.
        """
        structlog.contextvars.bind_contextvars(
            user_id=task.run.user_id, graph_exec_id=task.run.graph_exec_id, node_exec_id=task.node_exec_id
        )
        attempt = _Attempt(self, task)
        async with heartbeats(attempt.turn.heartbeat_details):
            return await attempt.execute()


class _Attempt:
    """One attempt: the block's run between reservation and record."""

    def __init__(self, deps: BlockActivities, task: ExecuteBlockInput) -> None:
        self._deps = deps
        self._task = task
        self._number = activity.info().attempt
        self._started_at = deps.clock.now()
        self._timer_start = time.perf_counter()
        self._block_run: BlockRun | None = None
        self._cost = 0
        self._claim = Claim(deps.recorder, deps.recording, task, attempt=self._number, started_at=self._started_at)
        self.turn = BlockTurn(
            task,
            attempt=self._number,
            claim=self._claim,
            recording=deps.recording,
            waits=deps.waits,
            runner=deps.runner,
            services=deps.services,
        )
        self._ended = asyncio.Event()

    async def execute(self) -> ExecuteBlockResult:
        earlier = await self._find_recorded()
        if earlier is not None:
            return await self._repeat_answer(earlier)
        announcing = asyncio.create_task(self._announce_when_long())
        error: Exception | None = None
        try:
            await self._run_block()
        except asyncio.CancelledError:
            await self._stop_announcing(announcing)
            await self._record_if_cancelled()
            raise
        except Exception as raised:
            error = raised
        return await _to_the_end(self._end(announcing, error))

    async def _run_block(self) -> None:
        task = self._task
        block = self._find_block()
        run = self._block_run = BlockRun(block, task, self._deps.values)
        input = await run.prepare()
        self._cost = await self._deps.credits.reserve(
            task.run.user_id,
            task.node_exec_id,
            task.generation,
            block_id=task.block_id,
            inputs=input,
        )
        cap = asyncio.timeout(task.timeout_seconds)
        try:
            async with cap:
                await self.turn.take(block, run, input)
        except TimeoutError as error:
            if not cap.expired():
                raise
            raise BlockError(
                f"Node execution exceeded its wall-clock cap of {task.timeout_seconds:g} s. "
                "Raise `timeout_seconds` in the node's metadata if it needs longer."
            ) from error

    def _find_block(self) -> type[Block[Any]]:
        block = self._deps.blocks.get(self._task.block_id)
        if block.disabled is not None:
            raise BlockDisabledError(f"Block {block.name()!r} is disabled: {block.disabled}")
        return block

    # --- an answer that was lost --------------------------------------------------------------------------------

    async def _find_recorded(self) -> NodeRecord | None:
        """How an earlier attempt ended, if it was recorded and its worker died before Temporal heard of it."""
        if self._number == 1:
            return None
        try:
            return await self._deps.recorder.find_ended(self._task.node_exec_id, self._task.generation)
        except ServiceUnavailableError:
            return None

    async def _repeat_answer(self, earlier: NodeRecord) -> ExecuteBlockResult:
        """Rows and effects stay those of the attempt that ended; only its answer is given once more."""
        run = self._block_run = BlockRun(self._find_block(), self._task, self._deps.values)
        await run.restore(earlier)
        seconds = earlier.execution_time or 0.0
        await self._settle(seconds)
        outputs = tuple(run.outputs)
        if earlier.status is ExecutionStatus.COMPLETED:
            return ExecuteBlockResult(outcome=self._with_stored(_finished(outputs, seconds, self._cost, None)))
        failure = BlockFailure(
            message=earlier.error or "",
            code=earlier.error_code or BlockError.code,
            outputs=outputs,
            seconds=seconds,
            cost=self._cost,
        )
        raise NodeExecutionFailedError(self._with_stored(failure), retry=False)

    # --- the three ends -----------------------------------------------------------------------------------------

    async def _end(self, announcing: "asyncio.Task[None]", error: Exception | None) -> ExecuteBlockResult:
        await self._stop_announcing(announcing)
        if error is None and self.turn.waiting is not None:
            try:
                return await self._parked(self.turn.waiting)
            except Exception as raised:
                error = raised
        if error is not None:
            raise await self._failed(error) from error
        return ExecuteBlockResult(outcome=await self._finished())

    async def _parked(self, waiting: BlockWaiting) -> ExecuteBlockResult:
        """The row says that it waits before the workflow does. Nothing has happened yet, so this may fail."""
        unrecorded = await self._record(status_of(waiting.wait), wait=shown(waiting.wait))
        if unrecorded is not None:
            raise ServiceUnavailableError("The wait could not be recorded.")
        return ExecuteBlockResult(outcome=waiting)

    async def _finished(self) -> BlockFinished:
        """From here on nothing may fail the activity: the block has run and must not run again."""
        seconds = self._seconds()
        unrecorded = await self._record(ExecutionStatus.COMPLETED)
        await self._settle(seconds)
        outputs = tuple(self._block_run.outputs[self.turn.sent :]) if self._block_run else ()
        finished = _finished(outputs, seconds, self._cost, unrecorded)
        return self._with_stored(
            finished.model_copy(update={"streamed": self.turn.sent}) if self.turn.sent else finished
        )

    async def _failed(self, error: Exception) -> NodeExecutionFailedError:
        failure = self._describe(error)
        if self._may_retry(error):
            try:
                await self._claim.release()
            except Exception as trouble:
                # With the claim left behind, a further attempt would only find an unknown outcome.
                _log.error("claim not released", error=type(trouble).__name__)
            else:
                _log.warning("block attempt failed, will retry", code=failure.code, attempt=self._number)
                # The next attempt emits anew, and what Temporal keeps of a failed attempt must stay small.
                failure = failure.model_copy(update={"outputs": ()})
                return NodeExecutionFailedError(failure, retry=True, retry_after=_retry_after(error))
        unrecorded = await self._record(ExecutionStatus.FAILED, failure)
        await self._settle(failure.seconds)
        failure = failure.model_copy(update={"cost": self._cost, "unrecorded": unrecorded})
        if self.turn.sent:
            rest = failure.outputs[self.turn.sent :]
            failure = failure.model_copy(update={"outputs": rest, "streamed": self.turn.sent})
        return NodeExecutionFailedError(self._with_stored(failure), retry=False)

    def _with_stored(self, end: EndT) -> EndT:
        """`end` with what was stored. Fields that say nothing are not set, so that they do not travel."""
        stored_bytes = self._block_run.stored_bytes if self._block_run else 0
        return end.model_copy(update={"stored_bytes": stored_bytes}) if stored_bytes else end

    async def _record_if_cancelled(self) -> None:
        """Only a cancellation somebody asked for ends the node; on shutdown or time-out another attempt follows."""
        details = activity.cancellation_details()
        if details is not None and details.cancel_requested:
            await self._record(ExecutionStatus.TERMINATED, insist=False)

    def _describe(self, error: Exception) -> BlockFailure:
        code = error.code if isinstance(error, AppError) else "block_failed"
        # Texts of third parties may hold characters that no database takes.
        message = normalise_json((str(error) or type(error).__name__)[:MAX_MESSAGE_CHARACTERS])
        outputs = tuple(self._block_run.outputs) if self._block_run else ()
        return BlockFailure(message=message, code=code, outputs=outputs, seconds=self._seconds(), cost=self._cost)

    def _may_retry(self, error: Exception) -> bool:
        # A batch that seems to have failed may have arrived: only its acknowledgement is sure.
        if self.turn.may_have_streamed and not self._may_replay:
            return False
        if isinstance(error, ServiceUnavailableError) and not self.turn.has_begun:
            return self._number < self._task.max_attempts + EXTRA_ATTEMPTS
        transient = (
            error.retryable if isinstance(error, AppError) else isinstance(error, ConnectionError | TimeoutError)
        )
        return transient and self._number < self._task.max_attempts

    @property
    def _may_replay(self) -> bool:
        block = self._deps.blocks.find(self._task.block_id)
        return block is not None and block.replayable_stream

    # --- records ------------------------------------------------------------------------------------------------

    async def _announce_when_long(self) -> None:
        block = self._deps.blocks.find(self._task.block_id)
        if block is None or self.turn.will_wait(block):
            return  # its row is about to say that it waits
        try:
            await asyncio.wait_for(self._ended.wait(), ANNOUNCE_AFTER_SECONDS)
        except TimeoutError:
            await self._record(ExecutionStatus.RUNNING, insist=False)

    async def _stop_announcing(self, announcing: "asyncio.Task[None]") -> None:
        """Waits for an announcement under way, so that it cannot be written after the end."""
        self._ended.set()
        await announcing

    async def _record(
        self,
        status: ExecutionStatus,
        failure: BlockFailure | None = None,
        *,
        insist: bool = True,
        wait: WaitShown | None = None,
    ) -> NodeRecord | None:
        """Writes the row of this attempt; returns it if that was not possible, to be written by the workflow's end."""
        task, run = self._task, self._block_run
        record = NodeRecord(
            node_exec_id=task.node_exec_id,
            node_id=task.node_id,
            block_id=task.block_id,
            firing=task.firing,
            generation=task.generation,
            attempt=self.turn.attempt,
            status=status,
            route_seq=task.route_seq,
            inputs=run.inputs if run else task.received,
            outputs=tuple((item.pin, item.value) for item in run.outputs) if run else (),
            error=failure.message if failure else None,
            error_code=failure.code if failure else None,
            queued_at=task.queued_at,
            started_at=self._started_at,
            ended_at=self._deps.clock.now() if status.is_terminal else None,
            execution_time=self._seconds() if status.is_terminal else None,
            wait=wait,
        )
        written = await self._deps.recording.record(task.run, record, opening=task.opening, insist=insist)
        if written:
            return None
        if run is not None and run.wire_bytes > MAX_UNRECORDED_BYTES:
            _log.error("record travels without its outputs, which are too large", bytes=run.wire_bytes)
            return record.model_copy(update={"outputs": ()})
        return record

    async def _settle(self, seconds: float) -> None:
        task = self._task
        try:
            self._cost = await self._deps.credits.settle(
                task.run.user_id, task.node_exec_id, task.generation, seconds=seconds
            )
        except Exception as error:
            _log.error("credits not settled", error=type(error).__name__, node_exec_id=task.node_exec_id)

    def _seconds(self) -> float:
        return round(time.perf_counter() - self._timer_start, 6)


def _finished(
    outputs: tuple[BlockOutputItem, ...], seconds: float, cost: int, unrecorded: NodeRecord | None
) -> BlockFinished:
    return BlockFinished(kind="finished", outputs=outputs, seconds=seconds, cost=cost, unrecorded=unrecorded)


async def _to_the_end(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Awaits `work` even when we are cancelled meanwhile: the block has run, and how it ended must be told."""
    task = asyncio.create_task(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise


def _retry_after(error: Exception) -> timedelta | None:
    seconds = error.details.get("retry_after_seconds") if isinstance(error, AppError) else None
    if not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return min(timedelta(seconds=seconds), LONGEST_RETRY_AFTER)
