"""What tests of waits and controls share: looking at what waits, and acting on it."""

from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from models.controls import ControlAnswer, ReviewDecision, ReviewDecisions
from models.execution import ExecutionStatus
from models.ids import NodeExecId, new_id
from models.wire import NodeRecord
from tests.engine import Engine
from tests.polling import eventually

Handle = WorkflowHandle[Any, Any]


async def waiting(engine: Engine, handle: Handle, node_id: str, *, count: int = 1) -> list[NodeRecord]:
    """The rows of a node's executions, once `count` of them wait."""
    found: list[NodeRecord] = []

    async def are_parked() -> bool:
        progress = await handle.query("get_progress")
        found[:] = [row for row in await engine.all_nodes(handle) if row.node_id == node_id and row.wait is not None]
        return progress["waiting"] >= count and len(found) >= count

    await eventually(are_parked)
    return found


async def rows_in(engine: Engine, handle: Handle, node_id: str, status: ExecutionStatus) -> list[NodeRecord]:
    """The rows of a node's executions, once all there are have this status."""
    found: list[NodeRecord] = []

    async def are_there() -> bool:
        found[:] = [row for row in await engine.all_nodes(handle) if row.node_id == node_id]
        return bool(found) and all(row.status is status for row in found)

    await eventually(are_there)
    return found


async def update(handle: Handle, name: str, argument: Any) -> ControlAnswer:
    return await handle.execute_update(name, argument, id=new_id(), result_type=ControlAnswer)


async def refused(handle: Handle, name: str, argument: Any) -> str:
    """The code with which an update is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await update(handle, name, argument)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type is not None
    return caught.value.cause.type


def decision(node_exec_id: NodeExecId, *, approved: bool = True, **more: Any) -> ReviewDecisions:
    return ReviewDecisions(
        decisions=(ReviewDecision(node_exec_id=node_exec_id, approved=approved, **more),), requested_by="user-1"
    )
