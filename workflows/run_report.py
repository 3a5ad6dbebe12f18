"""What a run tells about itself at its end: counts, failed nodes, and what the closing activity still has to record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.execution import ExecutionStats, ExecutionStatus, FailedNode
from models.ids import NodeId
from models.plan import PlanNode
from models.wire import NodeRecord
from workflows.dataflow import MAX_REPORTED_NODES, Dataflow

MAX_ERROR_TEXT = 500


@dataclass(slots=True)
class RunReport:
    """Counters of one graph execution, kept across continue-as-new."""

    node_exec_count: int = 0
    node_error_count: int = 0
    terminated_count: int = 0
    node_exec_seconds: float = 0.0
    cost: int = 0
    failed: dict[NodeId, FailedNode] = field(default_factory=dict[NodeId, FailedNode])
    unrecorded: list[NodeRecord] = field(default_factory=list[NodeRecord])

    def add_ended(self, *, seconds: float, cost: int, unrecorded: NodeRecord | None) -> None:
        self.node_exec_count += 1
        self.node_exec_seconds += seconds
        self.cost += cost
        if unrecorded is not None:
            self.unrecorded.append(unrecorded)

    def add_error(self, node: PlanNode, *, code: str, message: str) -> None:
        self.node_error_count += 1
        known = self.failed.get(node.id)
        if known is not None:
            self.failed[node.id] = known.model_copy(update={"count": known.count + 1})
        elif len(self.failed) < MAX_REPORTED_NODES:
            error = message[:MAX_ERROR_TEXT]
            self.failed[node.id] = FailedNode(node_id=node.id, title=node.title, count=1, code=code, error=error)

    def stats(self, flow: Dataflow, *, started_at: datetime, now: datetime, error: str | None) -> ExecutionStats:
        return ExecutionStats(
            cost=self.cost,
            duration=(now - started_at).total_seconds(),
            node_exec_time=self.node_exec_seconds,
            node_exec_count=self.node_exec_count,
            node_error_count=self.node_error_count,
            leftover_count=flow.count_leftovers(),
            failed_nodes=tuple(self.failed.values()),
            starved_nodes=flow.list_starved(),
            error=error,
        )

    def summary(self, *, status: ExecutionStatus, ready: int, in_flight: int) -> str:
        """One line for the Temporal Web UI: counts only, never user data."""
        return (
            f"{status}: {self.node_exec_count} done, {in_flight} running, {ready} waiting, "
            f"{self.node_error_count} failed"
        )

    def dump(self) -> dict[str, Any]:
        return {
            "node_exec_count": self.node_exec_count,
            "node_error_count": self.node_error_count,
            "terminated_count": self.terminated_count,
            "node_exec_seconds": self.node_exec_seconds,
            "cost": self.cost,
            "failed": [node.model_dump(mode="json") for node in self.failed.values()],
            "unrecorded": [record.model_dump(mode="json", exclude_unset=True) for record in self.unrecorded],
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> "RunReport":
        failed = [FailedNode.model_validate(node) for node in dumped["failed"]]
        return cls(
            node_exec_count=dumped["node_exec_count"],
            node_error_count=dumped["node_error_count"],
            terminated_count=dumped["terminated_count"],
            node_exec_seconds=dumped["node_exec_seconds"],
            cost=dumped["cost"],
            failed={node.node_id: node for node in failed},
            unrecorded=[NodeRecord.model_validate(record) for record in dumped["unrecorded"]],
        )
