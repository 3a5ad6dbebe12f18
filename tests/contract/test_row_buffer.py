"""The port RowBuffer on migrated Postgres."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from activities.blocks.sampling import DataSamplingBlock
from infra.postgres import Database
from infra.stores.collected_rows import PostgresRowBuffer
from models.block_testing import make_context, run_block
from models.errors import ValueTooLargeError
from models.ids import GraphExecId, NodeExecId, NodeId, new_id
from models.ports import RowBuffer


@pytest.fixture
def buffer(migrated_database: Database) -> RowBuffer:
    return PostgresRowBuffer(migrated_database)


class Node:
    """A node in a run of its own."""

    def __init__(self, buffer: RowBuffer, *, enough: int, run: str | None = None) -> None:
        self._buffer = buffer
        self._enough = enough
        self.run = GraphExecId(run or new_id())

    async def bring(self, *rows: Any, firing: str | None = None, node: str = "n") -> Sequence[Any] | None:
        return await self._buffer.add(
            rows,
            graph_exec_id=self.run,
            node_id=NodeId(node),
            node_exec_id=NodeExecId(f"{self.run}/{firing or new_id()}"),
            enough=self._enough,
        )


async def test_rows_are_kept_until_there_are_enough(buffer: RowBuffer) -> None:
    node = Node(buffer, enough=3)
    assert await node.bring({"n": 1}) is None
    assert await node.bring() is None
    assert await node.bring([2]) is None
    assert await node.bring(3, None) == [{"n": 1}, [2], 3, None]
    assert await node.bring(5) is None


async def test_each_node_of_each_run_has_its_own(buffer: RowBuffer) -> None:
    node = Node(buffer, enough=2)
    assert await node.bring(1) is None
    assert await node.bring(2, node="other") is None
    assert await Node(buffer, enough=2).bring(3) is None
    assert await node.bring(4) == [1, 4]


async def test_a_repeated_call_gets_the_same_answer(buffer: RowBuffer) -> None:
    node = Node(buffer, enough=2)
    assert await node.bring(1, firing="a") is None
    assert await node.bring(1, firing="a") is None
    assert await node.bring(2, firing="b") == [1, 2]
    assert await node.bring(2, firing="b") == [1, 2]
    assert await node.bring(1, firing="a") is None
    assert await node.bring(3, firing="c") is None


async def test_calls_at_the_same_time_lose_and_repeat_nothing(buffer: RowBuffer) -> None:
    node = Node(buffer, enough=5)
    answers = await asyncio.gather(*(node.bring(number) for number in range(20)))
    taken = [answer for answer in answers if answer is not None]
    assert [len(answer) for answer in taken] == [5, 5, 5, 5]
    assert sorted(number for answer in taken for number in answer) == list(range(20))


async def test_any_value_is_kept_as_json(buffer: RowBuffer) -> None:
    values = ["\x00\ud800", "\U0001f600", math.nan, 2**63, {"": []}]
    assert await Node(buffer, enough=1).bring(*values) == ["\ufffd\ufffd", "\U0001f600", None, float(2**63), {"": []}]


async def test_rows_beyond_the_limit_are_refused_and_not_kept(migrated_database: Database) -> None:
    node = Node(PostgresRowBuffer(migrated_database, limit_bytes=100), enough=2)
    assert await node.bring("x" * 60) is None
    with pytest.raises(ValueTooLargeError, match="the limit is 100"):
        await node.bring("y" * 60)
    assert await node.bring("z") == ["x" * 60, "z"]


async def test_a_sample_of_the_rows_of_several_executions(buffer: RowBuffer) -> None:
    run = GraphExecId(new_id())

    async def sample(firing: str, *data: Any) -> list[tuple[str, Any]]:
        context = replace(
            make_context(row_buffer=buffer), graph_exec_id=run, node_exec_id=NodeExecId(f"{run}/{firing}")
        )
        values = {"data": list(data), "sample_size": 3, "sampling_method": "bottom", "accumulate": True}
        return await run_block(DataSamplingBlock, values, context=context)

    assert await sample("a", {"n": 1}, {"n": 2}) == []
    expected = [("sampled_data", [{"n": 2}, {"n": 3}, {"n": 4}]), ("sample_indices", [1, 2, 3])]
    assert await sample("b", {"n": 3}, {"n": 4}) == expected
    assert await sample("b", {"n": 3}, {"n": 4}) == expected
