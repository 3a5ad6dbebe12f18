"""Runs that somebody wants to act on, and the ids under which their actions are carried out once."""

import hashlib

from pydantic import BaseModel

from models.controls import ControlAction
from models.errors import ConflictError
from models.execution_records import GraphExecutionRecord
from models.ids import GraphExecId, UserId, new_id
from models.stores import UnitOfWork
from services.gateway.missing import execution_missing


async def get_run(unit: UnitOfWork, user_id: UserId, graph_exec_id: GraphExecId) -> GraphExecutionRecord:
    """Raises NotFoundError."""
    run = await unit.executions.find(user_id, graph_exec_id)
    if run is None:
        raise execution_missing(graph_exec_id)
    return run


async def get_open_run(
    unit: UnitOfWork, user_id: UserId, graph_exec_id: GraphExecId, *, repeated: bool = False
) -> GraphExecutionRecord:
    """A run that can be acted on. A `repeated` action may have ended it: then the run answers as it did before.

    Raises NotFoundError, or ConflictError if the run has ended.
    """
    run = await get_run(unit, user_id, graph_exec_id)
    if run.status.is_terminal and not repeated:
        raise ConflictError(f"Graph execution #{graph_exec_id} has ended as {run.status}.")
    return run


def request_id(user_id: UserId, action: ControlAction, given: BaseModel, *, key: str | None) -> str:
    """The id under which an execution carries out an action; the same for a repetition with the same key."""
    if key is None:
        return new_id()
    text = "\n".join((user_id, key, action, given.model_dump_json()))
    return hashlib.sha256(text.encode()).hexdigest()
