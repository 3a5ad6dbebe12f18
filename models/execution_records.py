"""Rows of the projection of executions as they are read: large values still by reference."""

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from models.execution import ExecutionStats, ExecutionStatus, Trigger
from models.execution_outputs import RecordedOutputs
from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.values import Value, Values


class GraphExecutionRecord(BaseModel):
    """The row of a run. `outputs` is None until it has ended, `nodes_input_masks` unless the caller gave some.

    `status_reason`: why it is REVIEW, `reviews` or `failed_nodes`; `paused_at` only while it is paused.
    """

    model_config = ConfigDict(frozen=True)

    id: GraphExecId
    user_id: UserId
    graph_id: GraphId
    graph_version: int
    status: ExecutionStatus
    inputs: dict[str, Value] = Field(default_factory=dict[str, Value])
    nodes_input_masks: dict[NodeId, Values] | None = None
    outputs: RecordedOutputs | None = None
    trigger: Trigger = "manual"
    preset_id: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    paused_at: datetime | None = None
    status_reason: str | None = None
    error: str | None = None
    error_code: str | None = None
    stats: ExecutionStats | None = None


class NodeCursor(NamedTuple):
    """A place in the list of node executions of a run."""

    route_seq: int
    node_exec_id: NodeExecId
