"""The one activity every block runs in: reserve, run, record, settle."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

import structlog
from pydantic import BaseModel
from temporalio import activity

from activities.block_run import BlockRun
from activities.blocks.registry import BlockRegistry
from activities.heartbeat import heartbeats
from activities.recording import Recording
from activities.streaming import OutputStream
from activities.wait_starts import WAITING_EXECUTORS, WaitStarts, shown, status_of
from models.blocks import Block, BlockContext, Emission, WaitingBlock
from models.coercion import build_input
from models.errors import (
    AppError,
    BlockDisabledError,
    BlockError,
    OutcomeUnknownError,
    ServiceUnavailableError,
    StreamInterruptedError,
)
from models.execution import ExecutionStatus
from models.ids import owner_key_id_of
from models.json_values import normalise_json
from models.ports import Clock, Credits, ExecutionRecorder, GraphRunner
from models.value_store import ValueStore
from models.waits import AskForReview, AwaitEvent, Decided, Delay, NoWait, Resumption, RunAgent, WaitShown
from models.wire import (
    BlockFailure,
    BlockFinished,
    BlockOutputItem,
    BlockWaiting,
    ExecuteBlockInput,
    ExecuteBlockResult,
    NodeRecord,
    StreamedOutputs,
)

ANNOUNCE_AFTER_SECONDS: Final = 0.25
"""A block still running then is recorded as RUNNING; shorter ones cost one write instead of two."""

CLAIM_WITHIN: Final = timedelta(seconds=10)
"""A claim is tried for this long in place; then the attempt is given back, for nothing has happened yet."""

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
        async with heartbeats(attempt.heartbeat_details):
            return await attempt.execute()


class _Attempt:
    """One attempt: the block's run between reservation and record."""

    def __init__(self, deps: BlockActivities, task: ExecuteBlockInput) -> None:
        self._deps = deps
        self._task = task
        self._number = activity.info().attempt
        self._attempts_before = task.resumption.attempt if task.resumption else 0
        self._waiting: BlockWaiting | None = None
        self._stream: OutputStream | None = None
        self._started_at = deps.clock.now()
        self._timer_start = time.perf_counter()
        self._block_run: BlockRun | None = None
        self._cost = 0
        self._has_claim = False
        self._has_begun = False
        self._may_have_streamed = False
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
                await self._carry_out(block, run, input)
        except TimeoutError as error:
            if not cap.expired():
                raise
            raise BlockError(
                f"Node execution exceeded its wall-clock cap of {task.timeout_seconds:g} s. "
                "Raise `timeout_seconds` in the node's metadata if it needs longer."
            ) from error

    async def _carry_out(self, block: type[Block[Any]], run: BlockRun, input: BaseModel) -> None:
        """Runs the block, begins its wait, or goes on after one."""
        task, context = self._task, self._context()
        if task.resumption is not None:
            input = await self._resume(block, run, input, task.resumption)
            if issubclass(block, WaitingBlock):
                return
        elif issubclass(block, WaitingBlock) and block.executor in WAITING_EXECUTORS:
            request = await block().plan_wait(input, context)
            if isinstance(request, NoWait):
                await run.collect(input, _each(request.emissions))
            else:
                await self._wait(request, run, input)
            return
        elif self._needs_review(block):
            await self._wait(AskForReview(data=input.model_dump(mode="json"), instructions=block.name()), run, input)
            return
        if block.needs_claim():
            await self._claim()
        self._has_begun = True
        if not block.streams:
            await run.run(input, context)
            return
        self._stream = await self._open_stream(block)
        async with self._stream.running():
            await run.run(input, context, stream=self._stream)

    def _will_wait(self, block: type[Block[Any]]) -> bool:
        return block.executor in WAITING_EXECUTORS or self._needs_review(block)

    def _needs_review(self, block: type[Block[Any]]) -> bool:
        options = self._task.options
        is_watched = options is not None and options.sensitive_action_safe_mode
        return block.is_sensitive_action and is_watched and not self._task.auto_approved

    async def _wait(
        self, request: Delay | AskForReview | AwaitEvent | RunAgent, run: BlockRun, input: BaseModel
    ) -> None:
        begin = self._deps.waits.begin
        self._waiting = await begin(request, task=self._task, run=run, input=input, attempt=self._attempt)

    async def _resume(
        self, block: type[Block[Any]], run: BlockRun, input: BaseModel, resumption: Resumption
    ) -> BaseModel:
        """After the wait: a block that waits emits, a sensitive one gets the input it may run with.

        Raises:
            BlockError: the reviewer has rejected it, or nobody decided.
        """
        waits = self._deps.waits
        if issubclass(block, WaitingBlock):
            data = getattr(input, "data", None)
            end = await waits.end_of(resumption, self._task, data=data)
            await self._deps.recording.insist(lambda: waits.close(self._task, resumption))
            await run.collect(input, block().resume(input, end, self._context()))
            return input
        end = await waits.end_of(resumption, self._task, data=None)
        await self._deps.recording.insist(lambda: waits.close(self._task, resumption))
        if not isinstance(end, Decided) or not end.approved:
            message = end.message if isinstance(end, Decided) else "nobody decided in time"
            raise BlockError(f"Block execution rejected by reviewer: {message or 'no reason was given'}")
        if not end.was_edited:
            return input
        if not isinstance(end.data, dict):
            raise BlockError("The reviewer's input is no object of pins.")
        return build_input(block, cast("dict[str, Any]", end.data))

    async def _open_stream(self, block: type[Block[Any]]) -> OutputStream:
        """Where the emissions go. A stream that cannot be replayed must not begin twice."""
        task, deps = self._task, self._deps
        if not block.replayable_stream and not self._has_claim and self._number > 1:
            await self._check_no_stream_began()

        async def send(first_seq: int, items: tuple[BlockOutputItem, ...]) -> None:
            if first_seq == 0 and not block.replayable_stream and not self._has_claim:
                await self._claim()
            owner_key_id = owner_key_id_of(activity.info().workflow_id or "")
            assert owner_key_id is not None, "every execution's workflow id ends in its owner's key id"
            streamed = StreamedOutputs(
                node_exec_id=task.node_exec_id, generation=task.generation, first_seq=first_seq, outputs=items
            )
            self._may_have_streamed = True

            async def offer() -> AppError | None:
                try:
                    await deps.runner.send_outputs(task.run.graph_exec_id, owner_key_id=owner_key_id, outputs=streamed)
                except AppError as error:
                    if error.retryable:
                        raise
                    return error
                return None

            refused = await deps.recording.insist(offer)
            if refused is not None:
                raise refused

        sent = activity.info().heartbeat_details
        already_sent = int(sent[0]) if sent and block.replayable_stream else 0
        return OutputStream(send, already_sent=already_sent)

    async def _check_no_stream_began(self) -> None:
        """Raises OutcomeUnknownError if an earlier attempt has sent values that another run might contradict."""
        try:
            await self._claim()
        except OutcomeUnknownError:
            raise StreamInterruptedError(
                "The stream of this block was interrupted after some of its values had gone on, and it cannot be "
                "repeated from there. Retry the node if its values may come again."
            ) from None
        await self._release_claim()
        self._has_claim = False

    def heartbeat_details(self) -> tuple[int, ...]:
        """How many emissions the execution has accepted, for the attempt after this one."""
        return (self._stream.sent,) if self._stream is not None and self._stream.sent else ()

    @property
    def _attempt(self) -> int:
        """Counted through the wait, so that later rows replace earlier ones."""
        return self._attempts_before + self._number

    @property
    def _sent(self) -> int:
        return self._stream.sent if self._stream is not None else 0

    def _find_block(self) -> type[Block[Any]]:
        block = self._deps.blocks.get(self._task.block_id)
        if block.disabled is not None:
            raise BlockDisabledError(f"Block {block.name()!r} is disabled: {block.disabled}")
        return block

    async def _claim(self) -> None:
        """Raises OutcomeUnknownError if another attempt has begun and did not tell how it ended."""
        task = self._task

        async def claim() -> bool:
            recorder = self._deps.recorder
            return await recorder.claim(task.run, task.node_exec_id, task.generation, self._number, at=self._started_at)

        self._has_claim = await self._deps.recording.insist(claim, at_most=CLAIM_WITHIN)
        if not self._has_claim:
            raise OutcomeUnknownError(
                "An earlier attempt of this block was interrupted after it had begun. Its effect may have happened, "
                "so it is not repeated. Check the third party, then retry the node if needed."
            )

    async def _release_claim(self) -> None:
        """A failed attempt has a known outcome: the node's own retry policy may repeat it."""
        if not self._has_claim:
            return

        async def release() -> None:
            await self._deps.recorder.release_claim(self._task.node_exec_id, self._task.generation)

        await self._deps.recording.insist(release)

    def _context(self) -> BlockContext:
        task = self._task

        async def heartbeat() -> None:
            activity.heartbeat()

        return BlockContext(
            user_id=task.run.user_id,
            graph_id=task.run.graph_id,
            graph_version=task.run.graph_version,
            graph_exec_id=task.run.graph_exec_id,
            node_id=task.node_id,
            node_exec_id=task.node_exec_id,
            idempotency_key=f"{task.node_exec_id}:{task.generation}",
            attempt=self._number,
            user_timezone=task.user_timezone,
            heartbeat=heartbeat,
            services=self._deps.services,
            human_in_the_loop_safe_mode=task.options is None or task.options.human_in_the_loop_safe_mode,
            auto_approved=task.auto_approved,
        )

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
        if error is None and self._waiting is not None:
            try:
                return await self._parked(self._waiting)
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
        outputs = tuple(self._block_run.outputs[self._sent :]) if self._block_run else ()
        finished = _finished(outputs, seconds, self._cost, unrecorded)
        return self._with_stored(finished.model_copy(update={"streamed": self._sent}) if self._sent else finished)

    async def _failed(self, error: Exception) -> NodeExecutionFailedError:
        failure = self._describe(error)
        if self._may_retry(error):
            try:
                await self._release_claim()
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
        if self._sent:
            rest = failure.outputs[self._sent :]
            failure = failure.model_copy(update={"outputs": rest, "streamed": self._sent})
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
        if self._may_have_streamed and not self._may_replay:
            return False
        if isinstance(error, ServiceUnavailableError) and not self._has_begun:
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
        if block is None or (self._task.resumption is None and self._will_wait(block)):
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
            attempt=self._attempt,
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


async def _each(emissions: Iterable[Emission]) -> AsyncIterator[Emission]:
    for emission in emissions:
        yield emission


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
