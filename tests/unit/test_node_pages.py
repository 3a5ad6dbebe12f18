"""Pages of node executions: no more of a run is read than an answer shows."""

from models.execution import ExecutionStatus
from models.execution_records import NodeCursor
from models.ids import BlockId, NodeExecId, NodeId
from models.values import Value
from models.wire import NodeRecord
from services.gateway.features.executions.node_pages import read_page
from services.gateway.recorded_values import PAGE_BYTES


class Run:
    """Node executions in order, and how many of them were read."""

    def __init__(self, count: int, *, value_bytes: int = 1) -> None:
        value = Value(inline="x" * value_bytes)
        self.records = [
            NodeRecord(
                node_exec_id=NodeExecId(f"{number:06}"),
                node_id=NodeId("n"),
                block_id=BlockId("echo"),
                firing=number,
                status=ExecutionStatus.COMPLETED,
                route_seq=number // 3,
                inputs={"value": value},
            )
            for number in range(count)
        ]
        self.read = 0

    async def list_nodes(self, after: NodeCursor | None, limit: int) -> list[NodeRecord]:
        following = [one for one in self.records if after is None or (one.route_seq, one.node_exec_id) > after]
        self.read += len(following[:limit])
        return following[:limit]


async def pages_of(run: Run, *, limit: int) -> list[tuple[NodeRecord, ...]]:
    page = await read_page(run.list_nodes, after=None, limit=limit)
    pages = [page.records]
    while page.last is not None:
        page = await read_page(run.list_nodes, after=page.last, limit=limit)
        pages.append(page.records)
    return pages


async def test_large_records_are_not_read_beyond_what_a_page_takes() -> None:
    run = Run(2_000, value_bytes=PAGE_BYTES // 100)
    page = await read_page(run.list_nodes, after=None, limit=10_000)
    assert 0 < len(page.records) < 100
    assert run.read < 500
    last = page.records[-1]
    assert page.last == NodeCursor(last.route_seq, last.node_exec_id)


async def test_pages_together_hold_every_record_once() -> None:
    for limit in (1, 7, 199, 200, 201, 450, 1_000):
        run = Run(450)
        pages = await pages_of(run, limit=limit)
        assert [record for page in pages for record in page] == run.records
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


async def test_a_record_larger_than_a_page_stands_alone() -> None:
    run = Run(3, value_bytes=PAGE_BYTES + 1)
    assert [len(page) for page in await pages_of(run, limit=100)] == [1, 1, 1]
    assert (await read_page(Run(0).list_nodes, after=None, limit=5)).records == ()
