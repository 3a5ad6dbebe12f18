"""SQL for reading who did what to an execution. The writing side is `wait_recorder.py`."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

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
        rows = await self._session.scalars(
            wanted.order_by(col(ExecutionControlRow.at), col(ExecutionControlRow.id))
            .offset(page.offset)
            .limit(page.page_size)
        )
        items = tuple(ControlRecord.model_validate(row.model_dump()) for row in rows)
        total = await self._session.scalar(select(func.count()).select_from(wanted.subquery()))
        return Page(items=items, total_items=total or 0)
