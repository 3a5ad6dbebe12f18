from typing import Any

import pytest

from activities.blocks.list_sets import ConcatenateListsBlock, ListDifferenceBlock, ListIntersectionBlock
from models.errors import BlockInputError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("values", "joined"),
    [
        ({"lists": []}, []),
        ({"lists": [[], []]}, []),
        ({"lists": [[1, 2], [2, 3]]}, [1, 2, 2, 3]),
        ({"lists": [[1, 2], None, [2, 3]], "deduplicate": True}, [1, 2, 3]),
        ({"lists": [[None, 1], [None]], "remove_none": True}, [1]),
        ({"lists": [[None, 1, None]], "deduplicate": True}, [None, 1]),
        ({"lists": [[[1]], [[2], [1]]], "deduplicate": True}, [[1], [2]]),
        ({"lists": [[1, True, 1.0, False, 0]], "deduplicate": True}, [1, True, False, 0]),
        ({"lists_$_2": ["c"], "lists_$_0": ["a"]}, ["a", "c"]),
        ({"lists": "[[1], [2]]"}, [1, 2]),
    ],
)
async def test_concatenate(values: dict[str, Any], joined: list[Any]) -> None:
    expected = [("concatenated_list", joined), ("length", len(joined))]
    assert await run_block(ConcatenateListsBlock, values) == expected


async def test_lists_are_required() -> None:
    with pytest.raises(BlockInputError, match="pin 'lists' needs a value"):
        await run_block(ConcatenateListsBlock, {"lists": None})


@pytest.mark.parametrize(
    ("first", "second", "difference", "symmetric"),
    [
        ([1, 2, 3], [2], [1, 3], [1, 3]),
        ([1, 1, 2], [2, 4, 4], [1, 1], [1, 1, 4, 4]),
        ([], [1], [], [1]),
        ([1], [], [1], [1]),
        ([True, 1, 0, False], [1, False], [True, 0], [True, 0]),
        ([{"a": 1, "b": 2}, [1]], [{"b": 2, "a": 1}], [[1]], [[1]]),
        ([None, "x"], [None], ["x"], ["x"]),
    ],
)
async def test_difference(first: list[Any], second: list[Any], difference: list[Any], symmetric: list[Any]) -> None:
    values: dict[str, Any] = {"list_a": first, "list_b": second}
    one_way = await run_block(ListDifferenceBlock, values)
    assert [(pin, repr(value)) for pin, value in one_way] == [
        ("difference", repr(difference)),
        ("length", repr(len(difference))),
    ]
    both_ways = await run_block(ListDifferenceBlock, {**values, "symmetric": True})
    assert both_ways == [("difference", symmetric), ("length", len(symmetric))]


@pytest.mark.parametrize(
    ("first", "second", "intersection"),
    [
        ([3, 1, 3, 2], [3, 2, 9], [3, 2]),
        ([], [1], []),
        ([1], [True], []),
        ([[1, {"a": None}]], [[1.0, {"a": None}]], [[1, {"a": None}]]),
        ("[1, 2]", [2], [2]),
    ],
)
async def test_intersection(first: Any, second: Any, intersection: list[Any]) -> None:
    emissions = await run_block(ListIntersectionBlock, {"list_a": first, "list_b": second})
    assert emissions == [("intersection", intersection), ("length", len(intersection))]


async def test_many_items_take_no_quadratic_time() -> None:
    """A hundred thousand objects compared one by one with as many would take minutes."""
    items = [{"n": number} for number in range(100_000)]
    values = {"list_a": items, "list_b": items[50_000:]}
    assert (await run_block(ListDifferenceBlock, values))[1] == ("length", 50_000)
    assert (await run_block(ListIntersectionBlock, values))[1] == ("length", 50_000)
    assert (await run_block(ConcatenateListsBlock, {"lists": [items, items], "deduplicate": True}))[1][1] == 100_000
