"""Node executions between the dataflow engine and Temporal: scheduled within budgets, taken back when they end."""

import asyncio
from collections import deque
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from activities.execute_block import BlockActivities
    from models.errors import ValueTooLargeError
    from models.execution import ExecutionStatus
    from models.ids import NodeExecId, node_exec_id
    from models.pins import dynamic_sources
    from models.plan import PlanNode
    from models.values import NODE_STORAGE_BYTES, RUN_STORAGE_BYTES, total_inline_bytes
    from models.wire import (
        BlockFailure,
        BlockFinished,
        ExecuteBlockInput,
        ExecuteBlockResult,
        NodeRecord,
        RunIdentity,
        RunOpening,
    )
    from workflows import options
    from workflows.dataflow import Dataflow, Firing
    from workflows.run_report import RunReport

RUN_FATAL_CODES = frozenset({"insufficient_credits"})
"""Errors of a node that end the whole run as FAILED; any other leaves the other branches running."""

MAX_TERMINATED_RECORDS = 1000


class _InFlight:
    """A node execution handed to Temporal."""

    __slots__ = ("firing", "handle", "queued_at")

    def __init__(
        self, firing: Firing, handle: "workflow.ActivityHandle[ExecuteBlockResult]", queued_at: datetime
    ) -> None:
        self.firing = firing
        self.handle = handle
        self.queued_at = queued_at


class NodeExecutions:
    """What is in flight. Completions wait in an inbox until the pump takes them, one after the other.

    Attributes:
        fatal: (code, message) of the first error that ends the whole run.
        rest_is_ready: the last `dispatch` left ready firings behind because one activation could not carry more.
    """

    def __init__(
        self, run: RunIdentity, flow: Dataflow, report: RunReport, *, opening: RunOpening | None, user_timezone: str
    ) -> None:
        """`opening` goes with the first node execution, which records the run as RUNNING; None if that has happened."""
        self._run = run
        self._flow = flow
        self._report = report
        self._opening = opening
        self._user_timezone = user_timezone
        self._in_flight: dict[NodeExecId, _InFlight] = {}
        self._inbox: deque[NodeExecId] = deque()
        self.fatal: tuple[str, str] | None = None
        self.rest_is_ready = False

    def __len__(self) -> int:
        return len(self._in_flight)

    @property
    def has_completions(self) -> bool:
        return bool(self._inbox)

    def dispatch(self) -> None:
        """Schedules ready node executions, oldest first, within the budgets; the rest goes with a later activation."""
        self.rest_is_ready = False
        budget = options.MAX_COMMAND_BYTES
        ready = self._flow.ready
        while ready and len(self._in_flight) < options.MAX_IN_FLIGHT:
            firing = ready[0]
            node = self._flow.plan_of(firing.node_id)
            size = sum(total_inline_bytes(values.values()) for values in (firing.received, node.defaults, node.masks))
            if size > budget < options.MAX_COMMAND_BYTES and size <= options.MAX_INPUT_BYTES:
                self.rest_is_ready = True
                return
            ready.popleft()
            if size > options.MAX_INPUT_BYTES:
                self._refuse(firing, size)
            else:
                budget -= size
                self._schedule(firing, node)

    def take_completions(self) -> None:
        """Routes the outputs of everything that has ended since the last call, in the order in which it ended."""
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

    def cancel_all(self) -> None:
        """Asks every running block to end; each is in flight until it really has."""
        for running in self._in_flight.values():
            running.handle.cancel()

    def terminate_ready(self) -> None:
        """Gives up what was never scheduled."""
        for firing in self._flow.drain_ready():
            self._add_terminated(firing)

    # --- scheduling ---------------------------------------------------------------------------------------------

    def _schedule(self, firing: Firing, node: PlanNode) -> None:
        exec_id = node_exec_id(self._run.graph_exec_id, firing.node_id, firing.number)
        now = workflow.now()
        handle = workflow.start_activity_method(
            BlockActivities.execute_block, self._block_input(firing, node, exec_id, now), **options.of_block(node)
        )
        self._in_flight[exec_id] = _InFlight(firing, handle, now)
        handle.add_done_callback(lambda _: self._inbox.append(exec_id))

    def _block_input(self, firing: Firing, node: PlanNode, exec_id: NodeExecId, now: datetime) -> ExecuteBlockInput:
        opening, self._opening = self._opening, None
        left = max(0, RUN_STORAGE_BYTES - self._report.stored_bytes)
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
            user_timezone=self._user_timezone,
            storage_left_bytes=left if left < NODE_STORAGE_BYTES else None,
            opening=opening,
        )

    def _refuse(self, firing: Firing, size: int) -> None:
        """Fails a node execution whose input no activity could take: it would fail the whole run."""
        message = (
            f"The inputs of this node have {size} bytes together; the limit is {options.MAX_INPUT_BYTES}. "
            "Pass fewer or smaller values, or one value over 16 KiB, which travels by reference."
        )
        failure = BlockFailure(message=message, code=ValueTooLargeError.code)
        self._end_failed(firing, failure, self._failed_record(firing, failure, workflow.now()))

    # --- ends ---------------------------------------------------------------------------------------------------

    def _take_result(self, running: _InFlight, result: ExecuteBlockResult) -> None:
        firing = running.firing
        outcome = result.outcome
        if isinstance(outcome, BlockFinished):
            self._report.add_ended(
                seconds=outcome.seconds,
                cost=outcome.cost,
                unrecorded=outcome.unrecorded,
                stored_bytes=outcome.stored_bytes,
            )
            self._flow.complete(firing.node_id, firing.number, outcome.outputs)
            return
        message = "The block asked to be continued, which only stepped executors support."
        self._add_failure(running, BlockFailure(message=message, code="continue_unsupported"), recorded=False)

    def _add_failure(self, running: _InFlight, failure: BlockFailure, *, recorded: bool) -> None:
        unrecorded = failure.unrecorded
        if not recorded:
            unrecorded = self._failed_record(running.firing, failure, running.queued_at)
        self._end_failed(running.firing, failure, unrecorded)

    def _end_failed(self, firing: Firing, failure: BlockFailure, unrecorded: NodeRecord | None) -> None:
        node = self._flow.plan_of(firing.node_id)
        self._report.add_ended(
            seconds=failure.seconds, cost=failure.cost, unrecorded=unrecorded, stored_bytes=failure.stored_bytes
        )
        self._report.add_error(node, code=failure.code, message=failure.message)
        self._flow.fail(firing.node_id, firing.number, failure.outputs, failure.message)
        if failure.code in RUN_FATAL_CODES and self.fatal is None:
            self.fatal = (failure.code, failure.message)

    def _add_terminated(self, firing: Firing) -> None:
        self._report.terminated_count += 1
        if self._report.terminated_count <= MAX_TERMINATED_RECORDS:
            self._report.add_unrecorded(self._record_of(firing, ExecutionStatus.TERMINATED, None))

    def _failed_record(self, firing: Firing, failure: BlockFailure, queued_at: datetime) -> NodeRecord:
        record = self._record_of(firing, ExecutionStatus.FAILED, queued_at)
        return record.model_copy(update={"error": failure.message, "error_code": failure.code})

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
