"""ExecuteGraphWorkflow: one graph execution. Schedules one activity per node execution and one that closes the run."""

import asyncio
from collections import deque
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from activities.execute_block import BlockActivities
    from activities.record_execution import RecordingActivities
    from models.blocks import BlockKind
    from models.execution import ExecutionStatus
    from models.ids import NodeExecId, node_exec_id
    from models.pins import dynamic_sources
    from models.plan import PlanNode
    from models.values import total_inline_bytes
    from models.wire import (
        BlockFailure,
        BlockFinished,
        CarriedState,
        CloseExecutionInput,
        ExecuteBlockInput,
        ExecuteBlockResult,
        ExecuteGraphInput,
        ExecuteGraphResult,
        ExecutionProgress,
        NodeRecord,
        RecordExecutionsInput,
        StopRequest,
    )
    from workflows import options, search_attributes
    from workflows.dataflow import Dataflow, Firing
    from workflows.run_report import RunReport

ResultT = TypeVar("ResultT")

RUN_FATAL_CODES = frozenset({"insufficient_credits"})
"""Errors of a node that end the whole run as FAILED; any other leaves the other branches running."""

MAX_TERMINATED_RECORDS = 1000
UNRECORDED_BATCH = 100


class _InFlight:
    """A node execution handed to Temporal."""

    __slots__ = ("firing", "handle", "queued_at")

    def __init__(
        self, firing: Firing, handle: "workflow.ActivityHandle[ExecuteBlockResult]", queued_at: datetime
    ) -> None:
        self.firing = firing
        self.handle = handle
        self.queued_at = queued_at


