"""Node executions between the dataflow engine and Temporal: scheduled within budgets, taken back when they end."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from activities.execute_block import BlockActivities
    from models.errors import ValueTooLargeError
    from models.execution import ExecutionStatus
    from models.ids import NodeExecId
    from models.plan import PlanPinned
    from models.waits import ChildWait
    from models.wire import (
        BlockFailure,
        BlockFinished,
        BlockOutputItem,
        BlockWaiting,
        ExecuteBlockResult,
        NodeRecord,
        RunOpening,
        StreamedOutputs,
    )
    from workflows import options
    from workflows.block_inputs import BlockInputs, Turn, resumption_of
    from workflows.children import Children
    from workflows.failed_firings import FailedFirings
    from workflows.node_state import Firing
    from workflows.run_state import RunState
    from workflows.waits import Waits

RUN_FATAL_CODES = frozenset({"insufficient_credits"})
"""Errors of a node that end the whole run as FAILED; any other leaves the other branches running."""

MAX_TERMINATED_RECORDS = 1000


@dataclass(slots=True)
class _InFlight:
    """A node execution handed to Temporal.

    Attributes:
        accepted: emissions that came ahead by signal and were taken.
        given: outputs an operator has put in place of the block's; it is being cancelled.
        has_waited: it goes on after a wait.
    """

    firing: Firing
    handle: "workflow.ActivityHandle[ExecuteBlockResult]"
    queued_at: datetime
    accepted: int = 0
    given: tuple[BlockOutputItem, ...] | None = None
    has_waited: bool = False


class NodeExecutions:
    """What is in flight. News waits in an inbox until the pump takes it, one after the other.

    Attributes:
        fatal: (code, message) of the first error that ends the whole run.
        rest_is_ready: the last `dispatch` left ready firings behind because one activation could not carry more.
        failed: executions that failed and may be repeated.
    """

    def __init__(self, state: RunState, waits: Waits, children: Children, *, opening: RunOpening | None) -> None:
        """`opening` goes with the first node execution, which records the run as RUNNING; None if that has happened."""
        self._state = state
        self._waits = waits
        self._children = children
        self._inputs = BlockInputs(state, opening=opening)
        self._in_flight: dict[NodeExecId, _InFlight] = {}
        self._inbox: deque[NodeExecId | StreamedOutputs] = deque()
        self.failed = FailedFirings()
        self.fatal: tuple[str, str] | None = None
        self.rest_is_ready = False

    def __len__(self) -> int:
        return len(self._in_flight)

    def __contains__(self, exec_id: NodeExecId) -> bool:
        return exec_id in self._in_flight

    def may_yet_wait(self, exec_id: NodeExecId) -> bool:
        """The execution is in flight and may be about to begin a wait."""
        running = self._in_flight.get(exec_id)
        return running is not None and not running.has_waited

    @property
    def has_news(self) -> bool:
        return bool(self._inbox)

    @property
    def has_work(self) -> bool:
        """Something could be dispatched."""
        return self._has_firings or bool(self._children.queued)

    def dispatch(self) -> None:
        """Schedules within the budgets: runs of other graphs, then node executions that go on after a wait, then those
        that are ready, the oldest first; the rest goes with a later activation."""
        self.rest_is_ready = False
        budget = options.MAX_COMMAND_BYTES
        while self._children.queued and self._has_room:
            size = self._children.size_of_next
            if size > budget < options.MAX_COMMAND_BYTES:
                self.rest_is_ready = True
                return
            budget -= size
            self._children.start_next()
        pinned_left = options.MAX_PINNED_PER_ACTIVATION
        while self._has_firings and self._has_room:
            turn = self._next()
            if turn.node.pinned is not None:
                if pinned_left == 0:
                    self.rest_is_ready = True
                    return
                pinned_left -= 1
                self._take_next()
                self._emit_pinned(turn.firing, turn.node.pinned)
                continue
            size = self._inputs.size_of(turn)
            if size > budget < options.MAX_COMMAND_BYTES and size <= options.MAX_INPUT_BYTES:
                self.rest_is_ready = True
                return
            self._take_next()
            if size > options.MAX_INPUT_BYTES:
                self._refuse(turn.firing, size)
            else:
                budget -= size
                self._schedule(turn)

    @property
    def _has_firings(self) -> bool:
        return bool(self._state.flow.ready or self._waits.resolved)

    @property
    def _has_room(self) -> bool:
        return len(self._in_flight) + len(self._children) < options.MAX_IN_FLIGHT

    def stream(self, streamed: StreamedOutputs) -> None:
        self._inbox.append(streamed)

    def take_news(self) -> None:
        """Routes everything that was emitted or has ended since the last call, in the order in which it came."""
        while self._inbox:
            news = self._inbox.popleft()
            if isinstance(news, StreamedOutputs):
                self._take_streamed(news)
            else:
                self._take_ended(news, self._in_flight.pop(news))

    def give_outputs(self, exec_id: NodeExecId, outputs: tuple[BlockOutputItem, ...]) -> None:
        """Cancels a block that is in flight; these outputs stand for its own, whatever it still does."""
        running = self._in_flight[exec_id]
        running.given = outputs
        running.handle.cancel()

    def complete_with(self, firing: Firing, outputs: tuple[BlockOutputItem, ...], queued_at: datetime | None) -> None:
        """Ends a running execution with outputs that an operator has given, as its next generation."""
        self._report_given(firing, outputs, queued_at)
        self._state.flow.complete(firing.node_id, firing.number, outputs)

    def replace_failure(self, exec_id: NodeExecId, outputs: tuple[BlockOutputItem, ...]) -> None:
        """A failed execution counts as done with these outputs; what its error has triggered stays."""
        firing = self.failed.take(exec_id)
        self._state.report.resolve_error(firing.node_id)
        self._report_given(firing, outputs, None)
        self._state.flow.route_late(firing.node_id, outputs)

    def repeat(self, exec_id: NodeExecId) -> None:
        firing = self.failed.take(exec_id)
        self._state.report.resolve_error(firing.node_id)
        self._state.flow.repeat(firing)

    def firing_of(self, exec_id: NodeExecId) -> Firing:
        """Of an execution that is in flight or has failed. Raises KeyError."""
        running = self._in_flight.get(exec_id)
        return running.firing if running is not None else self.failed.get(exec_id)

    def cancel_all(self) -> None:
        """Asks every running block to end; each is in flight until it really has."""
        for running in self._in_flight.values():
            running.handle.cancel()

    def terminate_waiting(self) -> None:
        """Gives up what waits or was never scheduled."""
        self._children.queued.clear()
        for parked in self._waits.take_all():
            self._add_terminated(parked.firing)
        for firing in self._state.flow.drain_ready():
            self._add_terminated(firing)

    # --- scheduling ---------------------------------------------------------------------------------------------

    def _next(self) -> Turn:
        plan_of = self._state.flow.plan_of
        if not self._waits.resolved:
            firing = self._state.flow.ready[0]
            return Turn(firing, plan_of(firing.node_id), workflow.now())
        parked = self._waits.find(self._waits.resolved[0])
        assert parked is not None, "what is resolved is parked"
        return Turn(parked.firing, plan_of(parked.firing.node_id), parked.queued_at, resumption_of(parked))

    def _take_next(self) -> None:
        if self._waits.resolved:
            self._waits.take_resolved()
        else:
            self._state.flow.ready.popleft()

    def _schedule(self, turn: Turn) -> None:
        node, exec_id = turn.node, self._state.exec_id_of(turn.firing)
        timeout_seconds = self._state.timeouts.get(node.id, node.timeout_seconds)
        handle = workflow.start_activity_method(
            BlockActivities.execute_block,
            self._inputs.build(turn, timeout_seconds=timeout_seconds),
            **options.of_block(node, timeout_seconds),
        )
        has_waited = turn.resumption is not None
        self._in_flight[exec_id] = _InFlight(turn.firing, handle, turn.queued_at, has_waited=has_waited)
        handle.add_done_callback(lambda _: self._inbox.append(exec_id))

    def _refuse(self, firing: Firing, size: int) -> None:
        """Fails a node execution whose input no activity could take: it would fail the whole run."""
        message = (
            f"The inputs of this node have {size} bytes together; the limit is {options.MAX_INPUT_BYTES}. "
            "Pass fewer or smaller values, or one value over 16 KiB, which travels by reference."
        )
        failure = BlockFailure(message=message, code=ValueTooLargeError.code)
        self._end_failed(firing, failure, self._failed_record(firing, failure, workflow.now()), ())

    def _emit_pinned(self, firing: Firing, pinned: tuple[PlanPinned, ...]) -> None:
        outputs = tuple(BlockOutputItem(pin=item.pin, value=item.value, selected=item.selected) for item in pinned)
        record = self._state.record_of(firing, ExecutionStatus.COMPLETED, workflow.now())
        shown = tuple((item.pin, item.value) for item in outputs)
        record = record.model_copy(update={"inputs": firing.received, "outputs": shown, "pinned": True})
        self._state.report.add_ended(seconds=0.0, cost=0, unrecorded=record)
        self._state.flow.complete(firing.node_id, firing.number, outputs)

    # --- emissions ahead of the end -----------------------------------------------------------------------------

    def _take_streamed(self, streamed: StreamedOutputs) -> None:
        """An attempt that replays a stream sends some values again: those that were taken are passed over."""
        running = self._in_flight.get(streamed.node_exec_id)
        if running is None or running.firing.generation != streamed.generation or running.given is not None:
            return
        fresh = streamed.outputs[max(0, running.accepted - streamed.first_seq) :]
        running.accepted = max(running.accepted, streamed.first_seq + len(streamed.outputs))
        self._state.flow.emit(running.firing.node_id, running.firing.number, fresh)

    # --- ends ---------------------------------------------------------------------------------------------------

    def _take_ended(self, exec_id: NodeExecId, running: _InFlight) -> None:
        error = running.handle.exception() if not running.handle.cancelled() else asyncio.CancelledError()
        if running.given is not None:
            self.complete_with(running.firing, running.given, running.queued_at)
        elif error is None:
            self._take_result(exec_id, running, running.handle.result())
        elif is_cancelled_exception(error) or (self._state.is_ending and _has_timed_out(error)):
            self._add_terminated(running.firing)
        else:
            failure, recorded = _failure_of(error)
            self._add_failure(running, failure, recorded=recorded)

    def _take_result(self, exec_id: NodeExecId, running: _InFlight, result: ExecuteBlockResult) -> None:
        firing = running.firing
        outcome = result.outcome
        if isinstance(outcome, BlockFinished):
            self._state.report.add_ended(
                seconds=outcome.seconds,
                cost=outcome.cost,
                unrecorded=outcome.unrecorded,
                stored_bytes=outcome.stored_bytes,
            )
            self._state.flow.complete(firing.node_id, firing.number, outcome.outputs[_taken(running, outcome) :])
        elif isinstance(outcome, BlockWaiting):
            self._park(exec_id, running, outcome)
        else:
            message = "The block asked to be continued, which only stepped executors support."
            self._add_failure(running, BlockFailure(message=message, code="continue_unsupported"), recorded=False)

    def _park(self, exec_id: NodeExecId, running: _InFlight, waiting: BlockWaiting) -> None:
        if self._state.is_ending:
            self._add_terminated(running.firing)
            return
        if len(self._waits) >= options.MAX_WAITS:
            message = (
                f"More than {options.MAX_WAITS} nodes of this run wait at a time. Split the work into several runs."
            )
            self._add_failure(running, BlockFailure(message=message, code="too_many_waits"), recorded=False)
            return
        firing = running.firing
        self._state.report.stored_bytes += waiting.stored_bytes
        if waiting.outputs:
            self._state.flow.emit(firing.node_id, firing.number, waiting.outputs)
        parked = self._waits.park(exec_id, firing, waiting, running.queued_at)
        if isinstance(parked.wait, ChildWait):
            self._children.queued.append(parked.wait)

    def _add_failure(self, running: _InFlight, failure: BlockFailure, *, recorded: bool) -> None:
        unrecorded = failure.unrecorded
        if not recorded:
            unrecorded = self._failed_record(running.firing, failure, running.queued_at)
        self._end_failed(running.firing, failure, unrecorded, failure.outputs[_taken(running, failure) :])

    def _end_failed(
        self,
        firing: Firing,
        failure: BlockFailure,
        unrecorded: NodeRecord | None,
        outputs: tuple[BlockOutputItem, ...],
    ) -> None:
        state = self._state
        state.report.add_ended(
            seconds=failure.seconds, cost=failure.cost, unrecorded=unrecorded, stored_bytes=failure.stored_bytes
        )
        state.report.add_error(state.flow.plan_of(firing.node_id), code=failure.code, message=failure.message)
        self.failed.add(state.exec_id_of(firing), firing)
        state.flow.fail(firing.node_id, firing.number, outputs, failure.message)
        if failure.code in RUN_FATAL_CODES and self.fatal is None:
            self.fatal = (failure.code, failure.message)

    def _add_terminated(self, firing: Firing) -> None:
        report = self._state.report
        report.terminated_count += 1
        if report.terminated_count <= MAX_TERMINATED_RECORDS:
            report.add_unrecorded(self._state.record_of(firing, ExecutionStatus.TERMINATED, None))

    def _failed_record(self, firing: Firing, failure: BlockFailure, queued_at: datetime) -> NodeRecord:
        record = self._state.record_of(firing, ExecutionStatus.FAILED, queued_at)
        return record.model_copy(update={"error": failure.message, "error_code": failure.code})

    def _report_given(self, firing: Firing, outputs: tuple[BlockOutputItem, ...], queued_at: datetime | None) -> None:
        record = self._state.record_of(firing, ExecutionStatus.COMPLETED, queued_at)
        shown = tuple((item.pin, item.value) for item in outputs)
        record = record.model_copy(update={"generation": firing.generation + 1, "outputs": shown})
        self._state.report.add_ended(seconds=0.0, cost=0, unrecorded=record)


def _taken(running: _InFlight, end: BlockFinished | BlockFailure) -> int:
    """How many of the outputs that came with the end were taken before: an attempt that repeats a lost answer does not
    know what went ahead."""
    return max(0, running.accepted - end.streamed)


def _has_timed_out(error: BaseException) -> bool:
    """Nobody says how the block ended. One that was asked to end and whose worker died is not tried again."""
    return isinstance(error, ActivityError) and isinstance(error.cause, ActivityTimeoutError)


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
