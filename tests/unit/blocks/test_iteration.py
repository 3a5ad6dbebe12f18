from typing import Any

import pytest

from activities.blocks.iteration import (
    MAX_ITEMS,
    MAX_ITEMS_TEXT,
    CountItemsBlock,
    ListIteratorBlock,
    StepThroughItemsBlock,
)
from models.errors import BlockError, BlockInputError
from tests.unit.blocks.running import run_block


async def test_step_through_items_emits_item_then_key_of_all_sources_in_order() -> None:
    values = {"items_str": '{"z": 5}', "items_object": {"k": None}, "items": ["a", "b"]}
    assert await run_block(StepThroughItemsBlock, values) == [
        *(("item", "a"), ("key", 0)),
        *(("item", "b"), ("key", 1)),
        *(("item", None), ("key", "k")),
        *(("item", 5), ("key", "z")),
    ]


@pytest.mark.parametrize("values", [{}, {"items": []}, {"items_str": "  "}, {"items": None, "items_object": {}}])
async def test_step_through_nothing(values: dict[str, Any]) -> None:
    assert await run_block(StepThroughItemsBlock, values) == []


async def test_step_through_items_reads_text_where_a_list_is_expected() -> None:
    assert await run_block(StepThroughItemsBlock, {"items": "[1]"}) == [("item", 1), ("key", 0)]


async def test_step_through_items_limits() -> None:
    assert len(await run_block(StepThroughItemsBlock, {"items": [0] * MAX_ITEMS})) == 2 * MAX_ITEMS
    with pytest.raises(BlockError, match="Too many items: 10001"):
        await run_block(StepThroughItemsBlock, {"items": [0] * (MAX_ITEMS + 1)})
    with pytest.raises(BlockError, match="Input too large: 1048577"):
        await run_block(StepThroughItemsBlock, {"items_str": " " * (MAX_ITEMS_TEXT + 1)})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Not valid JSON"),
        ("5", "got number"),
        ("null", "got null"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 100_000, "Not valid JSON"),
    ],
)
async def test_step_through_bad_text(text: str, problem: str) -> None:
    with pytest.raises(BlockError, match=problem) as caught:
        await run_block(StepThroughItemsBlock, {"items_str": text})
    assert caught.value.message.startswith("Pin 'items_str': ")


async def test_step_through_text_with_what_json_lacks() -> None:
    emissions = await run_block(StepThroughItemsBlock, {"items_str": '[NaN, "\\ud800", "\\u0000"]'})
    assert [value for pin, value in emissions if pin == "item"] == [None, "\ufffd", "\ufffd"]


@pytest.mark.parametrize(
    ("collection", "count"),
    [("häß\U0001f600", 4), ([1, None], 2), ({"a": 1}, 1), ("", 0), ([], 0), (5, -1), (1.5, -1), (True, -1)],
)
async def test_count_items(collection: Any, count: int) -> None:
    assert await run_block(CountItemsBlock, {"collection": collection}) == [("count", count)]


@pytest.mark.parametrize(
    ("items", "elements"),
    [([], []), (["a", None], ["a", None]), ([[1, 2]], [[1, 2]]), ("[3]", [3]), ({"k": "v"}, [["k", "v"]])],
)
async def test_list_iterator(items: Any, elements: list[Any]) -> None:
    emissions = await run_block(ListIteratorBlock, {"items": items})
    assert emissions == [("item", [index, element]) for index, element in enumerate(elements)]


async def test_list_iterator_needs_items() -> None:
    with pytest.raises(BlockInputError, match="pin 'items' needs a value"):
        await run_block(ListIteratorBlock, {"items": None})


def test_list_iterator_declares_no_error_pin() -> None:
    assert list(ListIteratorBlock.output_schema()["properties"]) == ["item"]
