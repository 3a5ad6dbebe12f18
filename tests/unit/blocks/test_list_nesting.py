from typing import Any

import pytest

from activities.blocks.list_nesting import MAX_NESTING, FlattenListBlock, InterleaveListsBlock, ZipListsBlock
from activities.blocks.list_sets import ConcatenateListsBlock
from models.blocks import Block
from models.errors import BlockError, ValueTooLargeError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("items", "max_depth", "flat", "depth"),
    [
        ([], -1, [], 1),
        ([1, 2], -1, [1, 2], 1),
        ([[]], -1, [], 2),
        ([[1, [2, [3, [4]]]], 5], -1, [1, 2, 3, 4, 5], 5),
        ([[1, [2, [3]]]], 0, [[1, [2, [3]]]], 4),
        ([[1, [2, [3]]]], 1, [1, [2, [3]]], 4),
        ([[1, [2, [3]]]], 2, [1, 2, [3]], 4),
        ([[1, [2, [3]]]], 99, [1, 2, 3], 4),
        ([{"a": [[1]]}, "[2]", None], -1, [{"a": [[1]]}, "[2]", None], 1),
        ("[[1], 2]", -1, [1, 2], 2),
    ],
)
async def test_flatten(items: Any, max_depth: int, flat: list[Any], depth: int) -> None:
    emissions = await run_block(FlattenListBlock, {"nested_list": items, "max_depth": max_depth})
    assert emissions == [("flattened_list", flat), ("length", len(flat)), ("original_depth", depth)]


@pytest.mark.parametrize("max_depth", [-2, -(10**30)])
async def test_flatten_refuses_other_negative_depths(max_depth: int) -> None:
    with pytest.raises(BlockError) as caught:
        await run_block(FlattenListBlock, {"nested_list": [1], "max_depth": max_depth})
    assert caught.value.message == f"max_depth must be -1 (unlimited) or a non-negative integer, got {max_depth}"


def nested(levels: int) -> list[Any]:
    items: list[Any] = ["core"]
    for _ in range(levels - 1):
        items = [items]
    return items


async def test_flatten_bounds_the_nesting() -> None:
    emissions = await run_block(FlattenListBlock, {"nested_list": nested(MAX_NESTING)})
    assert emissions == [("flattened_list", ["core"]), ("length", 1), ("original_depth", MAX_NESTING)]
    itself: list[Any] = []
    itself.append(itself)
    for items in (nested(MAX_NESTING + 1), itself):
        with pytest.raises(BlockError, match="nested more than 1000 levels"):
            await run_block(FlattenListBlock, {"nested_list": items})


@pytest.mark.parametrize(
    ("lists", "woven"),
    [
        ([], []),
        ([[], []], []),
        ([[1, 2, 3], ["a"], ["x", "y"]], [1, "a", "x", 2, "y", 3]),
        ([None, [1], None, [2]], [1, 2]),
        ([[[1]], [None]], [[1], None]),
    ],
)
async def test_interleave(lists: list[Any], woven: list[Any]) -> None:
    emissions = await run_block(InterleaveListsBlock, {"lists": lists})
    assert emissions == [("interleaved_list", woven), ("length", len(woven))]


async def test_interleave_does_not_visit_lists_that_have_ended() -> None:
    """Ten thousand empty lists beside a long one would be visited a billion times."""
    lists = [*([[]] * 10_000), list(range(100_000))]
    assert (await run_block(InterleaveListsBlock, {"lists": lists}))[1] == ("length", 100_000)


@pytest.mark.parametrize(
    ("lists", "shortest", "longest"),
    [
        ([], [], []),
        ([[], [1]], [], [["-", 1]]),
        ([[1, 2, 3], ["a", "b"]], [[1, "a"], [2, "b"]], [[1, "a"], [2, "b"], [3, "-"]]),
        ([[1], None, [2]], [[1, 2]], [[1, 2]]),
        ([[1, 2]], [[1], [2]], [[1], [2]]),
    ],
)
async def test_zip(lists: list[Any], shortest: list[Any], longest: list[Any]) -> None:
    assert await run_block(ZipListsBlock, {"lists": lists}) == [("zipped_list", shortest), ("length", len(shortest))]
    padded = await run_block(ZipListsBlock, {"lists": lists, "pad_to_longest": True, "fill_value": "-"})
    assert padded == [("zipped_list", longest), ("length", len(longest))]


async def test_zip_pads_with_null_by_default() -> None:
    emissions = await run_block(ZipListsBlock, {"lists": [[1], []], "pad_to_longest": True})
    assert emissions[0] == ("zipped_list", [[1, None]])


@pytest.mark.parametrize(
    "values",
    [
        {"lists": [list(range(100_000)), *([[]] * 100_000)]},
        {"lists": [list(range(1_000)), *([[]] * 100)], "fill_value": "\u00fc" * 1_000},
    ],
)
async def test_zip_refuses_to_multiply_its_input(values: dict[str, Any]) -> None:
    with pytest.raises(ValueTooLargeError, match="Padding would fill"):
        await run_block(ZipListsBlock, {**values, "pad_to_longest": True})
    assert (await run_block(ZipListsBlock, values))[1] == ("length", 0)


@pytest.mark.parametrize("block", [ConcatenateListsBlock, InterleaveListsBlock, ZipListsBlock])
@pytest.mark.parametrize(
    ("lists", "index", "name"),
    [
        ([5], 0, "int"),
        ([[1], None, "[1]"], 2, "str"),
        ([[1], {"a": [1]}], 1, "dict"),
        ([True], 0, "bool"),
        ([1.5], 0, "float"),
        ("word", 0, "str"),
    ],
)
async def test_names_what_is_no_list(block: type[Block[Any]], lists: Any, index: int, name: str) -> None:
    with pytest.raises(BlockError) as caught:
        await run_block(block, {"lists": lists})
    assert caught.value.message == (
        f"Invalid input at index {index}: expected a list, got {name}. "
        "All items in 'lists' must be lists (e.g., [[1, 2], [3, 4]])."
    )
