"""ExecuteGraphWorkflow: one graph execution. Schedules one activity per node execution and one that closes the run."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.record_execution import RecordingActivities
    from models.blocks import BlockKind
    from models.execution import ExecutionStatus
    from models.wire import (
        CarriedState,
        CloseExecutionInput,
        ExecuteGraphInput,
        ExecuteGraphResult,
        ExecutionProgress,
        RecordExecutionsInput,
        StopRequest,
    )
    from workflows import options, search_attributes
    from workflows.carried_state import StateCarrier, load_parts
    from workflows.dataflow import Dataflow
    from workflows.node_executions import NodeExecutions
    from workflows.run_report import RunReport
    from workflows.uncancelled import uncancelled

CARRY_LARGE_STATES = "carry-large-states"
"""Patch: a large state goes to the blob store, and a large history makes the run wait for a quiet moment."""


@workflow.defn(name="ExecuteGraph")
class ExecuteGraphWorkflow:
    """Holds the dataflow state; its history is the truth about the run.

    One pump: completions append to an inbox and signals set a flag; both wake the single loop.
    """

    @workflow.init
    def __init__(self, input: ExecuteGraphInput) -> None:
        self._run = input.run
        self._plan = input.plan
        self._started_at = input.opening.started_at or workflow.now()
        self._opening = input.opening.model_copy(update={"started_at": self._started_at})
        self._user_timezone = input.user_timezone
        self._take_up(input.carried)
        self._stop: StopRequest | None = None
        self._cancel: StopRequest | None = None
        self._carry_from_length = 0
        self._loaded_bytes = 0

    @workflow.run
    async def run(self, input: ExecuteGraphInput) -> ExecuteGraphResult:
        if input.carried is None:
            self._flow.start(input.opening.inputs)
        elif input.carried.parts:
            await self._load_carried(input.carried)
        try:
            await self._pump(input)
            if self._is_ending and self._cancel is None:
                await self._wait_for_running_blocks()
        except asyncio.CancelledError:
            self._take_cancellation()
        await self._end_running_blocks()
        return await self._finish()

    # --- control ------------------------------------------------------------------------------------------------

    @workflow.signal(description="End the execution: running blocks may finish within the grace, nothing new starts.")
    def stop(self, request: StopRequest | None = None) -> None:
        self._stop = self._stop or request or StopRequest()

    @workflow.signal(description="Cancel the execution and its running blocks at once.")
    def cancel(self, request: StopRequest | None = None) -> None:
        self._cancel = self._cancel or request or StopRequest()

    @workflow.query(description="Counts of what is done, running and waiting.")
    def get_progress(self) -> ExecutionProgress:
        return ExecutionProgress(
            status=ExecutionStatus.RUNNING,
            ready=len(self._flow.ready),
            in_flight=len(self._nodes),
            completed=self._report.node_exec_count,
            failed=self._report.node_error_count,
            routed=self._flow.routed,
            stopping=self._is_ending,
        )

    @property
    def _is_ending(self) -> bool:
        return self._stop is not None or self._cancel is not None or self._nodes.fatal is not None

    def _notice_cancellation(self) -> None:
        """After an activity that a cancellation must not interrupt."""
        if workflow.cancellation_reason() is not None:
            self._take_cancellation()

    def _take_cancellation(self) -> None:
        self._cancel = self._cancel or StopRequest(reason="Cancelled")

    # --- the pump -----------------------------------------------------------------------------------------------

    async def _pump(self, input: ExecuteGraphInput) -> None:
        while True:
            self._nodes.take_completions()
            if self._is_ending:
                return
            if self._report.unrecorded_bytes >= options.RECORD_FROM_BYTES:
                await self._record_batch()
                continue
            if self._may_continue_as_new():
                await self._continue_as_new(input)
                continue
            if not self._is_waiting_for_quiet():
                self._nodes.dispatch()
            self._show(ExecutionStatus.RUNNING)
            if not self._nodes and not self._flow.ready:
                return
            if self._nodes.rest_is_ready:
                await asyncio.sleep(0.001)
            else:
                await workflow.wait_condition(self._has_news)

    def _has_news(self) -> bool:
        return self._nodes.has_completions or self._is_ending

    def _show(self, status: ExecutionStatus) -> None:
        summary = self._report.summary(status=status, ready=len(self._flow.ready), in_flight=len(self._nodes))
        workflow.set_current_details(summary)

    async def _record_batch(self) -> None:
        """Hands over what no activity has recorded, so that the state does not grow with it."""
        records = self._report.take_unrecorded(max_bytes=options.MAX_RECORDING_BYTES)
        await uncancelled(
            workflow.start_activity_method(
                RecordingActivities.record_executions,
                RecordExecutionsInput(run=self._run, records=records),
                **options.RECORD_EXECUTIONS,
            )
        )
        self._notice_cancellation()

    # --- the end ------------------------------------------------------------------------------------------------

    async def _wait_for_running_blocks(self) -> None:
        """After a stop: what runs may finish within the grace; after a fatal error it is cancelled at once."""
        seconds = self._stop.grace_seconds if self._stop is not None else 0.0
        grace = options.STOP_GRACE if seconds is None else timedelta(seconds=max(0.0, seconds))
        try:
            await workflow.wait_condition(self._is_quiet_or_cancelled, timeout=grace)
        except TimeoutError:
            return

    def _is_quiet_or_cancelled(self) -> bool:
        self._nodes.take_completions()
        return not self._nodes or self._cancel is not None

    async def _end_running_blocks(self) -> None:
        """Cancels what still runs and waits until every activity has really ended."""
        self._nodes.take_completions()
        self._nodes.cancel_all()
        while self._nodes:
            try:
                await workflow.wait_condition(lambda: self._nodes.has_completions)
            except asyncio.CancelledError:
                self._take_cancellation()
            self._nodes.take_completions()
        self._nodes.terminate_ready()

    async def _finish(self) -> ExecuteGraphResult:
        while self._report.unrecorded_bytes > options.MAX_RECORDING_BYTES:
            await self._record_batch()
        status, code, reason = self._verdict()
        closing = self._closing_input(status, code, reason)
        workflow.upsert_search_attributes([search_attributes.STATUS.value_set(status.value)])
        self._show(status)
        closed = await uncancelled(
            workflow.start_activity_method(RecordingActivities.close_execution, closing, **options.CLOSE_EXECUTION)
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        if code == "cancelled":
            await self._end_as_cancelled()
        if status is ExecutionStatus.FAILED:
            raise ApplicationError(reason or "", type=code)
        stats = closing.stats.model_copy(update={"omitted_outputs": closed.omitted_outputs})
        return ExecuteGraphResult(status=status, outputs=closed.outputs, stats=stats, error=reason)

    def _verdict(self) -> tuple[ExecutionStatus, str | None, str | None]:
        if self._cancel is not None:
            return ExecutionStatus.TERMINATED, "cancelled", self._cancel.reason or "Cancelled"
        if self._nodes.fatal is not None:
            return ExecutionStatus.FAILED, *self._nodes.fatal
        if self._stop is not None:
            return ExecutionStatus.TERMINATED, "stopped", self._stop.reason or "Stopped"
        return ExecutionStatus.COMPLETED, None, None

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
        )

    async def _end_as_cancelled(self) -> None:
        """Raises CancelledError. The server only lets a workflow end Canceled if its cancellation was requested, which
        the signal `cancel` alone does not do."""
        if workflow.cancellation_reason() is None:
            await uncancelled(
                workflow.start_activity_method(
                    RecordingActivities.request_cancellation, self._run, **options.REQUEST_CANCELLATION
                )
            )
            await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        raise asyncio.CancelledError("Cancelled")

    # --- continue-as-new ----------------------------------------------------------------------------------------

    def _take_up(self, carried: CarriedState | None) -> None:
        """Begins anew, or where the run before this one ended; a state in parts is empty until it is loaded."""
        has_state = carried is not None and not carried.parts
        self._flow = Dataflow.load(self._plan, carried.dataflow) if carried and has_state else Dataflow(self._plan)
        self._report = RunReport.load(carried.progress) if carried and has_state else RunReport()
        self._nodes = NodeExecutions(
            self._run,
            self._flow,
            self._report,
            opening=self._opening if carried is None else None,
            user_timezone=self._user_timezone,
        )

    async def _load_carried(self, carried: CarriedState) -> None:
        self._take_up(await load_parts(carried.parts))
        self._notice_cancellation()
        info = workflow.info()
        self._carry_from_length = info.get_current_history_length() + options.EVENTS_BETWEEN_LOADS
        self._loaded_bytes = info.get_current_history_size()

    def _may_continue_as_new(self) -> bool:
        """At a quiet moment, once the history has grown long."""
        return not self._nodes and bool(self._flow.ready) and self._history_is_long()

    async def _continue_as_new(self, input: ExecuteGraphInput) -> None:
        """Goes on in a new run with the state so far, unless the execution was asked to end meanwhile."""
        fresh = input.model_copy(update={"opening": self._opening, "carried": None})
        room = options.MAX_START_BYTES - len(fresh.model_dump_json(exclude_unset=True))
        max_bytes = min(options.MAX_CARRIED_BYTES, room)
        carrier = StateCarrier(self._run, self._flow, self._report)
        carried = carrier.dump()
        if len(carried.model_dump_json(exclude_unset=True)) > max_bytes:
            if not workflow.patched(CARRY_LARGE_STATES):
                self._carry_from_length = workflow.info().get_current_history_length() + 1000
                return
            carried = await carrier.store(max_bytes=max_bytes)
            self._notice_cancellation()
            if self._is_ending:
                return
        workflow.continue_as_new(fresh.model_copy(update={"carried": carried}))

    def _history_is_long(self) -> bool:
        info = workflow.info()
        length = info.get_current_history_length()
        is_long = info.is_continue_as_new_suggested() or length >= options.FORCE_CONTINUE_AS_NEW_EVENTS
        return (is_long or self._history_is_large()) and length >= self._carry_from_length

    def _history_is_large(self) -> bool:
        grown = workflow.info().get_current_history_size() - self._loaded_bytes
        return grown >= options.FORCE_CONTINUE_AS_NEW_BYTES and workflow.patched(CARRY_LARGE_STATES)

    def _is_waiting_for_quiet(self) -> bool:
        if not self._nodes:
            return False
        length = workflow.info().get_current_history_length()
        if length < self._carry_from_length:
            return False
        return length >= options.FORCE_CONTINUE_AS_NEW_EVENTS or self._history_is_large()
