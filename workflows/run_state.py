"""What the parts of a running workflow share: whose run it is, the dataflow, the report, and how it is to behave."""

from dataclasses import dataclass, field
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.controls import RunOptions
    from models.execution import ExecutionStatus
    from models.ids import NodeExecId, NodeId, node_exec_id
    from models.wire import NodeRecord, RunIdentity
    from workflows.dataflow import Dataflow
    from workflows.node_state import Firing
    from workflows.run_report import RunReport


@dataclass(slots=True)
class RunState:
    """Shared state of one run.

    Attributes:
        auto_approved: nodes whose later executions a reviewer has approved beforehand.
        is_ending: nothing new may begin.
        is_released: nobody wants to repair what has failed.
        timeouts: seconds that the next attempts of a node may take, where somebody has changed that.
    """

    run: RunIdentity
    flow: Dataflow
    report: RunReport
    options: RunOptions
    user_timezone: str
    auto_approved: set[NodeId] = field(default_factory=set[NodeId])
    is_ending: bool = False
    is_released: bool = False
    timeouts: dict[NodeId, float] = field(default_factory=dict[NodeId, float])

    def exec_id_of(self, firing: Firing) -> NodeExecId:
        return node_exec_id(self.run.graph_exec_id, firing.node_id, firing.number)

    def record_of(self, firing: Firing, status: ExecutionStatus, queued_at: datetime | None) -> NodeRecord:
        """The row of a node execution that ended without an activity telling so."""
        return NodeRecord(
            node_exec_id=self.exec_id_of(firing),
            node_id=firing.node_id,
            block_id=self.flow.plan_of(firing.node_id).block_id,
            firing=firing.number,
            generation=firing.generation,
            status=status,
            route_seq=firing.route_seq,
            queued_at=queued_at,
            ended_at=workflow.now(),
        )
