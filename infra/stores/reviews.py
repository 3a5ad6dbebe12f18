"""SQL for reading reviews. The writing side is `wait_recorder.py`."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.ids import GraphExecId, NodeExecId, UserId
from models.pages import Page, PageRequest
from models.reviews import Review, ReviewStatus
from models.tables.execution import GraphExecutionRow
from models.tables.review import ReviewRow

Found = Select[ReviewRow]


class SqlReviewStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_waiting(self, user_id: UserId, page: PageRequest) -> Page[Review]:
        waiting = _reviews(user_id).where(col(ReviewRow.status) == ReviewStatus.WAITING.value)
        newest_first = waiting.order_by(col(ReviewRow.created_at).desc(), col(ReviewRow.node_exec_id).desc())
        return await self._page(newest_first, page)

    async def list_of_execution(self, user_id: UserId, graph_exec_id: GraphExecId, page: PageRequest) -> Page[Review]:
        of_run = _reviews(user_id).where(col(ReviewRow.graph_exec_id) == graph_exec_id)
        order = (col(ReviewRow.created_at), col(ReviewRow.node_exec_id), col(ReviewRow.generation))
        return await self._page(of_run.order_by(*order), page)

    async def list_latest(self, user_id: UserId, node_exec_ids: Iterable[NodeExecId]) -> Sequence[Review]:
        wanted = _reviews(user_id).where(col(ReviewRow.node_exec_id).in_(list(node_exec_ids)))
        found = await self._read(wanted.order_by(col(ReviewRow.generation)))
        return list({review.node_exec_id: review for review in found}.values())

    async def _page(self, wanted: Found, page: PageRequest) -> Page[Review]:
        found = await self._read(wanted.offset(page.offset).limit(page.page_size))
        total = await self._session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery()))
        return Page(items=tuple(found), total_items=total or 0)

    async def _read(self, statement: Found) -> list[Review]:
        rows = await self._session.scalars(statement.execution_options(populate_existing=True))
        return [Review.model_validate(row.model_dump()) for row in rows]


def _reviews(user_id: UserId) -> Found:
    """Those of runs that are not deleted."""
    return (
        select(ReviewRow)
        .outerjoin(GraphExecutionRow, col(GraphExecutionRow.id) == col(ReviewRow.graph_exec_id))
        .where(col(ReviewRow.user_id) == user_id, col(GraphExecutionRow.deleted_at).is_(None))
    )
