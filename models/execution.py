"""Graph executions (runs) and node executions (firings of a node), as they are stored and shown."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from models.ids import NodeId
from models.json_values import StorableText


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
    error: StorableText = ""


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
    error: StorableText | None = None
