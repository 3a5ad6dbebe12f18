import math
from typing import Any

import pytest

from activities.blocks.list_items import FindInListBlock, GetListItemBlock, RemoveFromListBlock, ReplaceListItemBlock
from models.blocks import Block
from models.errors import BlockError, BlockInputError
from tests.unit.blocks.running import run_block

HUGE = 10**30


@pytest.mark.parametrize(
    ("items", "value", "index"),
    [
        ([1, 2, 3], 3, 2),
        ([1, 1], 1, 0),
        ([0, 1.0], 1, 1),
        ([0, 1], True, 1),
        ([{"a": [1]}, {"a": [2]}], {"a": [2]}, 1),
        (["e\u0301", "\u00e9"], "\u00e9", 1),
        ("[4, 5]", 5, 1),
    ],
)
async def test_find(items: Any, value: Any, index: int) -> None:
    assert await run_block(FindInListBlock, {"list": items, "value": value}) == [("index", index), ("found", True)]


@pytest.mark.parametrize(("items", "value"), [([], 1), (["1"], 1), ([None], "None"), ([[1]], 1)])
async def test_find_nothing(items: list[Any], value: Any) -> None:
    emissions = await run_block(FindInListBlock, {"list": items, "value": value})
    assert emissions == [("found", False), ("not_found_value", value)]


@pytest.mark.parametrize(("index", "item"), [(0, "a"), (2, None), (-1, None), (-3, "a"), ("1", "b"), (1.9, "b")])
async def test_get(index: Any, item: Any) -> None:
    assert await run_block(GetListItemBlock, {"list": ["a", "b", None], "index": index}) == [("item", item)]


@pytest.mark.parametrize("index", [2, -3, HUGE, -HUGE])
@pytest.mark.parametrize("block", [GetListItemBlock, ReplaceListItemBlock])
async def test_an_index_out_of_range(block: type[Block[Any]], index: int) -> None:
    with pytest.raises(BlockError, match=r"^Index out of range$"):
        await run_block(block, {"list": [1, 2], "index": index, "value": 0})


@pytest.mark.parametrize("index", [math.nan, math.inf, "x", None])
async def test_an_index_that_is_none_counts_as_0_if_it_can_be_converted(index: Any) -> None:
    values = {"list": [1, 2], "index": index}
    if index is None:
        with pytest.raises(BlockInputError, match="pin 'index' needs a value"):
            await run_block(GetListItemBlock, values)
    else:
        assert await run_block(GetListItemBlock, values) == [("item", 1)]


@pytest.mark.parametrize(
    ("values", "updated", "removed"),
    [
        ({"index": 0}, [2, 1, None], 1),
        ({"index": -1}, [1, 2, 1], None),
        ({"index": 1, "value": 1}, [1, 1, None], 2),
        ({"value": 1}, [2, 1, None], 1),
        ({"value": True}, [2, 1, None], 1),
    ],
)
async def test_remove(values: dict[str, Any], updated: list[Any], removed: Any) -> None:
    items = [1, 2, 1, None]
    expected = [("updated_list", updated), ("removed_item", removed)]
    assert await run_block(RemoveFromListBlock, {"list": items, "return_item": True, **values}) == expected
    assert await run_block(RemoveFromListBlock, {"list": items, **values}) == expected[:1]
    assert items == [1, 2, 1, None]


@pytest.mark.parametrize("values", [{}, {"value": None}, {"value": 9}, {"index": 4}, {"index": -HUGE}])
async def test_remove_nothing(values: dict[str, Any]) -> None:
    with pytest.raises(BlockError, match=r"^Index or value not found$"):
        await run_block(RemoveFromListBlock, {"list": [1, 2, 1, None], "return_item": True, **values})


async def test_replace() -> None:
    items: list[Any] = ["a", {"b": 1}]
    emissions = await run_block(ReplaceListItemBlock, {"list": items, "index": -1, "value": [0]})
    assert emissions == [("updated_list", ["a", [0]]), ("old_item", {"b": 1})]
    assert items == ["a", {"b": 1}]


async def test_replace_needs_a_value() -> None:
    with pytest.raises(BlockInputError, match="pin 'value' needs a value"):
        await run_block(ReplaceListItemBlock, {"list": [1], "index": 0, "value": None})
