"""SQL for reading awaited events. The writing side is `wait_recorder.py`."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.ids import GraphExecId, UserId
from models.reviews import AwaitedEvent, AwaitedEventStatus
from models.tables.awaited_event import AwaitedEventRow
from models.tables.execution import GraphExecutionRow

Found = Select[AwaitedEventRow]


class SqlAwaitedEventStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_waiting(
        self, user_id: UserId, graph_exec_id: GraphExecId, *, name: str | None = None, limit: int
    ) -> Sequence[AwaitedEvent]:
        wanted = _waiting().where(
            col(AwaitedEventRow.user_id) == user_id, col(AwaitedEventRow.graph_exec_id) == graph_exec_id
        )
        if name is not None:
            wanted = wanted.where(col(AwaitedEventRow.name) == name)
        oldest_first = (col(AwaitedEventRow.created_at), col(AwaitedEventRow.node_exec_id))
        return await self._read(wanted.order_by(*oldest_first).limit(limit))

    async def find_by_token_hash(self, token_hash: str) -> AwaitedEvent | None:
        found = await self._read(_waiting().where(col(AwaitedEventRow.token_hash) == token_hash))
        return found[0] if found else None

    async def _read(self, statement: Found) -> list[AwaitedEvent]:
        rows = await self._session.scalars(statement.execution_options(populate_existing=True))
        return [AwaitedEvent.model_validate(row.model_dump()) for row in rows]


def _waiting() -> Found:
    """Those of runs that are not deleted."""
    return (
        select(AwaitedEventRow)
        .outerjoin(GraphExecutionRow, col(GraphExecutionRow.id) == col(AwaitedEventRow.graph_exec_id))
        .where(
            col(AwaitedEventRow.status) == AwaitedEventStatus.WAITING.value, col(GraphExecutionRow.deleted_at).is_(None)
        )
    )
