"""Runs of other graphs inside this one, as child workflows.

A child outlives a continue-as-new of its parent (ParentClosePolicy.ABANDON), so it reports its end by a signal to the
parent's workflow id; within one run of the parent its result is awaited too. Stop, cancel, pause and resume are handed
on explicitly.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, ChildWorkflowError, TemporalError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.sub_agents import SubAgentActivities
    from models.controls import ControlRequest
    from models.execution import ExecutionStatus
    from models.ids import GraphExecId, OwnerKeyId, owner_key_id_of, workflow_id
    from models.values import total_inline_bytes
    from models.waits import ChildFinished, ChildWait
    from models.wire import ExecuteGraphInput, ExecuteGraphResult, RunIdentity, RunOpening, StopRequest
    from workflows import options, search_attributes
    from workflows.alarms import Alarms
    from workflows.run_state import RunState
    from workflows.uncancelled import uncancelled

WORKFLOW = "ExecuteGraph"


@dataclass(slots=True)
class _Child:
    """`is_watched`: this run of the parent learns the child's end from Temporal, too. `report`: what it has told."""

    graph_exec_id: GraphExecId
    started: bool = False
    is_watched: bool = False
    report: ChildFinished | None = None


class Children:
    """Children that have been started and have not ended.

    Attributes:
        queued: those to start when the run may dispatch.
        finished: the ends of those that have ended, until somebody takes them.
    """

    def __init__(self, state: RunState, alarms: Alarms) -> None:
        self._state = state
        self._alarms = alarms
        self._children: dict[GraphExecId, _Child] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._last_words: tuple[str, Any] | None = None
        self.queued: deque[ChildWait] = deque()
        self.finished: deque[ChildFinished] = deque()

    def __len__(self) -> int:
        return len(self._children)

    @property
    def is_busy(self) -> bool:
        """Something is under way that continue-as-new would lose."""
        is_between = any(not child.started or child.report is not None for child in self._children.values())
        return is_between or bool(self.finished) or len(self._tasks) > self._watching()

    @property
    def size_of_next(self) -> int:
        """Bytes of the values that the next one to start gets."""
        wait = self.queued[0]
        return sum(total_inline_bytes(pins.values()) for pins in (wait.inputs, *wait.masks.values()))

    def start_next(self) -> None:
        wait = self.queued.popleft()
        child = self._children[wait.graph_exec_id] = _Child(wait.graph_exec_id, is_watched=True)
        self._go(self._run(child, wait))

    def take_over(self, graph_exec_id: GraphExecId) -> None:
        """A child that an earlier run of this workflow has started."""
        child = self._children[graph_exec_id] = _Child(graph_exec_id, started=True)
        self._watch_daily(child)

    def report(self, finished: ChildFinished) -> None:
        """The child's own signal. Its end counts once Temporal knows it too, where this run will hear of that."""
        child = self._children.get(finished.graph_exec_id)
        if child is None:
            return
        child.report = finished
        if not child.is_watched:
            self._end(child, finished)

    def tell_all(self, signal: str, argument: StopRequest | ControlRequest) -> None:
        """Hands a control on to every child, also to those still starting."""
        self._last_words = (signal, argument) if signal != "resume" else None
        for child in list(self._children.values()):
            if child.started:
                self._go(self._tell(child, signal, argument))

    def ring(self, key: str) -> bool:
        child = self._children.get(GraphExecId(key))
        if child is None:
            return False
        self._watch_daily(child)
        self._go(self._ask(child))
        return True

    async def close(self) -> None:
        """Waits until nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    # --- one child ----------------------------------------------------------------------------------------------

    async def _run(self, child: _Child, wait: ChildWait) -> None:
        try:
            handle = await workflow.start_child_workflow(
                WORKFLOW,
                self._input(wait),
                id=self._workflow_id(child),
                result_type=ExecuteGraphResult,
                parent_close_policy=ParentClosePolicy.ABANDON,
                cancellation_type=ChildWorkflowCancellationType.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=self._search_attributes(wait),
                static_summary=wait.graph_name,
            )
        except WorkflowAlreadyStartedError:
            child.started, child.is_watched = True, False
            self._watch_daily(child)
            await self._ask(child)
            return
        child.started = True
        if self._last_words is not None:
            self._go(self._tell(child, *self._last_words))
        try:
            result = await handle
        except ChildWorkflowError as error:
            self._end(child, child.report or _ended_by(child.graph_exec_id, error))
            return
        cost, count = result.stats.cost, result.stats.node_exec_count
        self._end(
            child,
            ChildFinished(
                graph_exec_id=child.graph_exec_id,
                status=result.status.value,
                error=result.error,
                cost=cost,
                node_exec_count=count,
            ),
        )

    async def _tell(self, child: _Child, signal: str, argument: StopRequest | ControlRequest) -> None:
        handle = workflow.get_external_workflow_handle(self._workflow_id(child))
        try:
            await handle.signal(signal, argument)
        except TemporalError:
            # It has ended, or never ran: only the records know.
            if not child.is_watched:
                await self._ask(child)

    async def _ask(self, child: _Child) -> None:
        """The safety net for a report that never came."""
        finished = await workflow.execute_activity_method(
            SubAgentActivities.find_ended_run, self._identity(child), **options.of_record("Ask a sub-agent how it is")
        )
        if finished is not None and child.graph_exec_id in self._children and not child.is_watched:
            self._end(child, finished)

    def _end(self, child: _Child, finished: ChildFinished) -> None:
        if self._children.pop(child.graph_exec_id, None) is not None:
            self._alarms.clear(child.graph_exec_id)
            self.finished.append(finished)

    # --- what a child is started with ---------------------------------------------------------------------------

    def _input(self, wait: ChildWait) -> ExecuteGraphInput:
        state = self._state
        opening = RunOpening(
            inputs=wait.inputs,
            trigger="agent",
            parent_graph_exec_id=state.run.graph_exec_id,
            created_at=workflow.now(),
        )
        changes = {"depth": state.options.depth + 1, "hold_on_failure": False, "masks": wait.masks}
        return ExecuteGraphInput(
            run=RunIdentity(
                graph_exec_id=wait.graph_exec_id,
                graph_id=wait.graph_id,
                graph_version=wait.graph_version,
                user_id=state.run.user_id,
            ),
            opening=opening,
            options=state.options.model_copy(update=changes),
            user_timezone=state.user_timezone,
        )

    def _search_attributes(self, wait: ChildWait) -> TypedSearchAttributes:
        return search_attributes.of_child(
            graph_id=wait.graph_id,
            graph_version=wait.graph_version,
            user_id=self._state.run.user_id,
            parent=self._state.run.graph_exec_id,
        )

    def _identity(self, child: _Child) -> RunIdentity:
        return self._state.run.model_copy(update={"graph_exec_id": child.graph_exec_id})

    def _workflow_id(self, child: _Child) -> str:
        return workflow_id(child.graph_exec_id, own_key_id())

    def _watch_daily(self, child: _Child) -> None:
        due = workflow.now() + options.ASK_CHILDREN_EVERY
        self._alarms.set(child.graph_exec_id, due, summary="Ask a sub-agent how it is")

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _watching(self) -> int:
        return sum(child.is_watched and child.started for child in self._children.values())


def own_key_id() -> OwnerKeyId:
    key_id = owner_key_id_of(workflow.info().workflow_id)
    assert key_id is not None, "every execution's workflow id ends in its owner's key id"
    return key_id


async def report_end(parent: GraphExecId, finished: ChildFinished) -> None:
    """Tells the run above; that it has ended meanwhile is no error."""
    handle = workflow.get_external_workflow_handle(workflow_id(parent, own_key_id()))
    try:
        await uncancelled(asyncio.ensure_future(handle.signal("child_finished", finished)))
    except TemporalError:
        return


def _ended_by(graph_exec_id: GraphExecId, error: ChildWorkflowError) -> ChildFinished:
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return ChildFinished(
            graph_exec_id=graph_exec_id, status=ExecutionStatus.FAILED.value, error=cause.message or cause.type
        )
    return ChildFinished(graph_exec_id=graph_exec_id, status=ExecutionStatus.TERMINATED.value, error=None)
