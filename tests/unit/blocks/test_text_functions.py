"""Joining, splitting, replacing and counting texts."""

from typing import Any

import pytest

from activities.blocks.text import CombineTextsBlock, TextReplaceBlock, TextSplitBlock, WordCharacterCountBlock
from models.errors import BlockError, BlockInputError, ValueTooLargeError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("values", "joined"),
    [
        ({"input": ["Hello world I like ", "cake and to go for walks"]}, "Hello world I like cake and to go for walks"),
        ({"input": ["This is a test", "Hi!"], "delimiter": "! "}, "This is a test! Hi!"),
        ({"input": ["one"], "delimiter": ", "}, "one"),
        ({"input": ["", ""], "delimiter": ","}, ","),
        ({"input": [1, {"a": None}, True], "delimiter": " "}, '1 {"a": null} true'),
        ({"input": "alone"}, "alone"),
        ({"input": ["\U0001f469\u200d", "\U0001f680"]}, "\U0001f469\u200d\U0001f680"),
        ({"input_$_1": "b", "input_$_0": "a", "delimiter": "-"}, "a-b"),
    ],
)
async def test_combine(values: dict[str, Any], joined: str) -> None:
    assert await run_block(CombineTextsBlock, values) == [("output", joined)]


async def test_combine_names_the_gap_in_a_list() -> None:
    with pytest.raises(BlockInputError, match="pin 'input' at 1"):
        await run_block(CombineTextsBlock, {"input_$_0": "a", "input_$_2": "c"})


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"text": "Hello, World!", "delimiter": ","}, ["Hello", "World!"]),
        ({"text": "Hello, World!", "delimiter": ",", "strip": False}, ["Hello", " World!"]),
        ({"text": "", "delimiter": ","}, []),
        ({"text": "", "delimiter": ""}, []),
        ({"text": ",", "delimiter": ","}, ["", ""]),
        ({"text": " ", "delimiter": ","}, [""]),
        ({"text": "a.b", "delimiter": "."}, ["a", "b"]),
        ({"text": "\u00a0a\u3000|b", "delimiter": "|"}, ["a", "b"]),
        ({"text": 1.5, "delimiter": "."}, ["1", "5"]),
    ],
)
async def test_split(values: dict[str, Any], parts: list[str]) -> None:
    assert await run_block(TextSplitBlock, values) == [("texts", parts)]


async def test_split_needs_a_delimiter() -> None:
    with pytest.raises(BlockError, match="delimiter is empty"):
        await run_block(TextSplitBlock, {"text": "a", "delimiter": ""})
    with pytest.raises(BlockInputError, match="pin 'delimiter' needs a value"):
        await run_block(TextSplitBlock, {"text": "a", "delimiter": None})


@pytest.mark.parametrize(
    ("text", "old", "new", "output"),
    [
        ("Hello, World!", "Hello", "Hi", "Hi, World!"),
        ("aaa", "aa", "b", "ba"),
        ("A.a", ".", "*", "A*a"),
        ("Aa", "a", "", "A"),
        ("ab", "", "-", "-a-b-"),
        ("", "", "x", "x"),
        ("x", "y", "z", "x"),
        ("e\u0301", "\u0301", "", "e"),
    ],
)
async def test_replace(text: str, old: str, new: str, output: str) -> None:
    assert await run_block(TextReplaceBlock, {"text": text, "old": old, "new": new}) == [("output", output)]


@pytest.mark.parametrize(
    ("text", "words", "characters"),
    [("Hello, how are you?", 4, 19), ("", 0, 0), (" \t\n", 0, 3), ("a\u00a0b\u3000c", 3, 5), ("\U0001f600", 1, 1)],
)
async def test_count(text: str, words: int, characters: int) -> None:
    expected = [("word_count", words), ("character_count", characters)]
    assert await run_block(WordCharacterCountBlock, {"text": text}) == expected


async def test_what_grows_beyond_a_value_is_refused_before_it_is_made() -> None:
    many, much = "a" * 100_000, "b" * 10_000
    with pytest.raises(ValueTooLargeError):
        await run_block(TextReplaceBlock, {"text": many, "old": "a", "new": much})
    with pytest.raises(ValueTooLargeError):
        await run_block(CombineTextsBlock, {"input": [""] * 100_000, "delimiter": much})
    with pytest.raises(ValueTooLargeError):
        await run_block(TextSplitBlock, {"text": "," * 12_000_000, "delimiter": ","})
