from typing import Any

import pytest

from activities.blocks.dictionaries import (
    AddToDictionaryBlock,
    CreateDictionaryBlock,
    DictionaryIsEmptyBlock,
    FindInDictionaryBlock,
    RemoveFromDictionaryBlock,
    ReplaceDictionaryValueBlock,
)
from models.blocks import Block
from models.errors import BlockError, BlockInputError
from tests.unit.blocks.running import run_block


async def test_create_dictionary_from_dynamic_pins() -> None:
    values = {"values": {"a": 0}, "values_#_b": 1, "values_#_long key!": None, "values_#_c_$_1": 2}
    expected = {"a": 0, "b": 1, "long key!": None, "c": [None, 2]}
    assert await run_block(CreateDictionaryBlock, values) == [("dictionary", expected)]


async def test_create_dictionary_needs_values() -> None:
    with pytest.raises(BlockInputError, match="pin 'values' needs a value"):
        await run_block(CreateDictionaryBlock, {})


@pytest.mark.parametrize(
    ("values", "updated"),
    [
        ({}, {}),
        ({"key": "a", "value": 1}, {"a": 1}),
        ({"dictionary": {"a": 1}, "key": "a", "value": 2}, {"a": 2}),
        ({"dictionary": {"a": 1}, "key": "b"}, {"a": 1}),
        ({"dictionary": {"a": 1}, "value": 2}, {"a": 1}),
        ({"dictionary": {"a": 1}, "key": "", "value": 2}, {"a": 1}),
        ({"key": "f", "value": False}, {"f": False}),
        ({"key": "a", "value": 1, "entries": {"a": 2, "b": None}}, {"a": 2, "b": None}),
        ({"key": 7, "value": "x"}, {"7": "x"}),
        ({"dictionary": '{"a": 1}', "entries_#_b": 2}, {"a": 1, "b": 2}),
        ({"dictionary": [5], "key": "\U0001f600", "value": "e\u0301"}, {"0": 5, "\U0001f600": "e\u0301"}),
    ],
)
async def test_add_to_dictionary(values: dict[str, Any], updated: dict[str, Any]) -> None:
    assert await run_block(AddToDictionaryBlock, values) == [("updated_dictionary", updated)]


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
        ([], 0, ("missing", [])),
        (RECORDS, "n", ("output", [1, 3])),
        ([{"n": None}, "n"], "n", ("output", [None])),
        ([5, {"n": 1}], "n", ("output", [])),
        ([{"m": 2}, {"n": 1}], "n", ("output", [])),
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


@pytest.mark.parametrize("text", ["", "not json", "{'a': 1}", "[" * 100_000])
async def test_find_in_bad_json(text: str) -> None:
    with pytest.raises(BlockError, match="Pin 'input': Not valid JSON"):
        await run_block(FindInDictionaryBlock, {"input": text, "key": "a"})


@pytest.mark.parametrize(
    ("key", "updated", "removed"), [("a", {"1": [2]}, None), ("1", {"a": None}, [2]), (1, {"a": None}, [2])]
)
async def test_remove(key: str | int, updated: dict[str, Any], removed: Any) -> None:
    values = {"dictionary": {"a": None, "1": [2]}, "key": key}
    expected = [("updated_dictionary", updated), ("removed_value", removed)]
    assert await run_block(RemoveFromDictionaryBlock, {**values, "return_value": True}) == expected
    assert await run_block(RemoveFromDictionaryBlock, values) == expected[:1]
    assert values["dictionary"] == {"a": None, "1": [2]}


async def test_replace() -> None:
    values = {"dictionary": {"a": 1, "b": None}, "key": "b", "value": [1]}
    expected = [("updated_dictionary", {"a": 1, "b": [1]}), ("old_value", None)]
    assert await run_block(ReplaceDictionaryValueBlock, values) == expected
    assert values["dictionary"] == {"a": 1, "b": None}


@pytest.mark.parametrize("block", [RemoveFromDictionaryBlock, ReplaceDictionaryValueBlock])
@pytest.mark.parametrize("key", ["b", "", "A", 0, "\U0001f600"])
async def test_a_missing_key_is_named(block: type[Block[Any]], key: str | int) -> None:
    with pytest.raises(BlockError) as caught:
        await run_block(block, {"dictionary": {"a": 1}, "key": key, "value": 1})
    assert caught.value.message == f"Key '{key}' not found in dictionary"


async def test_a_missing_huge_key_is_cut() -> None:
    with pytest.raises(BlockError) as caught:
        await run_block(RemoveFromDictionaryBlock, {"dictionary": {}, "key": "k" * 1_000_000})
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("dictionary", "is_empty"), [({}, True), ({"": None}, False), ("{}", True), ([], True), ([0], False), (0, False)]
)
async def test_dictionary_is_empty(dictionary: Any, is_empty: bool) -> None:
    assert await run_block(DictionaryIsEmptyBlock, {"dictionary": dictionary}) == [("is_empty", is_empty)]


async def test_a_null_is_no_dictionary() -> None:
    with pytest.raises(BlockInputError, match="pin 'dictionary' needs a value"):
        await run_block(DictionaryIsEmptyBlock, {"dictionary": None})
