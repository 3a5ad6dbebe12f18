"""SQL for reading reviews. The writing side is `wait_recorder.py`."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.paging import read_page
from models.ids import GraphExecId, NodeExecId, UserId
from models.pages import Page, PageRequest
from models.reviews import Review, ReviewStatus
from models.tables.execution import GraphExecutionRow
from models.tables.review import ReviewRow


class SqlReviewStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_waiting(self, user_id: UserId, page: PageRequest) -> Page[Review]:
        waiting = _reviews(user_id).where(col(ReviewRow.status) == ReviewStatus.WAITING.value)
        newest_first = (col(ReviewRow.created_at).desc(), col(ReviewRow.node_exec_id).desc())
        return await read_page(self._session, waiting, page, *newest_first, convert=_review)

    async def list_of_execution(self, user_id: UserId, graph_exec_id: GraphExecId, page: PageRequest) -> Page[Review]:
        of_run = _reviews(user_id).where(col(ReviewRow.graph_exec_id) == graph_exec_id)
        oldest_first = (col(ReviewRow.created_at), col(ReviewRow.node_exec_id), col(ReviewRow.generation))
        return await read_page(self._session, of_run, page, *oldest_first, convert=_review)

    async def list_latest(self, user_id: UserId, node_exec_ids: Iterable[NodeExecId]) -> Sequence[Review]:
        wanted = _reviews(user_id).where(col(ReviewRow.node_exec_id).in_(list(node_exec_ids)))
        by_generation = wanted.order_by(col(ReviewRow.generation)).execution_options(populate_existing=True)
        found = map(_review, await self._session.scalars(by_generation))
        return list({review.node_exec_id: review for review in found}.values())


def _reviews(user_id: UserId) -> Select[ReviewRow]:
    """Those of runs that are not deleted."""
    return (
        select(ReviewRow)
        .outerjoin(GraphExecutionRow, col(GraphExecutionRow.id) == col(ReviewRow.graph_exec_id))
        .where(col(ReviewRow.user_id) == user_id, col(GraphExecutionRow.deleted_at).is_(None))
    )


def _review(row: ReviewRow) -> Review:
    return Review.model_validate(row.model_dump())
