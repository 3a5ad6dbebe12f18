"""SQL for what is remembered of erased users, and for what runs have written after an erasure."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, any_, delete, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.users import erasable_tables, has_user
from models.erasure import Erasure
from models.ids import GraphExecId, OwnerKeyId, UserId
from models.tables.erased_user import ErasedUserRow
from models.tables.execution import GraphExecutionRow
from models.tables.user import UserRow


class SqlErasureStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, erasure: Erasure) -> None:
        values = {
            "key_id": erasure.key_id,
            "user_id": erasure.user_id,
            "erased_at": erasure.erased_at,
            "runs": list(erasure.runs),
        }
        await self._session.execute(insert(ErasedUserRow).values(values).on_conflict_do_nothing())

    async def list_unfinished(self) -> Sequence[Erasure]:
        rows = await self._session.scalars(
            select(ErasedUserRow)
            .where(col(ErasedUserRow.cleaned_at).is_(None))
            .order_by(col(ErasedUserRow.erased_at), col(ErasedUserRow.key_id))
        )
        return [_erasure(row) for row in rows]

    async def list_left_runs(self, erasure: Erasure) -> Sequence[GraphExecId]:
        if await self._is_back(erasure.user_id):
            return erasure.runs
        found = await self._session.scalars(
            select(col(GraphExecutionRow.id)).where(col(GraphExecutionRow.user_id) == erasure.user_id)
        )
        return list(dict.fromkeys([*erasure.runs, *map(GraphExecId, found)]))

    async def delete_left(self, erasure: Erasure, runs: Sequence[GraphExecId]) -> None:
        is_back = await self._is_back(erasure.user_id)
        # One parameter, however many there are: a statement takes 32 767.
        any_run = any_(literal(list(runs), ARRAY(String)))
        for table in erasable_tables():
            if "graph_exec_id" in table.c:
                await self._session.execute(delete(table).where(table.c.graph_exec_id == any_run))
            if has_user(table) and not is_back:
                await self._session.execute(delete(table).where(table.c.user_id == erasure.user_id))
        mine = (col(GraphExecutionRow.id) == any_run, col(GraphExecutionRow.user_id) == erasure.user_id)
        await self._session.execute(delete(GraphExecutionRow).where(*mine))

    async def finish(self, erasure: Erasure, *, now: datetime) -> None:
        statement = update(ErasedUserRow).where(col(ErasedUserRow.key_id) == erasure.key_id)
        await self._session.execute(statement.values(cleaned_at=now, runs=[]))

    async def _is_back(self, user_id: UserId) -> bool:
        return await self._session.scalar(select(col(UserRow.id)).where(col(UserRow.id) == user_id)) is not None


def _erasure(row: ErasedUserRow) -> Erasure:
    return Erasure(
        user_id=UserId(row.user_id),
        key_id=OwnerKeyId(row.key_id),
        erased_at=row.erased_at,
        runs=tuple(map(GraphExecId, row.runs)),
    )
