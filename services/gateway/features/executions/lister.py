"""Listing executions, all or those that a query finds."""

from typing import Final
from zoneinfo import ZoneInfo

from models.errors import AppError
from models.execution_query.conditions import ExecutionQuery
from models.execution_query.parser import parse_execution_query
from models.execution_records import GraphExecutionRecord
from models.ids import GraphId
from models.pages import Page, PageRequest
from models.ports import Clock
from models.stores import UnitOfWorkFactory
from models.users import User
from services.gateway.missing import graph_missing

ABOUT_QUERY: Final = (
    "Only runs that this finds, for example `status = FAILED AND created > -24h`; the grammar is in "
    "docs/execution-queries.md. At most 2000 characters."
)


class ExecutionLister:
    """Executions of one user, newest first; those of others, and deleted ones, are never among them."""

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def list_of_user(
        self, user: User, page: PageRequest, *, query: str | None = None
    ) -> Page[GraphExecutionRecord]:
        """Raises InvalidRequestError if the query is not understood."""
        wanted = self._query(user, query)
        async with self._units() as unit:
            return _own(user, await unit.executions.list_of_user(user.id, page, query=wanted))

    async def list_of_graph(
        self, user: User, graph_id: GraphId, page: PageRequest, *, query: str | None = None
    ) -> Page[GraphExecutionRecord]:
        """Also those of a deleted graph.

        Raises:
            InvalidRequestError: the query is not understood.
            NotFoundError: there is no such graph, or it is somebody else's.
        """
        wanted = self._query(user, query)
        async with self._units() as unit:
            if not await unit.graphs.owns(user.id, graph_id):
                raise graph_missing(graph_id)
            found = await unit.executions.list_of_user(user.id, page, graph_id=graph_id, query=wanted)
        return _own(user, found, graph_id=graph_id)

    def _query(self, user: User, text: str | None) -> ExecutionQuery | None:
        condition = None if text is None else parse_execution_query(text)
        if condition is None:
            return None
        return ExecutionQuery(condition=condition, now=self._clock.now(), zone=ZoneInfo(user.effective_timezone))


def _own(
    user: User, found: Page[GraphExecutionRecord], *, graph_id: GraphId | None = None
) -> Page[GraphExecutionRecord]:
    """The page as it is. The statement filters by owner; should it ever fail to, nothing is shown at all.

    Raises:
        AppError: a run is somebody else's, or of another graph.
    """
    for record in found.items:
        if record.user_id != user.id or graph_id not in (None, record.graph_id):
            raise AppError(f"The list of runs of user {user.id!r} held run {record.id!r}, which does not belong there.")
    return found
