"""What a node execution does in one activity: run its block, begin a wait, or go on after one."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel
from temporalio import activity

from activities.block_run import BlockRun
from activities.claims import Claim
from activities.owner import owner_key_id
from activities.recording import Recording
from activities.streaming import OutputStream
from activities.wait_starts import WAITING_EXECUTORS, WaitStarts
from models.blocks import Block, BlockContext, Emission, WaitingBlock
from models.coercion import build_input
from models.errors import AppError, BlockError, OutcomeUnknownError, StreamInterruptedError
from models.ports import GraphRunner
from models.waits import AskForReview, AwaitEvent, Decided, Delay, NoWait, Resumption, RunAgent
from models.wire import BlockOutputItem, BlockWaiting, ExecuteBlockInput, StreamedOutputs


class BlockTurn:
    """One turn of a node execution.

    Attributes:
        has_begun: the block itself has begun to run.
        waiting: the wait it has begun, if it has.
        may_have_streamed: emissions may have reached the execution.
    """

    def __init__(
        self,
        task: ExecuteBlockInput,
        *,
        attempt: int,
        claim: Claim,
        recording: Recording,
        waits: WaitStarts,
        runner: GraphRunner,
        services: Mapping[str, Any],
    ) -> None:
        """`attempt`: of this activity, from 1."""
        self._task = task
        self._number = attempt
        self._claim = claim
        self._recording = recording
        self._waits = waits
        self._runner = runner
        self._services = services
        self._stream: OutputStream | None = None
        self.has_begun = False
        self.waiting: BlockWaiting | None = None
        self.may_have_streamed = False

    @property
    def sent(self) -> int:
        """Emissions that the execution has accepted ahead of the end."""
        return self._stream.sent if self._stream is not None else 0

    @property
    def attempt(self) -> int:
        """Counted through the wait, so that later rows replace earlier ones."""
        before = self._task.resumption.attempt if self._task.resumption else 0
        return before + self._number

    def heartbeat_details(self) -> tuple[int, ...]:
        """How many emissions the execution has accepted, for the attempt after this one."""
        return (self.sent,) if self.sent else ()

    def will_wait(self, block: type[Block[Any]]) -> bool:
        if self._task.resumption is not None:
            return False
        return block.executor in WAITING_EXECUTORS or self._needs_review(block)

    async def take(self, block: type[Block[Any]], run: BlockRun, input: BaseModel) -> None:
        """Raises BlockError, or whatever the block raises."""
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
            await self._claim.acquire()
        self.has_begun = True
        if not block.streams:
            await run.run(input, context)
            return
        self._stream = await self._open_stream(block)
        async with self._stream.running():
            await run.run(input, context, stream=self._stream)

    # --- waits --------------------------------------------------------------------------------------------------

    def _needs_review(self, block: type[Block[Any]]) -> bool:
        options = self._task.options
        is_watched = options is not None and options.sensitive_action_safe_mode
        return block.is_sensitive_action and is_watched and not self._task.auto_approved

    async def _wait(
        self, request: Delay | AskForReview | AwaitEvent | RunAgent, run: BlockRun, input: BaseModel
    ) -> None:
        self.waiting = await self._waits.begin(request, task=self._task, run=run, input=input, attempt=self.attempt)

    async def _resume(
        self, block: type[Block[Any]], run: BlockRun, input: BaseModel, resumption: Resumption
    ) -> BaseModel:
        """After the wait: a block that waits emits, a sensitive one gets the input it may run with.

        Raises:
            BlockError: the reviewer has rejected it, or nobody decided.
        """
        waits = self._waits
        end = await waits.end_of(resumption, self._task, data=getattr(input, "data", None))
        await self._recording.insist(lambda: waits.close(self._task, resumption))
        if issubclass(block, WaitingBlock):
            await run.collect(input, block().resume(input, end, self._context()))
            return input
        if not isinstance(end, Decided) or not end.approved:
            message = end.message if isinstance(end, Decided) else "nobody decided in time"
            raise BlockError(f"Block execution rejected by reviewer: {message or 'no reason was given'}")
        if not end.was_edited:
            return input
        if not isinstance(end.data, dict):
            raise BlockError("The reviewer's input is no object of pins.")
        return build_input(block, cast("dict[str, Any]", end.data))

    # --- streams ------------------------------------------------------------------------------------------------

    async def _open_stream(self, block: type[Block[Any]]) -> OutputStream:
        """Where the emissions go. A stream that cannot be replayed must not begin twice."""
        if not block.replayable_stream and not self._claim.is_held and self._number > 1:
            await self._check_no_stream_began()

        async def send(first_seq: int, items: tuple[BlockOutputItem, ...]) -> None:
            if first_seq == 0 and not block.replayable_stream and not self._claim.is_held:
                await self._claim.acquire()
            self.may_have_streamed = True
            await self._send(first_seq, items)

        sent = activity.info().heartbeat_details
        already_sent = int(sent[0]) if sent and block.replayable_stream else 0
        return OutputStream(send, already_sent=already_sent)

    async def _send(self, first_seq: int, items: tuple[BlockOutputItem, ...]) -> None:
        task = self._task
        streamed = StreamedOutputs(
            node_exec_id=task.node_exec_id, generation=task.generation, first_seq=first_seq, outputs=items
        )

        async def offer() -> AppError | None:
            """What is refused for good is not offered again."""
            try:
                await self._runner.send_outputs(task.run.graph_exec_id, owner_key_id=owner_key_id(), outputs=streamed)
            except AppError as error:
                if error.retryable:
                    raise
                return error
            return None

        refused = await self._recording.insist(offer)
        if refused is not None:
            raise refused

    async def _check_no_stream_began(self) -> None:
        """Raises StreamInterruptedError if an earlier attempt has sent values that another run might contradict."""
        try:
            await self._claim.acquire()
        except OutcomeUnknownError:
            raise StreamInterruptedError(
                "The stream of this block was interrupted after some of its values had gone on, and it cannot be "
                "repeated from there. Retry the node if its values may come again."
            ) from None
        await self._claim.release()

    def _context(self) -> BlockContext:
        task = self._task

        async def heartbeat() -> None:
            activity.heartbeat(*self.heartbeat_details())

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
            services=self._services,
            human_in_the_loop_safe_mode=task.options is None or task.options.human_in_the_loop_safe_mode,
            auto_approved=task.auto_approved,
        )


async def _each(emissions: Iterable[Emission]) -> AsyncIterator[Emission]:
    for emission in emissions:
        yield emission
