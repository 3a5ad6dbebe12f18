import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from activities.blocks.sampling import DataSamplingBlock
from models.errors import BlockConfigurationError, BlockError, BlockInputError, ValueTooLargeError
from models.ids import GraphExecId, GraphId, NodeExecId, NodeId
from tests.unit.blocks.running import make_context, run_block

SEED = 42
ROWS = [{"id": index, "group": index % 3, "weight": index} for index in range(20)]
METHODS = ["random", "systematic", "top", "bottom", "stratified", "weighted", "reservoir", "cluster"]


async def sample(data: Any = ROWS, size: int | None = 5, method: str = "random", **values: Any) -> list[int]:
    """The indices drawn, of which the rows are checked."""
    keys = {"stratify_key": "group", "cluster_key": "group", "weight_key": "weight", "random_seed": SEED}
    given = {"data": data, "sample_size": size, "sampling_method": method, **keys, **values}
    (rows_pin, rows), (indices_pin, indices) = await run_block(DataSamplingBlock, given)
    assert (rows_pin, indices_pin) == ("sampled_data", "sample_indices")
    assert rows == [data[index] for index in indices]
    return indices


@pytest.mark.parametrize("size", [1, 5, 20])
@pytest.mark.parametrize("method", METHODS)
async def test_a_seed_makes_it_repeatable(method: str, size: int) -> None:
    indices = await sample(method=method, size=size)
    assert indices == await sample(method=method, size=size)
    assert len(indices) == size
    if method != "weighted":
        assert len(set(indices)) == size


@pytest.mark.parametrize("method", METHODS)
async def test_nothing_is_drawn_from_something(method: str) -> None:
    assert await sample(method=method, size=0) == []


@pytest.mark.parametrize("seed", [0, 1, -7, 2**100, "42", None])
async def test_random(seed: Any) -> None:
    indices = await sample(random_seed=seed)
    assert len(set(indices)) == 5
    if seed is not None:
        assert indices == random.Random(int(seed)).sample(range(20), 5)


async def test_systematic() -> None:
    start = random.Random(SEED).randint(0, 5)
    assert await sample(method="systematic", size=3) == [start, start + 6, start + 12]
    assert await sample(method="systematic", size=11) == list(range(11))


async def test_top_and_bottom() -> None:
    assert await sample(method="top", size=3) == [0, 1, 2]
    assert await sample(method="bottom", size=3) == [17, 18, 19]


async def test_reservoir() -> None:
    generator = random.Random(SEED)
    expected = [0, 1, 2]
    for row in range(3, 20):
        place = generator.randint(0, row)
        if place < 3:
            expected[place] = row
    assert await sample(method="reservoir", size=3) == expected


async def test_weighted_draws_with_replacement() -> None:
    weights = [float(row["weight"]) for row in ROWS]
    assert await sample(method="weighted") == random.Random(SEED).choices(range(20), weights=weights, k=5)
    only_the_last = [{"weight": 0}, {"weight": "0"}, {"weight": "2.5"}]
    assert await sample(only_the_last, 3, "weighted") == [2, 2, 2]


async def test_stratified_draws_from_every_group_by_its_share() -> None:
    generator = random.Random(SEED)
    members = [[index for index in range(20) if index % 3 == group] for group in range(3)]
    # Shares of 5 rows: 7/20, 7/20 and 6/20 are 1 each, and the first of the largest takes the rest.
    expected = [
        index for group, size in zip(members, (3, 1, 1), strict=True) for index in generator.sample(group, size)
    ]
    assert await sample(method="stratified") == expected


@pytest.mark.parametrize(
    ("groups", "size", "drawn"),
    [
        ("aaaaab", 2, {"a": 1, "b": 1}),
        ("aaaaab", 6, {"a": 5, "b": 1}),
        ("abcd", 2, {"c": 1, "d": 1}),
        ("aaabbbc", 3, {"a": 1, "b": 1, "c": 1}),
        ("aaabbbccc", 8, {"a": 3, "b": 3, "c": 2}),
    ],
)
async def test_stratified_sizes_add_up(groups: str, size: int, drawn: dict[str, int]) -> None:
    indices = await sample([{"group": group} for group in groups], size, "stratified")
    assert Counter(groups[index] for index in indices) == drawn


async def test_groups_are_told_apart_by_their_text() -> None:
    rows = [{"group": value} for value in (1, "1", 1.0, True)]
    assert Counter(str(rows[index]["group"]) for index in await sample(rows, 3, "stratified")) == {
        "1": 1,
        "1.0": 1,
        "True": 1,
    }


async def test_cluster_takes_whole_clusters_and_cuts_the_last() -> None:
    generator = random.Random(SEED)
    clusters = [[index for index in range(20) if index % 3 == group] for group in range(3)]
    names, taken = [0, 1, 2], []
    while len(taken) < 9:
        chosen = generator.choice(names)
        names.remove(chosen)
        taken += clusters[chosen]
    assert await sample(method="cluster", size=9) == generator.sample(taken, 9)
    only_one = [{"group": "x"}] * 4
    assert await sample(only_one, 4, "cluster") == [0, 1, 2, 3]


