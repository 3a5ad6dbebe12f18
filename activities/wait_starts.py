"""The beginning and the end of a wait: what a block asks for becomes what the workflow carries out, and back."""

from datetime import datetime, timedelta

from pydantic import BaseModel

from activities.block_run import BlockRun
from activities.sub_agents import SubAgents
from models.blocks import ExecutorKind
from models.errors import BlockError
from models.execution import ExecutionStatus
from models.identity import new_secret
from models.ids import child_graph_exec_id
from models.plan import PlanReview
from models.ports import Clock, WaitRecorder
from models.reviews import OpenEvent, OpenReview
from models.value_store import ValueStore
from models.waits import (
    LONGEST_WAIT,
    AgentEnded,
    AskForReview,
    AwaitEvent,
    Decided,
    Delay,
    Delivered,
    EventWait,
    Expired,
    Resumption,
    ReviewWait,
    RunAgent,
    TimerWait,
    Wait,
    WaitEnd,
    WaitShown,
)
from models.wire import BlockWaiting, ExecuteBlockInput

WAITING_EXECUTORS = frozenset({ExecutorKind.TIMER, ExecutorKind.REVIEW, ExecutorKind.EVENT_WAIT, ExecutorKind.CHILD})


class WaitStarts:
    """Begins waits. What can be decided by people or events is recorded before the workflow waits for it."""

    def __init__(self, *, values: ValueStore, waits: WaitRecorder, sub_agents: SubAgents, clock: Clock) -> None:
        self._values = values
        self._waits = waits
        self._sub_agents = sub_agents
        self._clock = clock

    async def begin(
        self,
        request: Delay | AskForReview | AwaitEvent | RunAgent,
        *,
        task: ExecuteBlockInput,
        run: BlockRun,
        input: BaseModel,
        attempt: int,
    ) -> BlockWaiting:
        """May be repeated: the review or event of a node execution is the same one.

        Raises:
            BlockError: what is asked for is not possible.
            ServiceUnavailableError: it could not be recorded.
        """
        if isinstance(request, Delay):
            self._check_end(request.first_at, more_seconds=request.every_seconds * (request.count - 1))
            ticks = await run.pack_emissions(input, request.emissions)
            timer = TimerWait(fires_at=request.first_at, count=request.count, every_seconds=request.every_seconds)
            return BlockWaiting(wait=timer, tick_outputs=ticks, attempt=attempt, stored_bytes=run.stored_bytes)
        if isinstance(request, AskForReview):
            return BlockWaiting(wait=await self._ask(request, task), attempt=attempt)
        if isinstance(request, AwaitEvent):
            wait, token = await self._await_event(request, task)
            emissions = [(request.emit_token, token)] if request.emit_token is not None else []
            outputs = await run.pack_emissions(input, emissions)
            return BlockWaiting(wait=wait, outputs=outputs, attempt=attempt, stored_bytes=run.stored_bytes)
        child_id = child_graph_exec_id(task.node_exec_id, task.generation)
        child = await self._sub_agents.prepare(request, task, graph_exec_id=child_id)
        return BlockWaiting(wait=child, attempt=attempt)

    async def end_of(self, resumption: Resumption, task: ExecuteBlockInput, *, data: object) -> WaitEnd:
        """How the wait ended, for the block. `data`: what was put up for review."""
        resolution = resumption.resolution
        if resolution.child is not None:
            finished = resolution.child
            outputs = self._sub_agents.outputs_of(resumption.wait, user_id=task.run.user_id)
            return AgentEnded(status=finished.status, error=finished.error, outputs=outputs)
        if resolution.kind == "expired":
            return Expired()
        given = await self._values.load(resolution.data) if resolution.data is not None else None
        if resolution.kind == "event":
            return Delivered(payload=given)
        return Decided(
            approved=resolution.kind == "approved",
            data=given if resolution.has_data else data,
            message=resolution.message,
            was_edited=resolution.has_data,
        )

    async def close(self, task: ExecuteBlockInput, resumption: Resumption) -> None:
        """Records how a review or an event ended."""
        if isinstance(resumption.wait, ReviewWait | EventWait):
            await self._waits.end_wait(task.node_exec_id, task.generation, resumption.resolution)

    async def _ask(self, request: AskForReview, task: ExecuteBlockInput) -> ReviewWait:
        now = self._clock.now()
        settings = task.review or PlanReview()
        expires_at = _after(now, settings.expires_after_seconds)
        wait = ReviewWait(
            editable=request.editable,
            expires_at=expires_at,
            on_expiry=settings.on_expiry,
            remind_at=tuple(sorted(now + timedelta(seconds=seconds) for seconds in settings.remind_after_seconds)),
        )
        review = OpenReview(
            node_exec_id=task.node_exec_id,
            generation=task.generation,
            node_id=task.node_id,
            payload=await self._values.pack(request.data, graph_exec_id=task.run.graph_exec_id),
            instructions=request.instructions,
            editable=request.editable,
            expires_at=expires_at,
            at=now,
        )
        await self._waits.open_review(task.run, review)
        return wait

    async def _await_event(self, request: AwaitEvent, task: ExecuteBlockInput) -> tuple[EventWait, str]:
        if request.expires_at is not None:
            self._check_end(request.expires_at)
        token, token_hash = new_secret()
        event = OpenEvent(
            node_exec_id=task.node_exec_id,
            generation=task.generation,
            node_id=task.node_id,
            name=request.name,
            token_hash=token_hash,
            schema=dict(request.schema) if request.schema is not None else None,
            expires_at=request.expires_at,
            at=self._clock.now(),
        )
        await self._waits.open_event(task.run, event)
        return EventWait(name=request.name, expires_at=request.expires_at), token

    def _check_end(self, at: datetime, *, more_seconds: float = 0.0) -> None:
        """`more_seconds` after `at` there may be no date at all."""
        if (at - self._clock.now()).total_seconds() + more_seconds > LONGEST_WAIT.total_seconds():
            raise BlockError(f"A wait may last {LONGEST_WAIT.days} days at most. Wait for less, or less often.")


def shown(wait: Wait) -> WaitShown:
    """What people see of it."""
    if isinstance(wait, TimerWait):
        return WaitShown(kind=wait.kind, until=wait.fires_at)
    if isinstance(wait, ReviewWait):
        return WaitShown(kind=wait.kind, until=wait.expires_at)
    if isinstance(wait, EventWait):
        return WaitShown(kind=wait.kind, until=wait.expires_at, name=wait.name)
    return WaitShown(kind=wait.kind, graph_exec_id=wait.graph_exec_id, name=wait.graph_name)


def status_of(wait: Wait) -> ExecutionStatus:
    return ExecutionStatus.REVIEW if isinstance(wait, ReviewWait) else ExecutionStatus.RUNNING


def _after(now: datetime, seconds: float | None) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds is not None else None
