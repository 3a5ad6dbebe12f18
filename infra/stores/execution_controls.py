"""SQL for reading who did what to an execution. The writing side is `wait_recorder.py`."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.paging import read_page
from models.controls import ControlRecord
from models.ids import GraphExecId, UserId
from models.pages import Page, PageRequest
from models.tables.execution_control import ExecutionControlRow


class SqlControlStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_of_execution(
        self, user_id: UserId, graph_exec_id: GraphExecId, page: PageRequest
    ) -> Page[ControlRecord]:
        wanted = select(ExecutionControlRow).where(
            col(ExecutionControlRow.user_id) == user_id, col(ExecutionControlRow.graph_exec_id) == graph_exec_id
        )
        oldest_first = (col(ExecutionControlRow.at), col(ExecutionControlRow.id))
        return await read_page(self._session, wanted, page, *oldest_first, convert=_control)


def _control(row: ExecutionControlRow) -> ControlRecord:
    return ControlRecord.model_validate(row.model_dump())
