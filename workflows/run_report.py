"""What a run tells about itself at its end: counts, failed nodes, and what the closing activity still has to record."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.controls import ControlRecord
from models.execution import ExecutionStats, FailedNode
from models.ids import NodeId
from models.plan import PlanNode
from models.values import total_inline_bytes
from models.wire import NodeRecord
from workflows.dataflow import MAX_REPORTED_NODES, Dataflow

MAX_ERROR_TEXT = 500
RECORD_BYTES = 700
"""Ids, times and names of one record."""


@dataclass(slots=True)
class RunReport:
    """Counters of one graph execution, kept across continue-as-new.

    `stored_bytes`: large values that its node executions have written to the blob store.
    """

    node_exec_count: int = 0
    node_error_count: int = 0
    terminated_count: int = 0
    node_exec_seconds: float = 0.0
    cost: int = 0
    stored_bytes: int = 0
    failed: dict[NodeId, FailedNode] = field(default_factory=dict[NodeId, FailedNode])
    unrecorded: deque[NodeRecord] = field(default_factory=deque[NodeRecord])
    unrecorded_bytes: int = 0
    controls: list[ControlRecord] = field(default_factory=list[ControlRecord])

    def add_ended(self, *, seconds: float, cost: int, unrecorded: NodeRecord | None, stored_bytes: int = 0) -> None:
        self.node_exec_count += 1
        self.stored_bytes += stored_bytes
        self.node_exec_seconds += seconds
        self.cost += cost
        if unrecorded is not None:
            self.add_unrecorded(unrecorded)

    def add_unrecorded(self, record: NodeRecord) -> None:
        self.unrecorded.append(record)
        self.unrecorded_bytes += size_of(record)

    def take_unrecorded(self, *, max_bytes: int) -> tuple[NodeRecord, ...]:
        """The oldest records, as many as fit, at least one; they are the caller's to record from now on."""
        batch: list[NodeRecord] = []
        left = max_bytes
        while self.unrecorded and (not batch or size_of(self.unrecorded[0]) <= left):
            record = self.unrecorded.popleft()
            size = size_of(record)
            left -= size
            self.unrecorded_bytes -= size
            batch.append(record)
        return tuple(batch)

    def take_controls(self) -> tuple[ControlRecord, ...]:
        """What people did and nobody has recorded; it is the caller's to record from now on."""
        controls = tuple(self.controls)
        self.controls.clear()
        return controls

    def add_error(self, node: PlanNode, *, code: str, message: str) -> None:
        self.node_error_count += 1
        known = self.failed.get(node.id)
        if known is not None:
            self.failed[node.id] = known.model_copy(update={"count": known.count + 1})
        elif len(self.failed) < MAX_REPORTED_NODES:
            error = message[:MAX_ERROR_TEXT]
            self.failed[node.id] = FailedNode(node_id=node.id, title=node.title, count=1, code=code, error=error)

    def resolve_error(self, node_id: NodeId) -> None:
        """A failed execution of the node was repeated or given outputs: it no longer counts."""
        self.node_error_count -= 1
        known = self.failed.get(node_id)
        if known is not None and known.count > 1:
            self.failed[node_id] = known.model_copy(update={"count": known.count - 1})
        else:
            self.failed.pop(node_id, None)

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

    def summary(self, *, status: str, ready: int, in_flight: int, parked: int = 0) -> str:
        """One line for the Temporal Web UI: counts only, never user data."""
        waits = f", {parked} parked" if parked else ""
        return (
            f"{status}: {self.node_exec_count} done, {in_flight} running, {ready} waiting{waits}, "
            f"{self.node_error_count} failed"
        )

    def dump(self) -> dict[str, Any]:
        return {
            "node_exec_count": self.node_exec_count,
            "node_error_count": self.node_error_count,
            "terminated_count": self.terminated_count,
            "node_exec_seconds": self.node_exec_seconds,
            "cost": self.cost,
            "stored_bytes": self.stored_bytes,
            "failed": [node.model_dump(mode="json") for node in self.failed.values()],
            "unrecorded": [record.model_dump(mode="json", exclude_unset=True) for record in self.unrecorded],
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> "RunReport":
        failed = [FailedNode.model_validate(node) for node in dumped["failed"]]
        report = cls(
            node_exec_count=dumped["node_exec_count"],
            node_error_count=dumped["node_error_count"],
            terminated_count=dumped["terminated_count"],
            node_exec_seconds=dumped["node_exec_seconds"],
            cost=dumped["cost"],
            stored_bytes=dumped.get("stored_bytes", 0),
            failed={node.node_id: node for node in failed},
        )
        for record in dumped["unrecorded"]:
            report.add_unrecorded(NodeRecord.model_validate(record))
        return report


def size_of(record: NodeRecord) -> int:
    """About how many bytes the record adds to a payload."""
    values = (*record.inputs.values(), *(value for _, value in record.outputs))
    return RECORD_BYTES + total_inline_bytes(values) + len(record.error or "")