@workflow.defn(name="ExecuteGraph")
class ExecuteGraphWorkflow:
    """Holds the dataflow state; its history is the truth about the run.

    One pump: completions and signals append to `_inbox` or set a flag, and wake the single loop.
    """

    @workflow.init
    def __init__(self, input: ExecuteGraphInput) -> None:
        self._input = input
        self._run = input.run
        carried = input.carried
        self._flow = Dataflow(input.plan) if carried is None else Dataflow.load(input.plan, carried.dataflow)
        self._report = RunReport() if carried is None else RunReport.load(carried.progress)
        self._opened = carried is not None
        self._started_at = input.opening.started_at or workflow.now()
        self._in_flight: dict[NodeExecId, _InFlight] = {}
        self._inbox: deque[NodeExecId] = deque()
        self._stop: StopRequest | None = None
        self._cancel: StopRequest | None = None
        self._fatal: tuple[str, str] | None = None
        self._dispatch_rest_soon = False
        self._carry_from_length = 0

    @workflow.run
    async def run(self, input: ExecuteGraphInput) -> ExecuteGraphResult:
        if input.carried is None:
            self._flow.start(input.opening.inputs)
        try:
            await self._pump()
            if self._cancel is None and (self._stop is not None or self._fatal is not None):
                await self._wait_for_running_blocks()
        except asyncio.CancelledError:
            self._cancel = self._cancel or StopRequest(reason="Cancelled")
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
            in_flight=len(self._in_flight),
            completed=self._report.node_exec_count,
            failed=self._report.node_error_count,
            routed=self._flow.routed,
            stopping=self._is_ending,
        )

    @property
    def _is_ending(self) -> bool:
        return self._stop is not None or self._cancel is not None or self._fatal is not None

    # --- the pump -----------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            self._take_completions()
            if self._is_ending:
                return
            if len(self._report.unrecorded) >= UNRECORDED_BATCH:
                await self._record_batch()
                continue
            self._continue_as_new_if_due()
            self._dispatch()
            workflow.set_current_details(
                self._report.summary(
                    status=ExecutionStatus.RUNNING, ready=len(self._flow.ready), in_flight=len(self._in_flight)
                )
            )
            if not self._in_flight and not self._flow.ready:
                return
            if self._dispatch_rest_soon:
                await asyncio.sleep(0.001)
            else:
                await workflow.wait_condition(self._has_news)

    def _has_news(self) -> bool:
        return bool(self._inbox) or self._is_ending

    def _dispatch(self) -> None:
        """Schedules ready node executions, oldest first, within the budgets; the rest goes with a later activation."""
        self._dispatch_rest_soon = False
        budget = options.MAX_COMMAND_BYTES
        ready = self._flow.ready
        if self._is_waiting_for_quiet():
            return
        while ready and len(self._in_flight) < options.MAX_IN_FLIGHT:
            firing = ready[0]
            node = self._flow.plan_of(firing.node_id)
            size = total_inline_bytes(firing.received.values()) + total_inline_bytes(node.defaults.values())
            if size > budget < options.MAX_COMMAND_BYTES:
                self._dispatch_rest_soon = True
                return
            budget -= size
            ready.popleft()
            self._schedule(firing, node)

    def _schedule(self, firing: Firing, node: PlanNode) -> None:
        exec_id = node_exec_id(self._run.graph_exec_id, firing.node_id, firing.number)
        now = workflow.now()
        handle = workflow.start_activity_method(
            BlockActivities.execute_block, self._block_input(firing, node, exec_id, now), **options.of_block(node)
        )
        self._in_flight[exec_id] = _InFlight(firing, handle, now)
        handle.add_done_callback(lambda _: self._inbox.append(exec_id))

    def _block_input(self, firing: Firing, node: PlanNode, exec_id: NodeExecId, now: datetime) -> ExecuteBlockInput:
        opening = None
        if not self._opened:
            self._opened = True
            opening = self._input.opening.model_copy(update={"started_at": self._started_at})
        return ExecuteBlockInput(
            run=self._run,
            node_id=firing.node_id,
            node_exec_id=exec_id,
            block_id=node.block_id,
            firing=firing.number,
            generation=firing.generation,
            route_seq=firing.route_seq,
            queued_at=now,
            defaults=node.defaults,
            received=firing.received,
            masks=node.masks,
            selectors=dynamic_sources(link.source_name for link in node.links),
            graph_pin=node.graph_pin,
            max_attempts=node.retry.max_attempts,
            timeout_seconds=node.timeout_seconds,
            user_timezone=self._input.user_timezone,
            opening=opening,
        )

    # --- completions --------------------------------------------------------------------------------------------

    def _take_completions(self) -> None:
        while self._inbox:
            running = self._in_flight.pop(self._inbox.popleft())
            error = running.handle.exception() if not running.handle.cancelled() else asyncio.CancelledError()
            if error is None:
                self._take_result(running, running.handle.result())
            elif is_cancelled_exception(error):
                self._add_terminated(running.firing)
            else:
                failure, recorded = _failure_of(error)
                self._add_failure(running, failure, recorded=recorded)

    def _take_result(self, running: _InFlight, result: ExecuteBlockResult) -> None:
        firing = running.firing
        outcome = result.outcome
        if isinstance(outcome, BlockFinished):
            self._report.add_ended(seconds=outcome.seconds, cost=outcome.cost, unrecorded=outcome.unrecorded)
            self._flow.complete(firing.node_id, firing.number, outcome.outputs)
            return
        message = "The block asked to be continued, which only stepped executors support."
        self._add_failure(running, BlockFailure(message=message, code="continue_unsupported"), recorded=False)

    def _add_failure(self, running: _InFlight, failure: BlockFailure, *, recorded: bool) -> None:
        firing = running.firing
        node = self._flow.plan_of(firing.node_id)
        unrecorded = failure.unrecorded
        if not recorded:
            unrecorded = self._record_of(firing, ExecutionStatus.FAILED, running.queued_at).model_copy(
                update={"error": failure.message, "error_code": failure.code}
            )
        self._report.add_ended(seconds=failure.seconds, cost=failure.cost, unrecorded=unrecorded)
        self._report.add_error(node, code=failure.code, message=failure.message)
        self._flow.fail(firing.node_id, firing.number, failure.outputs, failure.message)
        if failure.code in RUN_FATAL_CODES and self._fatal is None:
            self._fatal = (failure.code, failure.message)

    def _add_terminated(self, firing: Firing) -> None:
        self._report.terminated_count += 1
        if self._report.terminated_count <= MAX_TERMINATED_RECORDS:
            self._report.unrecorded.append(self._record_of(firing, ExecutionStatus.TERMINATED, None))

    def _record_of(self, firing: Firing, status: ExecutionStatus, queued_at: datetime | None) -> NodeRecord:
        node = self._flow.plan_of(firing.node_id)
        return NodeRecord(
            node_exec_id=node_exec_id(self._run.graph_exec_id, firing.node_id, firing.number),
            node_id=firing.node_id,
            block_id=node.block_id,
            firing=firing.number,
            generation=firing.generation,
            status=status,
            route_seq=firing.route_seq,
            queued_at=queued_at,
            ended_at=workflow.now(),
        )

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
        self._take_completions()
        return not self._in_flight or self._cancel is not None

    async def _end_running_blocks(self) -> None:
        """Cancels what still runs and waits until every activity has really ended."""
        self._take_completions()
        for running in self._in_flight.values():
            running.handle.cancel()
        while self._in_flight:
            try:
                await workflow.wait_condition(lambda: bool(self._inbox))
            except asyncio.CancelledError:
                self._cancel = self._cancel or StopRequest(reason="Cancelled")
            self._take_completions()
        for firing in self._flow.drain_ready():
            self._add_terminated(firing)

    async def _finish(self) -> ExecuteGraphResult:
        status, code, reason = self._verdict()
        now = workflow.now()
        stats = self._report.stats(self._flow, started_at=self._started_at, now=now, error=reason)
        plan = self._input.plan
        workflow.upsert_search_attributes([search_attributes.STATUS.value_set(status.value)])
        workflow.set_current_details(self._report.summary(status=status, ready=0, in_flight=0))
        closed = await _uncancelled(
            workflow.start_activity_method(
                RecordingActivities.close_execution,
                CloseExecutionInput(
                    run=self._run,
                    opening=self._input.opening.model_copy(update={"started_at": self._started_at}),
                    status=status,
                    ended_at=now,
                    error=reason,
                    error_code=code,
                    stats=stats,
                    output_nodes={
                        node.id: node.graph_pin or node.id
                        for node in plan.nodes
                        if plan.blocks[node.block_id].kind is BlockKind.OUTPUT
                    },
                    terminal_nodes=tuple(node.id for node in plan.nodes if not node.links),
                    unrecorded=tuple(self._report.unrecorded),
                ),
                **options.CLOSE_EXECUTION,
            )
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._cancel is not None:
            await self._end_as_cancelled()
        if status is ExecutionStatus.FAILED:
            raise ApplicationError(reason or "", type=code)
        return ExecuteGraphResult(status=status, outputs=closed.outputs, stats=stats, error=reason)

    def _verdict(self) -> tuple[ExecutionStatus, str | None, str | None]:
        if self._cancel is not None:
            return ExecutionStatus.TERMINATED, "cancelled", self._cancel.reason or "Cancelled"
        if self._fatal is not None:
            return ExecutionStatus.FAILED, *self._fatal
        if self._stop is not None:
            return ExecutionStatus.TERMINATED, "stopped", self._stop.reason or "Stopped"
        return ExecutionStatus.COMPLETED, None, None

    async def _end_as_cancelled(self) -> None:
        """Raises CancelledError. The server only lets a workflow end Canceled if its cancellation was requested, which
        the signal `cancel` alone does not do."""
        if workflow.cancellation_reason() is None:
            await _uncancelled(
                workflow.start_activity_method(
                    RecordingActivities.request_cancellation, self._run, **options.REQUEST_CANCELLATION
                )
            )
            await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        raise asyncio.CancelledError("Cancelled")

    async def _record_batch(self) -> None:
        """Hands over what no activity has recorded, so that the state does not grow with it."""
        records = tuple(self._report.unrecorded)
        self._report.unrecorded.clear()
        await _uncancelled(
            workflow.start_activity_method(
                RecordingActivities.record_executions,
                RecordExecutionsInput(run=self._run, records=records),
                **options.RECORD_EXECUTIONS,
            )
        )

    # --- continue-as-new ----------------------------------------------------------------------------------------

    def _continue_as_new_if_due(self) -> None:
        """At a quiet moment, once the history has grown long: goes on in a new run with the state so far."""
        if self._in_flight or not self._flow.ready or not self._history_is_long():
            return
        carried = CarriedState(dataflow=self._flow.dump(), progress=self._report.dump())
        if len(carried.model_dump_json()) > options.MAX_CARRIED_BYTES:
            self._carry_from_length = workflow.info().get_current_history_length() + 1000
            return
        opening = self._input.opening.model_copy(update={"started_at": self._started_at})
        workflow.continue_as_new(self._input.model_copy(update={"opening": opening, "carried": carried}))

    def _history_is_long(self) -> bool:
        info = workflow.info()
        length = info.get_current_history_length()
        is_long = info.is_continue_as_new_suggested() or length >= options.FORCE_CONTINUE_AS_NEW_EVENTS
        return is_long and length >= self._carry_from_length

    def _is_waiting_for_quiet(self) -> bool:
        if not self._in_flight:
            return False
        length = workflow.info().get_current_history_length()
        return length >= max(options.FORCE_CONTINUE_AS_NEW_EVENTS, self._carry_from_length)


async def _uncancelled(handle: "workflow.ActivityHandle[ResultT]") -> ResultT:
    """The result of an activity that a cancellation of the workflow must not interrupt."""
    while True:
        try:
            return await asyncio.shield(handle)
        except asyncio.CancelledError:
            if handle.done():
                raise


def _failure_of(error: BaseException) -> tuple[BlockFailure, bool]:
    """What a failed `execute_block` tells, and whether the activity itself recorded it."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError) and cause.details:
        return BlockFailure.model_validate(cause.details[0]), True
    if isinstance(cause, ActivityTimeoutError):
        message = "The worker running this block died or did not answer, and no further attempt is left."
        return BlockFailure(message=message, code="block_timeout"), False
    message = str(cause) or type(cause).__name__
    return BlockFailure(message=message, code="activity_failed"), False
