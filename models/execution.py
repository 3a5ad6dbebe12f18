"""Graph executions (runs) and node executions (firings of a node), as they are stored and shown."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId


class ExecutionStatus(StrEnum):
    """Of a graph execution or a node execution."""

    INCOMPLETE = "INCOMPLETE"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    REVIEW = "REVIEW"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_STATUSES

    @property
    def rank(self) -> int:
        """Projections are monotone: a row never goes to a status of lower rank within one attempt."""
        return _RANK[self]


TERMINAL_STATUSES = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.TERMINATED})
_RANK = {
    ExecutionStatus.INCOMPLETE: 0,
    ExecutionStatus.QUEUED: 1,
    ExecutionStatus.RUNNING: 2,
    ExecutionStatus.REVIEW: 2,
    ExecutionStatus.COMPLETED: 3,
    ExecutionStatus.FAILED: 3,
    ExecutionStatus.TERMINATED: 3,
}

Trigger = Literal["manual", "schedule", "webhook", "agent", "fork"]


class FailedNode(BaseModel):
    """A node with failed executions: how many, and the first one's error."""

    model_config = ConfigDict(frozen=True)

    node_id: NodeId
    title: str = ""
    count: int = 1
    code: str = ""
    error: str = ""


class StarvedNode(BaseModel):
    """A node that received a value but never fired, and the linked pins that nothing ever reached."""

    model_config = ConfigDict(frozen=True)

    node_id: NodeId
    title: str = ""
    waiting_for: tuple[str, ...] = ()


class ExecutionStats(BaseModel):
    """Figures of a graph execution. Times in seconds, cost in credits (cents)."""

    model_config = ConfigDict(frozen=True)

    cost: int = 0
    duration: float = 0.0
    node_exec_time: float = 0.0
    node_exec_count: int = 0
    node_error_count: int = 0
    leftover_count: int = 0
    """Incomplete firings left over at nodes that did fire."""
    omitted_outputs: int = 0
    """Values that are not among the outputs because these would be too large; the node executions have them."""
    failed_nodes: tuple[FailedNode, ...] = ()
    starved_nodes: tuple[StarvedNode, ...] = ()
    error: str | None = None


class GraphExecution(BaseModel):
    """A run of a graph version. Large values in `inputs` and `outputs` are already resolved."""

    model_config = ConfigDict(frozen=True)

    id: GraphExecId
    user_id: UserId
    graph_id: GraphId
    graph_version: int
    status: ExecutionStatus
    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    trigger: Trigger = "manual"
    preset_id: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str | None = None
    error_code: str | None = None
    stats: ExecutionStats | None = None


class NodeExecution(BaseModel):
    """One firing of a node. `outputs` are the emitted (pin, value) pairs in order."""

    model_config = ConfigDict(frozen=True)

    id: NodeExecId
    graph_exec_id: GraphExecId
    user_id: UserId
    graph_id: GraphId
    graph_version: int
    node_id: NodeId
    block_id: BlockId
    firing: int
    generation: int = 0
    attempt: int = 1
    status: ExecutionStatus
    route_seq: int = 0
    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: tuple[tuple[str, Any], ...] = ()
    error: str | None = None
    error_code: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    execution_time: float | None = None
    """Seconds inside the block, of the last attempt."""
