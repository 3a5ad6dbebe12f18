"""What people do to a running execution: each act is checked first, then carried out, and noted with who did it.

Checks raise ApplicationError, whose type the caller gets as the error's code; they run before the act enters the
history and once more when it is carried out.
"""

from typing import Any, NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from models.controls import (
        MAX_GIVEN_OUTPUT_BYTES,
        ControlAction,
        ControlAnswer,
        ControlRecord,
        DeadlineExtension,
        EventDelivery,
        GivenOutputs,
        NodeControl,
        ReviewDecisions,
    )
    from models.ids import NodeExecId, NodeId
    from models.pins import NOTHING, dynamic_sources, select
    from models.values import Value, total_inline_bytes
    from models.waits import LONGEST_WAIT, ChildWait, EventWait, Resolution, ReviewWait, TimerWait
    from models.wire import BlockOutputItem, StopRequest
    from workflows.children import Children
    from workflows.node_executions import NodeExecutions
    from workflows.node_state import Firing
    from workflows.run_state import RunState
    from workflows.waits import Parked, Waits

MAX_CONTROL_RECORDS = 5_000
"""Kept until they are recorded; an operator's script must not fill the state."""


class Controls:
    """Checks and carries out what people want of one run.

    Attributes:
        noted: acts noted so far in this run of the workflow; they are listed in this order.
    """

    def __init__(self, state: RunState, nodes: NodeExecutions, waits: Waits, children: Children) -> None:
        self._state = state
        self._nodes = nodes
        self._waits = waits
        self._children = children
        self.noted = 0

    # --- reviews and events -------------------------------------------------------------------------------------

    def check_decisions(self, decisions: ReviewDecisions) -> None:
        seen: set[NodeExecId] = set()
        for decision in decisions.decisions:
            if decision.node_exec_id in seen:
                _refuse("invalid_request", f"Review {decision.node_exec_id!r} is decided twice in one request.")
            seen.add(decision.node_exec_id)
            parked = self._review(decision.node_exec_id)
            assert isinstance(parked.wait, ReviewWait)
            if decision.data is not None and not parked.wait.editable:
                _refuse("invalid_request", f"The data of review {decision.node_exec_id!r} may not be edited.")

    def decide(self, decisions: ReviewDecisions) -> ControlAnswer:
        self.check_decisions(decisions)
        for decision in decisions.decisions:
            parked = self._review(decision.node_exec_id)
            if decision.approved and decision.auto_approve_future:
                self._state.auto_approved.add(parked.firing.node_id)
            resolution = Resolution(
                kind="approved" if decision.approved else "rejected",
                data=decision.data,
                has_data=decision.data is not None,
                message=decision.message,
                by=decisions.requested_by,
                at=workflow.now(),
            )
            self._waits.resolve(parked, resolution)
            details = {"approved": decision.approved, "auto_approve_future": decision.auto_approve_future}
            self.note(ControlAction.DECIDE_REVIEW, decisions.requested_by, decision.node_exec_id, details)
        return ControlAnswer(node_exec_ids=tuple(decision.node_exec_id for decision in decisions.decisions))

    def check_delivery(self, delivery: EventDelivery) -> None:
        self._event(delivery)

    def deliver(self, delivery: EventDelivery) -> ControlAnswer:
        parked = self._event(delivery)
        resolution = Resolution(
            kind="event", data=delivery.payload, has_data=True, by=delivery.requested_by, at=workflow.now()
        )
        self._waits.resolve(parked, resolution)
        self.note(ControlAction.DELIVER_EVENT, delivery.requested_by, parked.exec_id, {"name": delivery.name})
        return ControlAnswer(node_exec_ids=(parked.exec_id,))

    # --- repairs ------------------------------------------------------------------------------------------------

    def check_retry(self, control: NodeControl) -> None:
        if control.node_exec_id not in self._nodes.failed:
            self._refuse_repair(control.node_exec_id, "be retried", "Only an execution that has failed can")

    def retry(self, control: NodeControl) -> ControlAnswer:
        self.check_retry(control)
        self._nodes.repeat(control.node_exec_id)
        self.note(ControlAction.RETRY_NODE, control.requested_by, control.node_exec_id, _reason(control.reason))
        return ControlAnswer(node_exec_ids=(control.node_exec_id,))

    def check_replacement(self, node_exec_id: NodeExecId) -> None:
        parked = self._waits.find(node_exec_id)
        if parked is not None and parked.resolution is not None:
            _refuse("conflict", f"Node execution {node_exec_id!r} has been decided and is about to go on.")
        if parked is not None and isinstance(parked.wait, ChildWait):
            _refuse("conflict", "A sub-agent runs here. Stop or repair that run; this node ends with it.")
        if parked is None and node_exec_id not in self._nodes.failed and node_exec_id not in self._nodes:
            self._refuse_repair(node_exec_id, "be replaced", "Only one that failed, waits or runs can")

    def check_outputs(self, given: GivenOutputs) -> None:
        self.check_replacement(given.node_exec_id)
        size = total_inline_bytes(Value(inline=value) for _, value in given.outputs)
        if size > MAX_GIVEN_OUTPUT_BYTES:
            _refuse(
                "invalid_request", f"The outputs have {size} bytes together; the limit is {MAX_GIVEN_OUTPUT_BYTES}."
            )

    def skip(self, control: NodeControl) -> ControlAnswer:
        self.check_replacement(control.node_exec_id)
        self._replace(control.node_exec_id, ())
        self.note(ControlAction.SKIP_NODE, control.requested_by, control.node_exec_id, _reason(control.reason))
        return ControlAnswer(node_exec_ids=(control.node_exec_id,))

    def set_output(self, given: GivenOutputs) -> ControlAnswer:
        self.check_outputs(given)
        firing = self._firing_of(given.node_exec_id)
        outputs = tuple(self._item(firing.node_id, pin, value) for pin, value in given.outputs)
        self._replace(given.node_exec_id, outputs)
        details = {**_reason(given.reason), "pins": [pin for pin, _ in given.outputs][:100]}
        self.note(ControlAction.SET_OUTPUT, given.requested_by, given.node_exec_id, details)
        return ControlAnswer(node_exec_ids=(given.node_exec_id,))

    def _replace(self, node_exec_id: NodeExecId, outputs: tuple[BlockOutputItem, ...]) -> None:
        if self._waits.find(node_exec_id) is not None:
            parked = self._waits.take(node_exec_id)
            self._nodes.complete_with(parked.firing, outputs, parked.queued_at)
        elif node_exec_id in self._nodes:
            self._nodes.give_outputs(node_exec_id, outputs)
        else:
            self._nodes.replace_failure(node_exec_id, outputs)

    # --- deadlines ----------------------------------------------------------------------------------------------

    def check_extension(self, extension: DeadlineExtension) -> None:
        if extension.node_id is not None:
            if extension.timeout_seconds is None or extension.timeout_seconds <= 0:
                _refuse("invalid_request", "Give `timeout_seconds` for the next attempts of a node.")
            if not self._state.flow.has_node(extension.node_id):
                _refuse("not_found", f"There is no node {extension.node_id!r} in this run.")
            return
        if extension.until is None or not workflow.now() < extension.until < workflow.now() + LONGEST_WAIT:
            _refuse("invalid_request", f"`until` must be a time within the next {LONGEST_WAIT.days} days.")
        if extension.node_exec_id is None:
            return
        parked = self._waiting(extension.node_exec_id)
        if isinstance(parked.wait, ChildWait):
            _refuse("conflict", "A sub-agent has no deadline of its own here; extend one inside that run.")

    def extend(self, extension: DeadlineExtension) -> ControlAnswer:
        """The deadline of the execution itself is the workflow's to change."""
        self.check_extension(extension)
        affected: tuple[NodeExecId, ...] = ()
        if extension.node_id is not None:
            assert extension.timeout_seconds is not None
            self._state.timeouts[extension.node_id] = extension.timeout_seconds
        elif extension.node_exec_id is not None:
            parked = self._waiting(extension.node_exec_id)
            wait = parked.wait
            if isinstance(wait, TimerWait):
                parked.wait = wait.model_copy(update={"fires_at": extension.until, "count": wait.count - parked.ticked})
                parked.ticked_before += parked.ticked
                parked.ticked = 0
            else:
                parked.wait = wait.model_copy(update={"expires_at": extension.until})
            self._waits.set_alarm(parked)
            affected = (extension.node_exec_id,)
        details: dict[str, Any] = {"until": extension.until.isoformat() if extension.until else None}
        details |= {"node_id": extension.node_id, "timeout_seconds": extension.timeout_seconds}
        self.note(ControlAction.EXTEND_DEADLINE, extension.requested_by, extension.node_exec_id, details)
        return ControlAnswer(node_exec_ids=affected)

    # --- notes --------------------------------------------------------------------------------------------------

    def note(
        self,
        action: ControlAction,
        requested_by: str,
        node_exec_id: NodeExecId | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        if len(self._state.report.controls) >= MAX_CONTROL_RECORDS:
            return
        self.noted += 1
        self._state.report.controls.append(
            ControlRecord(
                id=f"{workflow.info().run_id}:{self.noted:06d}",
                action=action,
                at=workflow.now(),
                requested_by=requested_by,
                node_exec_id=node_exec_id,
                details=details or {},
            )
        )

    def note_end(self, action: ControlAction, request: StopRequest) -> None:
        self.note(action, request.requested_by, None, _reason(request.reason))

    # --- finding ------------------------------------------------------------------------------------------------

    def _review(self, node_exec_id: NodeExecId) -> Parked:
        parked = self._waits.find(node_exec_id)
        self._refuse_early(parked, node_exec_id)
        if parked is None or not isinstance(parked.wait, ReviewWait):
            _refuse("conflict", f"Review {node_exec_id!r} is not waiting: it was decided, or its run went on.")
        if parked.resolution is not None:
            _refuse("conflict", f"Review {node_exec_id!r} has been decided already.")
        return parked

    def _event(self, delivery: EventDelivery) -> Parked:
        if delivery.node_exec_id is not None:
            parked = self._waits.find(delivery.node_exec_id)
            self._refuse_early(parked, delivery.node_exec_id)
        else:
            parked = self._waits.find_event(delivery.name)
        if parked is None or not isinstance(parked.wait, EventWait) or parked.resolution is not None:
            _refuse("conflict", f"Nothing in this run waits for an event {delivery.name!r}.")
        return parked

    def _waiting(self, node_exec_id: NodeExecId) -> Parked:
        parked = self._waits.find(node_exec_id)
        if parked is None or parked.resolution is not None:
            self._refuse_repair(node_exec_id, "be extended", "Only one that waits can")
        return parked

    def _refuse_early(self, parked: Parked | None, node_exec_id: NodeExecId) -> None:
        """The activity that begins the wait has recorded it and not told so yet: who asks should ask again."""
        if parked is None and self._nodes.may_yet_wait(node_exec_id):
            _refuse("not_yet", f"Node execution {node_exec_id!r} is about to wait.")

    def _firing_of(self, node_exec_id: NodeExecId) -> Firing:
        parked = self._waits.find(node_exec_id)
        if parked is not None:
            return parked.firing
        return self._nodes.firing_of(node_exec_id)

    def _refuse_repair(self, node_exec_id: NodeExecId, what: str, who_can: str) -> NoReturn:
        """There is no such execution, or it is in another state; the run does not remember all that have ended."""
        _refuse("conflict", f"Node execution {node_exec_id!r} of this run cannot {what} now. {who_can}.")

    def _item(self, node_id: NodeId, pin: str, value: Any) -> BlockOutputItem:
        """With the parts that dynamic links take, as the activity selects them for a block's own outputs."""
        plan = self._state.flow.plan_of(node_id)
        names = dynamic_sources(link.source_name for link in plan.links).get(pin, ())
        parts = {name: select(value, name) for name in names}
        selected = {name: Value(inline=part) for name, part in parts.items() if part is not NOTHING}
        return BlockOutputItem(pin=pin, value=Value(inline=value), selected=selected)


def _reason(reason: str) -> dict[str, Any]:
    return {"reason": reason} if reason else {}


def _refuse(code: str, message: str) -> NoReturn:
    raise ApplicationError(message, type=code)
