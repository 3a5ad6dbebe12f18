"""Events of a graph execution, as they are streamed to clients."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.execution import ExecutionStatus
from models.ids import BlockId, GraphExecId, NodeExecId, NodeId


class EventKind(StrEnum):
    GRAPH = "graph_execution_update"
    NODE = "node_execution_update"
    REVIEW_REMINDER = "review_reminder"


class ExecutionEvent(BaseModel):
    """A change of status of a graph execution or of one of its node executions.

    `cursor` is set by the bus on reading: pass the last one as `since` to go on from there.
    """

    model_config = ConfigDict(frozen=True)

    kind: EventKind
    graph_exec_id: GraphExecId
    status: ExecutionStatus
    at: datetime
    node_exec_id: NodeExecId | None = None
    node_id: NodeId | None = None
    block_id: BlockId | None = None
    generation: int = 0
    attempt: int = 1
    error: str | None = None
    outputs: list[tuple[str, Any]] = Field(default_factory=list[tuple[str, Any]])
    """Emitted (pin, value) pairs; a large value is shown as a short note of its size."""
    cursor: str = ""

    @property
    def identity(self) -> str:
        """Two events with the same identity are the same event, published twice."""
        kind = f"{self.kind}:" if self.kind is EventKind.REVIEW_REMINDER else ""
        return f"{kind}{self.node_exec_id or 'graph'}:{self.generation}:{self.attempt}:{self.status}"
