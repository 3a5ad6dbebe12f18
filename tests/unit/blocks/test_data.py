from typing import Any

import pytest

from activities.blocks.data import AddToListBlock, CreateDictionaryBlock, FindInDictionaryBlock
from models.errors import BlockError, BlockInputError
from tests.unit.blocks.running import run_block


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
        ({"list": [1, 2], "entry": 9, "position": -99}, [9, 1, 2]),
        ({"list": [1], "entry": None}, [1]),
        ({"list": [1], "entry": False}, [1, False]),
        ({"list": [1], "entry": [2]}, [1, [2]]),
        ({"list": "[1, 2]", "entry": 3}, [1, 2, 3]),
        ({"list": "one", "entry": 3}, ["one", 3]),
    ],
)
async def test_add_to_list(values: dict[str, Any], updated: list[Any]) -> None:
    assert await run_block(AddToListBlock, values) == [("updated_list", updated)]


async def test_add_to_list_copies() -> None:
    original = [1]
    await run_block(AddToListBlock, {"list": original, "entry": 2})
    assert original == [1]


async def test_create_dictionary_from_dynamic_pins() -> None:
    values = {"values": {"a": 0}, "values_#_b": 1, "values_#_long key!": None, "values_#_c_$_1": 2}
    expected = {"a": 0, "b": 1, "long key!": None, "c": [None, 2]}
    assert await run_block(CreateDictionaryBlock, values) == [("dictionary", expected)]


async def test_create_dictionary_needs_values() -> None:
    with pytest.raises(BlockInputError, match="pin 'values' needs a value"):
        await run_block(CreateDictionaryBlock, {})


RECORDS = [{"n": 1}, {"m": 2}, 5, {"n": 3}]


@pytest.mark.parametrize(
    ("source", "key", "emission"),
    [
        ({"a": 1}, "a", ("output", 1)),
        ({"a": None}, "a", ("output", None)),
        ({"1": "one"}, 1, ("output", "one")),
        ({"a": 1}, "b", ("missing", {"a": 1})),
        ([10, 11], 1, ("output", 11)),
        ([10, 11], 2, ("missing", [10, 11])),
        ([10, 11], -1, ("missing", [10, 11])),
        ([10, 11], "1", ("output", [])),
        ([], "n", ("output", [])),
        (RECORDS, "n", ("output", [1, 3])),
        ([5, {"n": 1}], "n", ("output", [1])),
        ('{"a": [1]}', "a", ("output", [1])),
        ("[4, 5]", 0, ("output", 4)),
        ('{"a": 1}', "b", ("missing", '{"a": 1}')),
        ("7", "a", ("missing", "7")),
        (7, "real", ("missing", 7)),
        ({"a": 1}, "__class__", ("missing", {"a": 1})),
        (["x"], "upper", ("output", [])),
    ],
)
async def test_find_in_dictionary(source: Any, key: Any, emission: tuple[str, Any]) -> None:
    assert await run_block(FindInDictionaryBlock, {"input": source, "key": key}) == [emission]


@pytest.mark.parametrize("text", ["", "not json", "{'a': 1}"])
async def test_find_in_bad_json(text: str) -> None:
    with pytest.raises(BlockError, match="Pin 'input': Not valid JSON"):
        await run_block(FindInDictionaryBlock, {"input": text, "key": "a"})
