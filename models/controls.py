"""What people do to a running execution: arguments and answers of the workflow's signals and updates.

Each is checked before it enters the history; who did it and when is kept.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from models.ids import NodeExecId, NodeId
from models.json_values import StorableText
from models.values import Value
from models.wire_model import Wire

MAX_GIVEN_OUTPUT_BYTES = 256 * 1024
"""Values that an operator gives in place of a block's; they travel inline."""


class ControlAction(StrEnum):
    STOP = "stop"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    DECIDE_REVIEW = "decide_review"
    DELIVER_EVENT = "deliver_event"
    RETRY_NODE = "retry_node"
    SKIP_NODE = "skip_node"
    SET_OUTPUT = "set_output"
    EXTEND_DEADLINE = "extend_deadline"
    RELEASE_HOLD = "release_hold"


class ControlRequest(Wire):
    """Argument of `pause`, `resume` and `release_hold`."""

    requested_by: StorableText = ""
    reason: StorableText = ""


class ReviewDecision(Wire):
    """`data`: what the reviewer made of the data; None leaves it as it was."""

    node_exec_id: NodeExecId
    approved: bool
    message: StorableText = ""
    data: Value | None = None
    auto_approve_future: bool = False


class ReviewDecisions(Wire):
    """Argument of the update `submit_review`: all are taken, or none."""

    decisions: tuple[ReviewDecision, ...]
    requested_by: StorableText = ""


class EventDelivery(Wire):
    """Argument of the update `deliver_event`: to this node execution, or to the one that has waited longest."""

    name: StorableText
    node_exec_id: NodeExecId | None = None
    payload: Value = Value()
    requested_by: StorableText = ""


class NodeControl(Wire):
    """Argument of the updates `retry_node` and `skip_node`."""

    node_exec_id: NodeExecId
    requested_by: StorableText = ""
    reason: StorableText = ""


class GivenOutputs(Wire):
    """Argument of the update `set_output`: (pin, value) in the order they are routed."""

    node_exec_id: NodeExecId
    outputs: tuple[tuple[StorableText, Any], ...]
    requested_by: StorableText = ""
    reason: StorableText = ""


class DeadlineExtension(Wire):
    """Argument of the update `extend_deadline`.

    Of the execution if neither id is given, of what a node execution waits for, or of the next attempts of a node
    (`timeout_seconds`; a running attempt keeps its own).
    """

    node_exec_id: NodeExecId | None = None
    node_id: NodeId | None = None
    until: datetime | None = None
    timeout_seconds: float | None = None
    requested_by: StorableText = ""


class ControlAnswer(Wire):
    """`node_exec_ids`: the node executions that were affected."""

    node_exec_ids: tuple[NodeExecId, ...] = ()


class ControlRecord(Wire):
    """Who did what to an execution. `id` is the update's, so that recording it again changes nothing."""

    id: str
    action: ControlAction
    at: datetime
    requested_by: str = ""
    node_exec_id: NodeExecId | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


class RunPhase(Wire):
    """RUNNING, or REVIEW while nothing goes on without people. `number` grows with each change.

    Attributes:
        reason: why it is REVIEW: `reviews` or `failed_nodes`.
    """

    number: int
    status: str
    reason: str | None = None
    paused_at: datetime | None = None


class RunOptions(Wire):
    """How one run behaves; a run of another graph inside it inherits them.

    Attributes:
        human_in_the_loop_safe_mode: False lets review blocks pass their data on unseen.
        sensitive_action_safe_mode: True has the input of sensitive blocks reviewed before they run.
        hold_on_failure: the run stays open when nothing else can run and a node has failed.
        test: pinned outputs count.
        deadline: the run fails with `execution_timeout` then.
        depth: how many runs are above this one.
        masks: the caller's input masks, node id -> pin -> value, for the graphs that run inside.
    """

    human_in_the_loop_safe_mode: bool = True
    sensitive_action_safe_mode: bool = False
    hold_on_failure: bool = False
    test: bool = False
    deadline: datetime | None = None
    depth: int = 0
    masks: dict[str, dict[str, Value]] = Field(default_factory=dict[str, dict[str, Value]])
