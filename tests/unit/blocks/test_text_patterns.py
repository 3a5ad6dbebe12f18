"""Patterns read as Python's and run in linear time."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.blocks.text_patterns import ExtractTextInformationBlock, MatchTextPatternBlock
from models.errors import BlockError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("values", "emission"),
    [
        ({"text": "ABC", "match": "ab", "data": "X", "case_sensitive": False}, ("positive", "X")),
        ({"text": "ABC", "match": "ab", "data": "Y", "case_sensitive": True}, ("negative", "Y")),
        ({"text": "Hello World!", "match": ".orld.+", "data": "Z"}, ("positive", "Z")),
        ({"text": "Hello World!", "match": "World![a-z]+", "data": "Z"}, ("negative", "Z")),
        ({"text": "a\nb", "match": "a.b"}, ("positive", "a\nb")),
        ({"text": "a\nb", "match": "a.b", "dot_all": False}, ("negative", "a\nb")),
        ({"text": "", "match": ""}, ("positive", "")),
        ({"text": "x", "match": "y", "data": 0}, ("negative", "x")),
        ({"text": {"a": [1, "é"]}, "match": r'"a": \[1, "é"\]'}, ("positive", {"a": [1, "é"]})),
        ({"text": 12, "match": r"^\d+$"}, ("positive", 12)),
        ({"text": False, "match": "false"}, ("positive", False)),
        ({"text": "ÄRGER", "match": "ärger", "case_sensitive": False}, ("positive", "ÄRGER")),
    ],
)
async def test_match(values: dict[str, Any], emission: tuple[str, Any]) -> None:
    assert await run_block(MatchTextPatternBlock, values) == [emission]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "no regular expression: missing"),
        ("[a", "no regular expression: missing"),
        ("*", "no regular expression: no argument"),
        ("a\\", "no regular expression: trailing"),
        (r"\u12", "no regular expression: incomplete escape"),
        (r"(?=a)", "has look-ahead"),
        (r"a(?!b)", "has look-ahead"),
        (r"(?<=a)b", "has look-behind"),
        (r"(?<!a)b", "has look-behind"),
        (r"(a)\1", "has a back-reference"),
        (r"(?P<n>a)(?P=n)", "has a back-reference"),
        (r"(?>a)", "has an atomic group"),
        (r"a++", "has a possessive repetition"),
        (r"(a)?(?(1)b)", "has a condition"),
        (r"(?x) a", "has the flag `x`"),
        (r"a{1001}", "repeats too much"),
        (r"((a{100}){100}){100}", "repeats too much"),
        ("a" * 10_001, "more than 10000 characters"),
    ],
)
async def test_patterns_that_cannot_be_run(pattern: str, reason: str) -> None:
    with pytest.raises(BlockError, match=re.escape(reason)):
        await run_block(MatchTextPatternBlock, {"text": "a", "match": pattern})


async def test_patterns_that_explode_elsewhere_take_linear_time() -> None:
    values = {"text": "x" * 300_000, "match": "(x+x+)+y"}
    assert await run_block(MatchTextPatternBlock, values) == [("negative", values["text"])]


async def test_a_large_pattern_on_a_large_text_is_refused() -> None:
    values = {"text": "x" * 1_000_000, "match": "(?:.?){1000}.{1000}z"}
    with pytest.raises(BlockError, match="too large for a text of 1000000 characters"):
        await run_block(MatchTextPatternBlock, values)
    with pytest.raises(BlockError, match="too large for a text"):
        await run_block(ExtractTextInformationBlock, {"text": values["text"], "pattern": values["match"]})


def found(*results: str) -> list[tuple[str, Any]]:
    return [
        *(("positive", result) for result in results),
        ("matched_results", [*results]),
        ("matched_count", len(results)),
    ]


def nothing_in(text: Any) -> list[tuple[str, Any]]:
    return [("negative", text), ("matched_results", []), ("matched_count", 0)]


@pytest.mark.parametrize(
    ("values", "emissions"),
    [
        ({"text": "Hello, World!", "pattern": "Hello, (.+)", "group": 1}, found("World!")),
        ({"text": "Hello, World!", "pattern": "Hello, (.+)", "group": 0}, found("Hello, World!")),
        ({"text": "Hello, World!", "pattern": "Hello, (.+)", "group": 2}, nothing_in("Hello, World!")),
        ({"text": "Hello, World!", "pattern": "Hello, (.+)", "group": -1}, nothing_in("Hello, World!")),
        ({"text": "hello", "pattern": "HELLO"}, nothing_in("hello")),
        ({"text": "hello", "pattern": "HELLO", "case_sensitive": False}, found("hello")),
        ({"text": "a1 b22", "pattern": r"\d+"}, found("1")),
        ({"text": "a1 b22", "pattern": r"\d+", "find_all": True}, found("1", "22")),
        ({"text": "ab a", "pattern": "a(b)?", "group": 1, "find_all": True}, found("b")),
        ({"text": "x\ny", "pattern": ".+", "dot_all": False, "find_all": True}, found("x", "y")),
        ({"text": {"a": 1}, "pattern": r'"(\w+)"', "group": 1}, found("a")),
        ({"text": [1], "pattern": "z"}, nothing_in([1])),
        ({"text": "x", "pattern": "("}, nothing_in("x")),
        ({"text": "", "pattern": "a*"}, found("")),
    ],
)
async def test_extract(values: dict[str, Any], emissions: list[tuple[str, Any]]) -> None:
    assert await run_block(ExtractTextInformationBlock, values) == emissions


async def test_extractions_are_limited() -> None:
    text = "x" * 1_000_000 + "y" * 5
    assert (await run_block(ExtractTextInformationBlock, {"text": text, "pattern": "y"}))[0] == ("negative", text)
    [(_, first), *_] = await run_block(ExtractTextInformationBlock, {"text": text, "pattern": "x+"})
    assert first == "x" * 10_000
    emissions = await run_block(ExtractTextInformationBlock, {"text": text, "pattern": "x", "find_all": True})
    assert emissions[-1] == ("matched_count", 1_000)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"(\(?x)", "(x"), (r"(\(?x)", "x"), (r"(\(?a)\w+", "aé"), (r"(\(?m)\nb$", "m\nb"), (r"(\.?x)", ".x")],
)
async def test_an_escaped_parenthesis_sets_no_flag(pattern: str, text: str) -> None:
    found_first, *_ = await run_block(ExtractTextInformationBlock, {"text": text, "pattern": pattern})
    assert found_first == ("positive", text)


LIKE_PYTHON = [
    *(r"\w+", r"[^\W_]+", r"[^\W\d_]+", r"\W+", r"[\W]+", r"\S+", r"[\s\S]", r"[^\S]+", r"\d+\Z", r"abc$", r"(a$)"),
    *(r"a{,2}b", r"[\b]", r"\w*", r"(?i)ÄB", r"(?u)\w", r"(?a)\w+", r"(?m)^\w+$", r"(?P<x>a)(b)?", r"\u00e9", r"\xe9"),
    *(r"\U0001f600", r"\_\é", r"[]a]+", r"[^]a]+", r"x(?#comment)y", r"(?s:.)+", r"a|b$", r"\$5", r"[$]", r"{x}"),
    *(r"[a-c\d.-]+", r"\.\-\"", r"\t\n", r"(?:ab|a)(c|bcd)(d*)", r"a{x}", r"(.+)$"),
]
TEXTS = [
    *("", "abc\n", "Ünï x_1 東", "a1b_ c", "x12\n", "aaab {x}", "a\u00a0b \u3000", "\x08é_é\U0001f600", "äb ÄB"),
    *("ab a\nb\n", "a]b]c", "xy $5 a{x}", "b\n", "b\nb", '.-" \t\n', "abcd", "\u203f\u0301\u00b2\u2167"),
]
CHARACTERS = st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_categories=["Cn", "Cs"])


@given(
    pattern=st.sampled_from(LIKE_PYTHON),
    text=st.sampled_from(TEXTS) | st.text(CHARACTERS, max_size=12),
    dot_all=st.booleans(),
)
async def test_patterns_find_what_python_finds(pattern: str, text: str, dot_all: bool) -> None:
    expected = [match.group() for match in re.finditer(pattern, text, re.DOTALL if dot_all else 0)]
    values = {"text": text, "pattern": pattern, "find_all": True, "dot_all": dot_all}
    assert await run_block(ExtractTextInformationBlock, values) == (found(*expected) if expected else nothing_in(text))


@pytest.mark.parametrize(("lazy", "text"), [("(.+?)$", "abc"), ("abc$", "abc")])
async def test_a_dollar_leaves_a_final_line_break_alone(lazy: str, text: str) -> None:
    assert await run_block(ExtractTextInformationBlock, {"text": "abc\n", "pattern": lazy}) == found(text)
