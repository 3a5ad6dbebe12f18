"""A list of runs that holds somebody else's, however it came there, is never shown."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from models.errors import AppError, InvalidRequestError
from models.execution import ExecutionStatus
from models.execution_query.conditions import ExecutionQuery
from models.execution_records import GraphExecutionRecord
from models.ids import GraphExecId, GraphId, OwnerKeyId, UserId
from models.pages import Page, PageRequest
from models.users import User
from services.gateway.features.executions.lister import ExecutionLister

NOW = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
OWNER = User(
    id=UserId("owner"),
    email="owner@example.com",
    timezone="Europe/Berlin",
    key_id=OwnerKeyId("k"),
    created_at=NOW,
    updated_at=NOW,
)


class CarelessStore:
    """Gives what it was made with, whoever asks; as graph store it says yes to everybody."""

    def __init__(self, *records: GraphExecutionRecord) -> None:
        self.records = records
        self.asked: list[ExecutionQuery | None] = []
        self.executions = self.graphs = self

    async def list_of_user(self, user_id: UserId, page: PageRequest, **wanted: Any) -> Page[GraphExecutionRecord]:
        self.asked.append(wanted["query"])
        return Page(items=self.records, total_items=len(self.records))

    async def owns(self, user_id: UserId, graph_id: GraphId) -> bool:
        return True

    @asynccontextmanager
    async def __call__(self) -> AsyncGenerator[Any]:
        yield self

    def now(self) -> datetime:
        return NOW


def make_record(run_id: str, *, user_id: str = "owner", graph_id: str = "g") -> GraphExecutionRecord:
    return GraphExecutionRecord(
        id=GraphExecId(run_id),
        user_id=UserId(user_id),
        graph_id=GraphId(graph_id),
        graph_version=1,
        status=ExecutionStatus.COMPLETED,
        created_at=NOW,
    )


def lister_on(store: CarelessStore) -> ExecutionLister:
    return ExecutionLister(store, store)


async def test_ones_own_are_listed() -> None:
    store = CarelessStore(make_record("1"), make_record("2"))
    for query in (None, " ", "status = COMPLETED"):
        found = await lister_on(store).list_of_user(OWNER, PageRequest(), query=query)
        assert found.items == store.records
    last = store.asked.pop()
    assert store.asked == [None, None]
    assert last is not None
    assert (str(last.condition), last.now, str(last.zone)) == ('status = "COMPLETED"', NOW, "Europe/Berlin")


@pytest.mark.parametrize("query", [None, "status = COMPLETED"])
async def test_a_run_of_somebody_else_stops_the_whole_list(query: str | None) -> None:
    lister = lister_on(CarelessStore(make_record("1"), make_record("2", user_id="victim")))
    with pytest.raises(AppError, match="'2', which does not belong there") as caught:
        await lister.list_of_user(OWNER, PageRequest(), query=query)
    assert caught.value.code == "system_error"
    with pytest.raises(AppError):
        await lister.list_of_graph(OWNER, GraphId("g"), PageRequest(), query=query)


async def test_a_run_of_another_graph_stops_the_list_of_a_graph() -> None:
    lister = lister_on(CarelessStore(make_record("1", graph_id="other")))
    with pytest.raises(AppError, match="does not belong there"):
        await lister.list_of_graph(OWNER, GraphId("g"), PageRequest())


async def test_a_wrong_query_reaches_no_store() -> None:
    store = CarelessStore()
    with pytest.raises(InvalidRequestError):
        await lister_on(store).list_of_user(OWNER, PageRequest(), query="status =")
    assert store.asked == []
