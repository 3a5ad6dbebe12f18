from typing import Any

import pytest

from activities.blocks._tokens import estimate_tokens
from activities.blocks.lists import AddToListBlock, CreateListBlock, ListIsEmptyBlock, ReverseListOrderBlock
from models.errors import BlockInputError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("values", "lists"),
    [
        ({"values": []}, [[]]),
        ({"values": [], "max_size": 2, "max_tokens": 2}, [[]]),
        ({"values": [None, False, 0, ""]}, [[None, False, 0, ""]]),
        ({"values": [1, 2, 3, 4], "max_size": 2}, [[1, 2], [3, 4]]),
        ({"values": [1, 2, 3], "max_size": 1}, [[1], [2], [3]]),
        ({"values": [1, 2, 3], "max_size": 0, "max_tokens": 0}, [[1, 2, 3]]),
        ({"values": [1, 2, 3], "max_size": 99, "max_tokens": None}, [[1, 2, 3]]),
        ({"values": ["a b c", "d"], "max_tokens": 2}, [[], ["a b c"], ["d"]]),
        ({"values": ["d", "a b c", "e"], "max_tokens": 2}, [["d"], ["a b c"], ["e"]]),
        ({"values": ["a", "b", "c d", "e"], "max_tokens": 2, "max_size": 3}, [["a", "b"], ["c d"], ["e"]]),
        ({"values_$_1": "b"}, [[None, "b"]]),
        ({"values": [0], "values_$_1": "b"}, [[0, "b"]]),
        ({"values": "[1, 2]"}, [[1, 2]]),
        ({"values": "word"}, [["word"]]),
        ({"values": {"k": "v"}}, [[["k", "v"]]]),
    ],
)
async def test_create_list(values: dict[str, Any], lists: list[Any]) -> None:
    assert await run_block(CreateListBlock, values) == [("list", expected) for expected in lists]


@pytest.mark.parametrize("values", [{}, {"values": None}])
async def test_create_list_needs_values(values: dict[str, Any]) -> None:
    with pytest.raises(BlockInputError, match="pin 'values' needs a value"):
        await run_block(CreateListBlock, values)


@pytest.mark.parametrize("max_size", [-1, -(10**30)])
async def test_a_list_that_may_hold_nothing_holds_single_items(max_size: int) -> None:
    """No limit can be kept that is below one item, and an empty list comes before the first as for tokens."""
    emissions = await run_block(CreateListBlock, {"values": [1, 2], "max_size": max_size})
    assert emissions == [("list", []), ("list", [1]), ("list", [2])]


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("", 0),
        ("hello world", 2),
        ("internationalisation", 3),
        ("1234567", 3),
        ("a, b", 3),
        ('{"a": 1}', 5),
        ("日本", 2),
        ("\U0001f600", 1),
        ("\n\n", 1),
        ("\x00", 0),
        (True, 1),
        ({"a": 1}, 5),
    ],
)
def test_estimates_tokens(value: Any, tokens: int) -> None:
    assert estimate_tokens(value) == tokens


def test_estimates_of_prose_are_about_right() -> None:
    """Four characters of English are a token, roughly."""
    text = "The quick brown fox jumps over the lazy dog, and then it sleeps until the next morning. " * 50
    assert len(text) / 5.5 < estimate_tokens(text) < len(text) / 3.5


@pytest.mark.parametrize(
    ("values", "updated"),
    [
        ({"list": [1], "entry": 2}, [1, 2]),
        ({"entry": 2}, [2]),
        ({}, []),
        ({"list": [1], "entries": [2, 3], "entry": 4}, [1, 2, 3, 4]),
        ({"list": [1, 2], "entry": 0, "position": 0}, [0, 1, 2]),
        ({"list": [1, 2], "entries": [8, 9], "position": 1}, [1, 8, 9, 2]),
        ({"list": [1, 2], "entry": 9, "position": -1}, [1, 9, 2]),
        ({"list": [1, 2], "entry": 9, "position": 99}, [1, 2, 9]),
        ({"list": [1, 2], "entry": 9, "position": -(10**30)}, [9, 1, 2]),
        ({"list": [1], "entry": None}, [1]),
        ({"list": [1], "entry": False}, [1, False]),
        ({"list": [1], "entry": [2]}, [1, [2]]),
        ({"list": "[1, 2]", "entry": 3}, [1, 2, 3]),
        ({"list": "one", "entry": 3}, ["one", 3]),
    ],
)
async def test_add_to_list(values: dict[str, Any], updated: list[Any]) -> None:
    assert await run_block(AddToListBlock, values) == [("updated_list", updated)]


async def test_lists_are_copied() -> None:
    original = [1, 2]
    await run_block(AddToListBlock, {"list": original, "entry": 2})
    await run_block(ReverseListOrderBlock, {"input_list": original})
    assert original == [1, 2]


@pytest.mark.parametrize(
    ("items", "reversed_items"),
    [([], []), ([1, [2, 3], None], [None, [2, 3], 1]), ("[1, 2]", [2, 1]), ("ab", ["ab"]), (5, [5])],
)
async def test_reverse(items: Any, reversed_items: list[Any]) -> None:
    assert await run_block(ReverseListOrderBlock, {"input_list": items}) == [("reversed_list", reversed_items)]


@pytest.mark.parametrize(
    ("items", "is_empty"), [([], True), ([None], False), ([[]], False), ("[]", True), ("", False), ({}, True)]
)
async def test_list_is_empty(items: Any, is_empty: bool) -> None:
    assert await run_block(ListIsEmptyBlock, {"list": items}) == [("is_empty", is_empty)]


async def test_a_null_is_no_list() -> None:
    with pytest.raises(BlockInputError, match="pin 'list' needs a value"):
        await run_block(ListIsEmptyBlock, {"list": None})
    with pytest.raises(BlockInputError, match="pin 'input_list' needs a value"):
        await run_block(ReverseListOrderBlock, {"input_list": None})