async def test_ten_rows_at_random_by_default() -> None:
    (_, rows), (_, indices) = await run_block(DataSamplingBlock, {"data": ROWS})
    assert len(rows) == len(set(indices)) == 10


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ({"a": 1}, [{"a": 1}]),
        ('{"a": 1}', [{"a": 1}]),
        ('[{"a": 1}]', [{"a": 1}]),
        ([[1, 2]], [[1, 2]]),
        ([5], [{"value": 5}]),
        ("word", [{"value": "word"}]),
    ],
)
async def test_data_becomes_rows(data: Any, rows: list[Any]) -> None:
    values = {"data": data, "sample_size": 1, "sampling_method": "top"}
    assert await run_block(DataSamplingBlock, values) == [("sampled_data", rows), ("sample_indices", [0])]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"size": 21}, r"^Sample size \(21\) cannot be larger than the dataset size \(20\)\.$"),
        ({"data": [], "size": 1}, r"^Sample size \(1\) cannot be larger than the dataset size \(0\)\.$"),
        ({"size": -1}, "The sample size is -1"),
        ({"method": "stratified", "stratify_key": None}, "^Stratify key must be provided for stratified sampling"),
        ({"method": "weighted", "weight_key": ""}, "^Weight key must be provided for weighted sampling"),
        ({"method": "cluster", "cluster_key": None}, "^Cluster key must be provided for cluster sampling"),
        ({"method": "cluster", "cluster_key": "none"}, "Row 0 has no value for the cluster key 'none'"),
        ({"data": [{"group": 1}, {"group": None}], "size": 1, "method": "stratified"}, "Row 1 has no value"),
        ({"data": [[1], [2]], "size": 1, "method": "stratified"}, "Row 0 has no value"),
        ({"data": [{"weight": "many"}], "size": 1, "method": "weighted"}, "weight of row 0 is no number but string"),
        ({"data": [{"weight": [1]}], "size": 1, "method": "weighted"}, "weight of row 0 is no number but array"),
        ({"data": [{"weight": -1}], "size": 1, "method": "weighted"}, "weight of row 0 is -1.0"),
        ({"data": [{"weight": "nan"}], "size": 1, "method": "weighted"}, "weight of row 0 is nan"),
        ({"data": [{"weight": 1e308}] * 2, "size": 1, "method": "weighted"}, "cannot be drawn by these weights"),
        ({"data": [{"weight": 0}], "size": 1, "method": "weighted"}, "cannot be drawn by these weights"),
    ],
)
async def test_what_cannot_be_drawn(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(BlockError, match=problem):
        await sample(**values)


async def test_wrong_settings_are_named() -> None:
    with pytest.raises(BlockInputError, match="pin 'sampling_method'"):
        await sample(method="best")
    with pytest.raises(BlockInputError, match="pin 'data' needs a value"):
        await sample(data=None)


async def test_a_large_row_is_not_repeated_without_end() -> None:
    rows = [{"weight": 1, "text": "x" * 1_000_000}, *({"weight": 0} for _ in range(99))]
    with pytest.raises(ValueTooLargeError, match="The sample repeats rows"):
        await sample(rows, 100, "weighted")


@pytest.mark.parametrize("method", ["stratified", "cluster"])
async def test_a_group_for_every_row_takes_no_quadratic_time(method: str) -> None:
    rows = [{"group": index} for index in range(50_000)]
    assert len(await sample(rows, 25_000, method)) == 25_000


class ListedRows:
    """Collects the rows of one node in memory, and remembers who asked."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.asked: list[tuple[GraphExecId, NodeId, NodeExecId]] = []

    async def add(
        self,
        rows: Sequence[Any],
        *,
        graph_exec_id: GraphExecId,
        node_id: NodeId,
        node_exec_id: NodeExecId,
        enough: int,
    ) -> Sequence[Any] | None:
        self.asked.append((graph_exec_id, node_id, node_exec_id))
        self.rows += rows
        if len(self.rows) < enough:
            return None
        collected, self.rows = self.rows, []
        return collected


async def test_rows_accumulate_until_there_are_enough() -> None:
    buffer = ListedRows()
    context = make_context(row_buffer=buffer)
    values = {"sample_size": 3, "sampling_method": "top", "accumulate": True}
    for data in ({"n": 1}, [{"n": 2}], []):
        assert await run_block(DataSamplingBlock, {**values, "data": data}, context=context) == []
    emissions = await run_block(DataSamplingBlock, {**values, "data": [{"n": 3}, {"n": 4}]}, context=context)
    assert emissions == [("sampled_data", [{"n": 1}, {"n": 2}, {"n": 3}]), ("sample_indices", [0, 1, 2])]
    assert await run_block(DataSamplingBlock, {**values, "data": {"n": 5}}, context=context) == []
    assert set(buffer.asked) == {(context.graph_exec_id, context.node_id, context.node_exec_id)}


async def test_rows_do_not_accumulate_where_nothing_keeps_them() -> None:
    with pytest.raises(BlockConfigurationError, match="keeps no rows"):
        await sample(accumulate=True)
    outside = replace(make_context(row_buffer=ListedRows()), graph_id=GraphId(""))
    values = {"sample_size": 1, "sampling_method": "top", "accumulate": True}
    enough = await run_block(DataSamplingBlock, {**values, "data": [{"n": 1}, {"n": 2}]}, context=outside)
    assert enough == [("sampled_data", [{"n": 1}]), ("sample_indices", [0])]
    assert await run_block(DataSamplingBlock, {**values, "data": []}, context=outside) == []
