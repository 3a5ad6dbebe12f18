"""What can be done to a running execution from outside, and the state it is done to."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from models.controls import (
        ControlAction,
        ControlAnswer,
        ControlRequest,
        DeadlineExtension,
        EventDelivery,
        GivenOutputs,
        NodeControl,
        ReviewDecisions,
        RunPhase,
    )
    from models.execution import ExecutionStatus
    from models.plan import ExecutionPlan
    from models.waits import ChildFinished
    from models.wire import CarriedState, ExecuteGraphInput, ExecutionProgress, StopRequest, StreamedOutputs
    from workflows import options
    from workflows.alarms import Alarms
    from workflows.carried_state import RunParts
    from workflows.children import Children
    from workflows.controls import Controls
    from workflows.dataflow import Dataflow
    from workflows.history_length import HistoryLength
    from workflows.node_executions import NodeExecutions
    from workflows.run_report import RunReport
    from workflows.run_state import RunState
    from workflows.waits import Waits

DEADLINE = "deadline"
"""Key of the alarm at the end of the execution's time."""


class ControlledRun:
    """The state of an execution, its signals, updates and queries. They change state and wake the pump, no more."""

    def __init__(self, input: ExecuteGraphInput) -> None:
        self._run = input.run
        self._plan = input.plan or _nothing_to_run(input)
        self._started_at = input.opening.started_at or workflow.now()
        self._opening = input.opening.model_copy(update={"started_at": self._started_at})
        self._stop: StopRequest | None = None
        self._cancel: StopRequest | None = None
        self._failure: tuple[str, str] | None = None
        self._paused_at: datetime | None = None
        self._is_woken = False
        self._is_held_back = False
        self._is_loading = input.plan is None or bool(input.carried and input.carried.parts)
        self._will_be_paused = False
        self._after_loading: list[Callable[[], None]] = []
        self._answers: dict[str, ControlAnswer] = {}
        self._phase = RunPhase(number=0, status=ExecutionStatus.RUNNING.value)
        self._deadline = input.options.deadline
        self._history = HistoryLength()
        self._alarms = Alarms()
        self._take_up(input)

    # --- signals, updates, queries ------------------------------------------------------------------------------

    @workflow.signal(description="End the execution: running blocks may finish within the grace, nothing new starts.")
    def stop(self, request: StopRequest | None = None) -> None:
        self._history.signals += 1
        if self._stop is None:
            self._stop = request or StopRequest()
            self._controls.note_end(ControlAction.STOP, self._stop)

    @workflow.signal(description="Cancel the execution and its running blocks at once.")
    def cancel(self, request: StopRequest | None = None) -> None:
        self._history.signals += 1
        if self._cancel is None:
            self._cancel = request or StopRequest()
            self._controls.note_end(ControlAction.CANCEL, self._cancel)

    @workflow.signal(description="Start and route nothing until `resume`; running blocks finish.")
    def pause(self, request: ControlRequest | None = None) -> None:
        self._history.signals += 1
        self._will_be_paused = self._is_loading
        self._when_loaded(lambda: self._pause(request))

    @workflow.signal(description="Go on after `pause`.")
    def resume(self, request: ControlRequest | None = None) -> None:
        self._history.signals += 1
        self._will_be_paused = False
        self._when_loaded(lambda: self._resume(request))

    @workflow.signal(description="Emissions of a block that still runs.")
    def stream_outputs(self, outputs: StreamedOutputs) -> None:
        self._history.signals += 1
        self._nodes.stream(outputs)

    @workflow.signal(description="A run that a node of this one has started is over.")
    def child_finished(self, finished: ChildFinished) -> None:
        self._history.signals += 1
        self._when_loaded(lambda: self._children.report(finished))

    @workflow.update(description="Decide reviews.")
    def submit_review(self, decisions: ReviewDecisions) -> ControlAnswer:
        return self._carry_out(lambda: self._controls.decide(decisions))

    @submit_review.validator
    def _check_review(self, decisions: ReviewDecisions) -> None:
        if self._is_new():
            self._controls.check_decisions(decisions)

    @workflow.update(description="Deliver an event that a node waits for.")
    def deliver_event(self, delivery: EventDelivery) -> ControlAnswer:
        return self._carry_out(lambda: self._controls.deliver(delivery))

    @deliver_event.validator
    def _check_event(self, delivery: EventDelivery) -> None:
        if self._is_new():
            self._controls.check_delivery(delivery)

    @workflow.update(description="Run a failed node execution again.")
    def retry_node(self, control: NodeControl) -> ControlAnswer:
        return self._carry_out(lambda: self._controls.retry(control))

    @retry_node.validator
    def _check_retry(self, control: NodeControl) -> None:
        if self._is_new():
            self._controls.check_retry(control)

    @workflow.update(description="End a node execution that failed, waits or runs, without outputs.")
    def skip_node(self, control: NodeControl) -> ControlAnswer:
        return self._carry_out(lambda: self._controls.skip(control))

    @skip_node.validator
    def _check_skip(self, control: NodeControl) -> None:
        if self._is_new():
            self._controls.check_replacement(control.node_exec_id)

    @workflow.update(description="Give a node execution that failed, waits or runs its outputs.")
    def set_output(self, given: GivenOutputs) -> ControlAnswer:
        return self._carry_out(lambda: self._controls.set_output(given))

    @set_output.validator
    def _check_output(self, given: GivenOutputs) -> None:
        if self._is_new():
            self._controls.check_outputs(given)

    @workflow.update(description="Move a deadline: of the execution, of a wait, or of the next attempts of a node.")
    def extend_deadline(self, extension: DeadlineExtension) -> ControlAnswer:
        return self._carry_out(lambda: self._extend(extension))

    @extend_deadline.validator
    def _check_extension(self, extension: DeadlineExtension) -> None:
        if self._is_new():
            self._controls.check_extension(extension)

    @workflow.update(description="Let an execution end that is held because nodes have failed.")
    def release_hold(self, request: ControlRequest) -> ControlAnswer:
        return self._carry_out(lambda: self._release(request))

    @release_hold.validator
    def _check_release(self, request: ControlRequest) -> None:
        if self._is_new() and not self._is_held:
            raise ApplicationError(
                "The execution is not held: it still has work, or no node has failed.", type="conflict"
            )

    @workflow.query(description="Counts of what is done, running and waiting.")
    def get_progress(self) -> ExecutionProgress:
        return ExecutionProgress(
            status=ExecutionStatus(self._phase.status),
            ready=len(self._flow.ready),
            in_flight=len(self._nodes),
            completed=self._report.node_exec_count,
            failed=self._report.node_error_count,
            routed=self._flow.routed,
            stopping=self._is_ending,
            waiting=len(self._waits),
            held=len(self._nodes.failed) if self._is_held else 0,
            paused=self._paused_at is not None or self._will_be_paused,
        )

    def _is_new(self) -> bool:
        """Whether an act is to be checked and carried out: one that an earlier run of this workflow has carried out is
        only answered once more, because Temporal knows the ids of updates within one run only."""
        if self._answered() is not None:
            return False
        if self._is_loading:
            raise ApplicationError("The execution is beginning.", type="not_yet")
        if self._is_ending or self._state.is_ending:
            raise ApplicationError("The execution is ending.", type="conflict")
        return True

    def _answered(self) -> ControlAnswer | None:
        update = workflow.current_update_info()
        return self._answers.get(update.id) if update is not None else None

    def _carry_out(self, act: Callable[[], ControlAnswer]) -> ControlAnswer:
        answer = self._answered()
        if answer is None:
            answer = act()
            self._is_woken = True
            if (update := workflow.current_update_info()) is not None:
                self._answers[update.id] = answer
                if len(self._answers) > options.MAX_REMEMBERED_ANSWERS:
                    del self._answers[next(iter(self._answers))]
        self._history.updates += 1
        return answer

    def _extend(self, extension: DeadlineExtension) -> ControlAnswer:
        answer = self._controls.extend(extension)
        if extension.node_id is None and extension.node_exec_id is None and extension.until is not None:
            self._set_deadline(extension.until)
            self._alarms.set(DEADLINE, extension.until, summary="End of the execution's time")
        return answer

    def _set_deadline(self, at: datetime | None) -> None:
        """Runs inside this one that begin later get it, too."""
        self._deadline = at
        self._state.options = self._state.options.model_copy(update={"deadline": at})

    def _release(self, request: ControlRequest) -> ControlAnswer:
        self._state.is_released = True
        self._note(ControlAction.RELEASE_HOLD, request)
        return ControlAnswer()

    def _pause(self, request: ControlRequest | None) -> None:
        if self._paused_at is None and not self._is_ending:
            self._paused_at = workflow.now()
            self._note(ControlAction.PAUSE, request)
            self._children.tell_all("pause", request or ControlRequest())

    def _resume(self, request: ControlRequest | None) -> None:
        if self._paused_at is not None:
            self._paused_at = None
            self._is_woken = True
            self._note(ControlAction.RESUME, request)
            self._children.tell_all("resume", request or ControlRequest())

    def _when_loaded(self, act: Callable[[], None]) -> None:
        if self._is_loading:
            self._after_loading.append(act)
        else:
            act()

    def _end_loading(self) -> None:
        """What came while the state was on its way takes effect now."""
        self._is_loading = False
        for act in self._after_loading:
            act()
        self._after_loading.clear()
        self._will_be_paused = False

    def _note(self, action: ControlAction, request: ControlRequest | None) -> None:
        details = {"reason": request.reason} if request is not None and request.reason else {}
        self._controls.note(action, request.requested_by if request else "", None, details)

    # --- state --------------------------------------------------------------------------------------------------

    @property
    def _is_ending(self) -> bool:
        return self._stop is not None or self._cancel is not None or self._fatal is not None

    @property
    def _fatal(self) -> tuple[str, str] | None:
        return self._failure or self._nodes.fatal

    def _notice_cancellation(self) -> None:
        """After an activity that a cancellation must not interrupt."""
        if workflow.cancellation_reason() is not None:
            self._take_cancellation()

    def _take_cancellation(self) -> None:
        self._cancel = self._cancel or StopRequest(reason="Cancelled")

    @property
    def _is_idle(self) -> bool:
        """Nothing goes on but waits."""
        return not self._nodes and not self._nodes.has_news and not self._nodes.has_work

    @property
    def _is_held(self) -> bool:
        """Nothing is left to do, and nodes have failed that somebody may repair."""
        if not self._state.options.hold_on_failure or self._state.is_released or not self._nodes.failed:
            return False
        return self._is_idle and not self._waits and not self._children

    def _take_up(self, input: ExecuteGraphInput, carried: CarriedState | None = None) -> None:
        """Begins anew, or where the run before this one ended; a state in parts is empty until it is loaded."""
        carried = carried or input.carried
        has_state = carried is not None and not carried.parts
        self._flow = Dataflow.load(self._plan, carried.dataflow) if carried and has_state else Dataflow(self._plan)
        self._report = RunReport.load(carried.progress) if carried and has_state else RunReport()
        self._state = RunState(
            run=self._run,
            flow=self._flow,
            report=self._report,
            options=input.options,
            user_timezone=input.user_timezone,
        )
        self._waits = Waits(self._state, self._alarms)
        self._children = Children(self._state, self._alarms)
        self._nodes = NodeExecutions(
            self._state, self._waits, self._children, opening=self._opening if carried is None else None
        )
        self._controls = Controls(self._state, self._nodes, self._waits, self._children)
        if carried and has_state and carried.control:
            self._load_control(carried)

    def _take_up_again(self, input: ExecuteGraphInput, carried: CarriedState | None = None) -> None:
        """What people have done meanwhile is kept."""
        controls, noted = self._report.take_controls(), self._controls.noted
        self._take_up(input, carried)
        self._report.controls.extend(controls)
        self._controls.noted = noted

    def _load_control(self, carried: CarriedState) -> None:
        control = carried.control
        self._phase = RunPhase.model_validate(control["phase"])
        self._set_deadline(datetime.fromisoformat(control["deadline"]) if control["deadline"] else None)
        answers = control.get("answers", {})
        self._answers = {key: ControlAnswer.model_validate(answer) for key, answer in answers.items()}
        if self._paused_at is None and control["paused_at"] is not None:
            self._paused_at = datetime.fromisoformat(control["paused_at"])
        RunParts(self._state, self._nodes, self._waits, self._children).load(control)
        # Their alarms are set anew, which alone must not make the history count as long.
        self._history.allow(4 * len(self._waits))

    def _dump_control(self) -> dict[str, object]:
        return {
            "phase": self._phase.model_dump(mode="json"),
            "deadline": self._deadline.isoformat() if self._deadline else None,
            "paused_at": self._paused_at.isoformat() if self._paused_at else None,
            "answers": {key: answer.model_dump(mode="json") for key, answer in self._answers.items()},
        }


def _nothing_to_run(input: ExecuteGraphInput) -> ExecutionPlan:
    """Stands in until the plan is made, so that signals and queries find something."""
    return ExecutionPlan(
        graph_id=input.run.graph_id, graph_version=input.run.graph_version, graph_name="", blocks={}, nodes=()
    )
