"""ExecuteGraphWorkflow: one graph execution. Schedules one activity per node execution and one that closes the run."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.record_execution import RecordingActivities
    from activities.sub_agents import SubAgentActivities
    from models.blocks import BlockKind
    from models.controls import RunPhase
    from models.execution import ExecutionStatus
    from models.waits import ChildFinished, Resolution
    from models.wire import (
        CloseExecutionInput,
        ExecuteGraphInput,
        ExecuteGraphResult,
        OpenExecutionInput,
        RecordExecutionsInput,
        StopRequest,
    )
    from workflows import options, search_attributes
    from workflows.carried_state import RunParts, StateCarrier, load_parts
    from workflows.children import report_end
    from workflows.controlled_run import DEADLINE, ControlledRun
    from workflows.history_length import CARRY_LARGE_STATES
    from workflows.uncancelled import uncancelled

REST_WAITS_FOR_QUIET = "rest-waits-for-quiet"
"""Patch: what one activation could not carry waits without timers while nothing may be dispatched."""

_Situation = tuple[ExecutionStatus, str | None, datetime | None]


@workflow.defn(name="ExecuteGraph")
class ExecuteGraphWorkflow(ControlledRun):
    """Holds the dataflow state; its history is the truth about the run.

    One pump: completions, signals and alarms append to queues; all wake the single loop.
    """

    @workflow.init
    def __init__(self, input: ExecuteGraphInput) -> None:
        super().__init__(input)

    @workflow.run
    async def run(self, input: ExecuteGraphInput) -> ExecuteGraphResult:
        if input.plan is None:
            await self._open(input)
        elif input.carried is None:
            self._flow.start(input.opening.inputs)
        elif input.carried.parts:
            await self._load_carried(input)
        self._end_loading()
        if self._deadline is not None:
            self._alarms.set(DEADLINE, self._deadline, summary="End of the execution's time")
        try:
            await self._pump(input)
            if self._is_ending and self._cancel is None:
                await self._wait_for_running_blocks()
        except asyncio.CancelledError:
            self._take_cancellation()
        await self._end_running_blocks()
        return await self._finish()

    # --- the pump -----------------------------------------------------------------------------------------------

    async def _pump(self, input: ExecuteGraphInput) -> None:
        while True:
            self._is_woken = False
            self._take_news()
            if self._is_ending:
                return
            if self._report.unrecorded_bytes >= options.RECORD_FROM_BYTES or self._has_to_tell():
                await self._record_batch()
                continue
            if self._may_continue_as_new():
                await self._continue_as_new(input)
                continue
            self._is_held_back = not self._is_quiet and self._history.is_too_long()
            may_dispatch = self._paused_at is None and not self._is_held_back
            if may_dispatch:
                self._nodes.dispatch()
            self._show(self._phase.status)
            if self._is_done:
                return
            if self._nodes.rest_is_ready and (may_dispatch or self._sleeps_while_held_back()):
                await asyncio.sleep(0.001)
            elif not self._has_to_tell():
                await workflow.wait_condition(self._has_news)

    def _sleeps_while_held_back(self) -> bool:
        """Runs from before this patch slept again and again until they were quiet."""
        return self._paused_at is None and not workflow.patched(REST_WAITS_FOR_QUIET)

    def _take_news(self) -> None:
        """In the order in which it came; while paused only what concerns the run itself."""
        if self._alarms.rung and DEADLINE in self._alarms.rung:
            self._alarms.clear(DEADLINE)
            self._failure = ("execution_timeout", "The execution has reached the end of its time.")
        if self._paused_at is not None and not self._is_ending:
            return
        self._nodes.take_news()
        while self._alarms.rung:
            key = self._alarms.rung.popleft()
            if not self._waits.ring(key):
                self._children.ring(key)
        while self._children.finished:
            self._take_child(self._children.finished.popleft())

    def _take_child(self, finished: ChildFinished) -> None:
        self._report.cost += finished.cost
        self._report.node_exec_count += finished.node_exec_count
        for parked, wait in self._waits.iter_children():
            if wait.graph_exec_id == finished.graph_exec_id:
                self._waits.resolve(parked, Resolution(kind="child", child=finished, at=workflow.now()))
                return

    def _has_news(self) -> bool:
        if self._is_ending or self._has_to_tell():
            return True
        if self._paused_at is not None:
            return DEADLINE in self._alarms.rung
        if self._is_held_back and self._is_quiet:
            return True
        return bool(self._is_woken or self._nodes.has_news or self._alarms.rung or self._children.finished)

    @property
    def _is_done(self) -> bool:
        is_over = self._is_idle and not self._waits and not self._children and self._paused_at is None
        return is_over and not self._is_held

    def _show(self, status: str) -> None:
        summary = self._report.summary(
            status=status, ready=len(self._flow.ready), in_flight=len(self._nodes), parked=len(self._waits)
        )
        workflow.set_current_details(summary)

    # --- records ------------------------------------------------------------------------------------------------

    def _has_to_tell(self) -> bool:
        """Something that people should see now, and that no other activity will record soon."""
        if self._is_ending:
            return False
        if self._report.controls or self._situation() != _situation_of(self._phase):
            return True
        return bool(self._waits) and self._is_idle and bool(self._report.unrecorded)

    def _situation(self) -> _Situation:
        """What the recorded phase should say."""
        if self._is_held:
            return ExecutionStatus.REVIEW, "failed_nodes", self._paused_at
        if self._waits.has_reviews and self._is_idle:
            return ExecutionStatus.REVIEW, "reviews", self._paused_at
        return ExecutionStatus.RUNNING, None, self._paused_at

    async def _record_batch(self) -> None:
        """Hands over what no activity has recorded, so that people see it and the state does not grow with it."""
        status, reason, paused_at = self._situation()
        has_changed = not self._is_ending and (status, reason, paused_at) != _situation_of(self._phase)
        if has_changed:
            if status.value != self._phase.status:
                workflow.upsert_search_attributes([search_attributes.STATUS.value_set(status.value)])
            number = self._phase.number + 1
            self._phase = RunPhase(number=number, status=status.value, reason=reason, paused_at=paused_at)
        records = self._report.take_unrecorded(max_bytes=options.MAX_RECORDING_BYTES)
        await uncancelled(
            workflow.start_activity_method(
                RecordingActivities.record_executions,
                RecordExecutionsInput(
                    run=self._run,
                    records=records,
                    controls=self._report.take_controls(),
                    phase=self._phase if has_changed else None,
                    opening=self._opening if has_changed else None,
                ),
                **options.of_record("Record node executions"),
            )
        )
        self._notice_cancellation()

    # --- the end ------------------------------------------------------------------------------------------------

    async def _wait_for_running_blocks(self) -> None:
        """After a stop: what runs may finish within the grace; after a fatal error it is cancelled at once."""
        self._state.is_ending = True
        seconds = self._stop.grace_seconds if self._stop is not None else 0.0
        grace = options.STOP_GRACE if seconds is None else timedelta(seconds=max(0.0, seconds))
        if self._stop is not None:
            self._children.tell_all("stop", self._stop)
        try:
            await workflow.wait_condition(self._is_quiet_or_cancelled, timeout=grace)
        except TimeoutError:
            return

    def _is_quiet_or_cancelled(self) -> bool:
        self._take_news()
        return (not self._nodes and not self._children) or self._cancel is not None

    async def _end_running_blocks(self) -> None:
        """Cancels what still runs and waits until every activity and every child has really ended."""
        self._state.is_ending = True
        self._take_news()
        if not self._is_ending and not self._nodes and not self._children:
            return
        self._nodes.cancel_all()
        if self._children:
            reason = self._verdict()[2] or ""
            self._children.tell_all("cancel", StopRequest(reason=reason))
        while self._nodes or self._children:
            try:
                await workflow.wait_condition(
                    lambda: bool(self._nodes.has_news or self._children.finished or self._alarms.rung)
                )
            except asyncio.CancelledError:
                self._take_cancellation()
            self._take_news()
        self._nodes.terminate_waiting()

    async def _finish(self) -> ExecuteGraphResult:
        await self._quiet_down()
        while self._report.unrecorded_bytes > options.MAX_RECORDING_BYTES:
            await self._record_batch()
        status, code, reason = self._verdict()
        closing = self._closing_input(status, code, reason)
        workflow.upsert_search_attributes([search_attributes.STATUS.value_set(status.value)])
        self._show(status)
        closed = await uncancelled(
            workflow.start_activity_method(
                RecordingActivities.close_execution, closing, **options.of_record("Record the result")
            )
        )
        if self._opening.trigger == "agent" and self._opening.parent_graph_exec_id is not None:
            await report_end(self._opening.parent_graph_exec_id, self._ended(status, reason))
        await workflow.wait_condition(workflow.all_handlers_finished)
        if code == "cancelled":
            await self._end_as_cancelled()
        if status is ExecutionStatus.FAILED:
            raise ApplicationError(reason or "", type=code)
        stats = closing.stats.model_copy(update={"omitted_outputs": closed.omitted_outputs})
        return ExecuteGraphResult(status=status, outputs=closed.outputs, stats=stats, error=reason)

    async def _quiet_down(self) -> None:
        """Nothing of the run may outlive it: neither a timer nor a task."""
        try:
            await self._alarms.close()
            await self._children.close()
        except asyncio.CancelledError:
            self._take_cancellation()
            await self._quiet_down()

    def _verdict(self) -> tuple[ExecutionStatus, str | None, str | None]:
        if self._cancel is not None:
            return ExecutionStatus.TERMINATED, "cancelled", self._cancel.reason or "Cancelled"
        if self._fatal is not None:
            return ExecutionStatus.FAILED, *self._fatal
        if self._stop is not None:
            return ExecutionStatus.TERMINATED, "stopped", self._stop.reason or "Stopped"
        return ExecutionStatus.COMPLETED, None, None

    def _ended(self, status: ExecutionStatus, reason: str | None) -> ChildFinished:
        return ChildFinished(
            graph_exec_id=self._run.graph_exec_id,
            status=status.value,
            error=reason,
            cost=self._report.cost,
            node_exec_count=self._report.node_exec_count,
        )

    def _closing_input(self, status: ExecutionStatus, code: str | None, reason: str | None) -> CloseExecutionInput:
        now = workflow.now()
        blocks = self._plan.blocks
        return CloseExecutionInput(
            run=self._run,
            opening=self._opening,
            status=status,
            ended_at=now,
            error=reason,
            error_code=code,
            stats=self._report.stats(self._flow, started_at=self._started_at, now=now, error=reason),
            output_nodes={
                node.id: node.graph_pin or node.id
                for node in self._plan.nodes
                if blocks[node.block_id].kind is BlockKind.OUTPUT
            },
            terminal_nodes=tuple(node.id for node in self._plan.nodes if not node.links),
            unrecorded=self._report.take_unrecorded(max_bytes=options.MAX_RECORDING_BYTES),
            controls=self._report.take_controls(),
        )

    async def _end_as_cancelled(self) -> None:
        """Raises CancelledError. The server only lets a workflow end Canceled if its cancellation was requested, which
        the signal `cancel` alone does not do."""
        if workflow.cancellation_reason() is None:
            await uncancelled(
                workflow.start_activity_method(
                    RecordingActivities.request_cancellation,
                    self._run,
                    **options.of_record("Request cancellation"),
                )
            )
            await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        raise asyncio.CancelledError("Cancelled")

    # --- the beginning, and continue-as-new ---------------------------------------------------------------------

    async def _open(self, input: ExecuteGraphInput) -> None:
        """Makes the plan of a run that was started without one."""
        try:
            opened = await uncancelled(
                workflow.start_activity_method(
                    SubAgentActivities.open_execution,
                    OpenExecutionInput(run=self._run, opening=self._opening, options=input.options),
                    **options.of_record("Compile the graph"),
                )
            )
        except ActivityError as error:
            cause = error.cause
            code = cause.type if isinstance(cause, ApplicationError) and cause.type else "not_opened"
            self._failure = (code, str(getattr(cause, "message", None) or cause or error))
            return
        finally:
            self._notice_cancellation()
        self._plan = opened.plan
        self._take_up_again(input)
        self._flow.start(input.opening.inputs)

    async def _load_carried(self, input: ExecuteGraphInput) -> None:
        assert input.carried is not None
        try:
            self._take_up_again(input, await load_parts(input.carried.parts))
        except ActivityError as error:
            # What the run has done so far is recorded; only how it would go on is not.
            reason = getattr(error.cause, "message", None) or str(error)
            self._failure = ("state_lost", f"The state of the execution could not be read again: {reason}")
            return
        finally:
            self._notice_cancellation()
        self._history.allow_for_loading()

    def _may_continue_as_new(self) -> bool:
        """At a quiet moment, once the history has grown long."""
        has_more = bool(self._flow.ready or self._waits or self._children or self._is_held or self._paused_at)
        return self._is_quiet and has_more and self._history.is_long()

    @property
    def _is_quiet(self) -> bool:
        """Nothing is under way that continue-as-new would lose."""
        return not (self._nodes or self._children.is_busy or self._waits.is_reminding)

    async def _continue_as_new(self, input: ExecuteGraphInput) -> None:
        """Goes on in a new run with the state so far, unless the execution was asked to end meanwhile."""
        fresh = input.model_copy(update={"plan": self._plan, "opening": self._opening, "carried": None})
        room = options.MAX_START_BYTES - len(fresh.model_dump_json(exclude_unset=True))
        max_bytes = min(options.MAX_CARRIED_BYTES, room)
        parts = RunParts(self._state, self._nodes, self._waits, self._children)
        carrier = StateCarrier(self._state, parts, self._dump_control)
        carried = carrier.dump()
        if len(carried.model_dump_json(exclude_unset=True)) > max_bytes:
            if not workflow.patched(CARRY_LARGE_STATES):
                self._history.allow(workflow.info().get_current_history_length() + 1000)
                return
            before = (self._history.updates, self._history.signals)
            carried = await carrier.store(max_bytes=max_bytes)
            self._notice_cancellation()
            if self._is_ending or self._children.is_busy or (self._history.updates, self._history.signals) != before:
                return  # what came meanwhile is not in the stored state
        workflow.continue_as_new(fresh.model_copy(update={"carried": carried}))


def _situation_of(phase: RunPhase) -> _Situation:
    return ExecutionStatus(phase.status), phase.reason, phase.paused_at
