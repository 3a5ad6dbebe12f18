"""Inputs and results of workflows and activities: frozen models, new fields only with defaults."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from models.controls import ControlRecord, RunOptions, RunPhase
from models.execution import ExecutionStats, ExecutionStatus, Trigger
from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.json_values import StorableText
from models.plan import ExecutionPlan, PlanReview
from models.values import Value
from models.waits import Resumption, Wait, WaitShown
from models.wire_model import Tagged, Wire


class RunIdentity(Wire):
    """Whose run of what it is; travels with everything that is recorded, so that a row can be made from any of it."""

    graph_exec_id: GraphExecId
    graph_id: GraphId
    graph_version: int
    user_id: UserId


class RunOpening(Wire):
    """What the row of a graph execution holds from its start."""

    inputs: dict[str, Value] = Field(default_factory=dict[str, Value])
    trigger: Trigger = "manual"
    preset_id: str | None = None
    parent_graph_exec_id: GraphExecId | None = None
    created_at: datetime
    started_at: datetime | None = None


# --- the workflow -----------------------------------------------------------------------------------------------


class ExecuteGraphInput(Wire):
    """`carried` is the state of an earlier run of the same execution. Without a plan, the run begins by making it."""

    run: RunIdentity
    plan: ExecutionPlan | None = None
    opening: RunOpening
    options: RunOptions = RunOptions()
    user_timezone: str = "UTC"
    carried: "CarriedState | None" = None


class CarriedState(Wire):
    """What continue-as-new hands on: the dataflow state and the counters of the run so far.

    A state that is too large lies in the blob store instead: `parts` refer to pieces of text, which put together are
    the base64 of the compressed JSON of a CarriedState.
    """

    dataflow: dict[str, Any] = Field(default_factory=dict[str, Any])
    progress: dict[str, Any] = Field(default_factory=dict[str, Any])
    control: dict[str, Any] = Field(default_factory=dict[str, Any])
    parts: tuple[Value, ...] = ()


class ExecuteGraphResult(Wire):
    """`outputs`: name -> values, inline or by reference (see `CloseExecutionResult`)."""

    status: ExecutionStatus
    outputs: Value = Value()
    stats: ExecutionStats = ExecutionStats()
    error: StorableText | None = None


class StopRequest(Wire):
    """Argument of the signals `stop` and `cancel`; running blocks get `grace_seconds` to finish."""

    grace_seconds: float | None = None
    reason: StorableText = ""
    requested_by: StorableText = ""


class ExecutionProgress(Wire):
    """Answer of the query `get_progress`."""

    status: ExecutionStatus
    ready: int
    in_flight: int
    completed: int
    failed: int
    routed: int
    stopping: bool = False
    waiting: int = 0
    held: int = 0
    paused: bool = False


# --- execute_block ----------------------------------------------------------------------------------------------


class ExecuteBlockInput(Wire):
    """One node execution.

    Attributes:
        received: values that arrived over links, by raw sink name (dynamic pins are folded by the activity).
        selectors: dynamic source names of outgoing links, by pin; the activity returns the selected parts.
        max_attempts: attempts that a retryable error may use.
        timeout_seconds: wall clock of one attempt inside the block.
        storage_left_bytes: what the run may still store, if that is less than a node execution may store anyway.
        opening: set on the first dispatched node execution: the activity records the run as RUNNING with it.
        step_state, step_results: a STEPPED block dispatched again after its calls ended.
        options: of the run, where they differ from the defaults.
        resumption: the node execution has waited, and goes on.
        auto_approved: a reviewer has approved all executions of this node.
        review: the node's own settings for reviews.
    """

    run: RunIdentity
    node_id: NodeId
    node_exec_id: NodeExecId
    block_id: BlockId
    firing: int
    generation: int = 0
    route_seq: int = 0
    queued_at: datetime | None = None
    defaults: dict[str, Value] = Field(default_factory=dict[str, Value])
    received: dict[str, Value] = Field(default_factory=dict[str, Value])
    masks: dict[str, Value] = Field(default_factory=dict[str, Value])
    selectors: dict[str, list[str]] = Field(default_factory=dict[str, list[str]])
    graph_pin: str | None = None
    max_attempts: int = 1
    timeout_seconds: float = 1800.0
    user_timezone: str = "UTC"
    storage_left_bytes: int | None = None
    opening: RunOpening | None = None
    step_state: Value | None = None
    step_results: "tuple[NodeCallResult, ...]" = ()
    options: RunOptions | None = None
    resumption: Resumption | None = None
    auto_approved: bool = False
    review: PlanReview | None = None


class BlockOutputItem(Wire):
    """One emission: its pin, its value, and the parts selected for dynamic links, by source name."""

    pin: str
    value: Value = Field(default=Value())
    selected: dict[str, Value] = Field(default_factory=dict[str, Value])


class NodeCall(Wire):
    """A STEPPED block asks for a firing of another node with these inputs."""

    call_id: str
    node_id: NodeId
    inputs: dict[str, Value] = Field(default_factory=dict[str, Value])


class NodeCallResult(Wire):
    call_id: str
    status: ExecutionStatus
    outputs: tuple[BlockOutputItem, ...] = ()
    error: StorableText | None = None


class BlockFinished(Tagged):
    """The block ran to its end.

    Attributes:
        streamed: how many emissions went ahead by signal; `outputs` are those after them.
        unrecorded: the projection could not be written; the closing activity does it.
        stored_bytes: what this node execution has added to what its run stores.
    """

    kind: Literal["finished"] = "finished"
    outputs: tuple[BlockOutputItem, ...] = ()
    streamed: int = 0
    seconds: float = 0.0
    cost: int = 0
    unrecorded: "NodeRecord | None" = None
    stored_bytes: int = 0


class Continue(Tagged):
    """The block wants these nodes fired, and to be dispatched again with their results and `state_ref`."""

    kind: Literal["continue"] = "continue"
    calls: tuple[NodeCall, ...]
    state_ref: Value = Value()


class BlockWaiting(Tagged):
    """The node execution waits. Its row says so already.

    Attributes:
        outputs: emitted before the wait begins.
        tick_outputs: what each tick of a timer emits.
        attempt: the attempt that says this.
    """

    kind: Literal["waiting"] = "waiting"
    wait: Wait
    outputs: tuple[BlockOutputItem, ...] = ()
    tick_outputs: tuple[BlockOutputItem, ...] = ()
    attempt: int = 1
    stored_bytes: int = 0


class ExecuteBlockResult(Wire):
    outcome: Annotated[BlockFinished | Continue | BlockWaiting, Field(discriminator="kind")]


class StreamedOutputs(Wire):
    """Signal `stream_outputs`: emissions of a running block, the first one being its `first_seq`-th (from 0)."""

    node_exec_id: NodeExecId
    generation: int
    first_seq: int
    outputs: tuple[BlockOutputItem, ...]


class BlockFailure(Wire):
    """Details of the ApplicationError of a failed node execution: what it had emitted stays and is routed."""

    message: StorableText
    code: str
    outputs: tuple[BlockOutputItem, ...] = ()
    seconds: float = 0.0
    cost: int = 0
    unrecorded: "NodeRecord | None" = None
    stored_bytes: int = 0
    streamed: int = 0


class NodeRecord(Wire):
    """A row of the node projection. Writing it again, or an older one after it, changes nothing."""

    node_exec_id: NodeExecId
    node_id: NodeId
    block_id: BlockId
    firing: int
    generation: int = 0
    attempt: int = 1
    status: ExecutionStatus
    route_seq: int = 0
    inputs: dict[str, Value] = Field(default_factory=dict[str, Value])
    outputs: tuple[tuple[str, Value], ...] = ()
    error: StorableText | None = None
    error_code: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    execution_time: float | None = None
    wait: WaitShown | None = None
    pinned: bool = False


# --- recording --------------------------------------------------------------------------------------------------


class RecordExecutionsInput(Wire):
    """Node executions the workflow knows about and no activity recorded (time-outs, terminated ones, waits that ended),
    and what became of the run."""

    run: RunIdentity
    records: tuple[NodeRecord, ...] = ()
    controls: tuple[ControlRecord, ...] = ()
    phase: RunPhase | None = None
    opening: RunOpening | None = None


class CloseExecutionInput(Wire):
    """The end of a run.

    Attributes:
        output_nodes: graph output name -> ids of the OUTPUT nodes that declare it, in plan order.
        terminal_nodes: nodes without outgoing links; their outputs count when there is no OUTPUT node.
    """

    run: RunIdentity
    opening: RunOpening
    status: ExecutionStatus
    ended_at: datetime
    error: StorableText | None = None
    error_code: str | None = None
    stats: ExecutionStats = ExecutionStats()
    output_nodes: dict[NodeId, str] = Field(default_factory=dict[NodeId, str])
    terminal_nodes: tuple[NodeId, ...] = ()
    unrecorded: tuple[NodeRecord, ...] = ()
    controls: tuple[ControlRecord, ...] = ()


class CloseExecutionResult(Wire):
    """`outputs` as recorded: a JSON object inline if small, else by reference; without `omitted_outputs` values."""

    outputs: Value = Value()
    omitted_outputs: int = 0


# --- large states ---------------------------------------------------------------------------------------------------


class StoreValuesInput(Wire):
    run: RunIdentity
    values: tuple[Any, ...]


class StoredValues(Wire):
    """One reference for each value, in their order."""

    values: tuple[Value, ...] = ()


class CarriedPart(Wire):
    text: str


# --- runs of other graphs -------------------------------------------------------------------------------------------


class OpenExecutionInput(Wire):
    """A run that was not started by the gateway makes its plan first. `masks`: node id -> pin -> value."""

    run: RunIdentity
    opening: RunOpening
    options: RunOptions = RunOptions()


class OpenedExecution(Wire):
    plan: ExecutionPlan


class RemindReviewInput(Wire):
    run: RunIdentity
    node_exec_id: NodeExecId
    generation: int = 0
    number: int


for _model in (ExecuteGraphInput, ExecuteBlockInput, BlockFinished, BlockFailure):
    _model.model_rebuild()
