"""Texts and regular expressions."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from pydantic import WithJsonSchema

from activities.blocks._patterns import InvalidPatternError, Pattern, compile_pattern
from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.coercion import to_text
from models.json_values import normalise_json

MAX_TEXT_CHARACTERS: Final = 1_000_000
MAX_MATCHES: Final = 1_000
MAX_MATCH_CHARACTERS: Final = 10_000
MAX_SECONDS: Final = 5.0
"""Limits of an extraction: what is beyond them is not looked at."""

_SMALL_TEXT: Final = 20_000
"""Characters that are searched at once; longer texts are searched in a thread, beside the event loop."""


class MatchTextPatternInput(BlockInput):
    text: Any = pin(description="The text to test; anything else is tested as JSON")
    match: str = pin(description="Regular expression, which may match anywhere in the text")
    data: Any = pin(None, description="What to pass on instead of the text")
    case_sensitive: bool = pin(True, description="Tell upper from lower case")
    dot_all: bool = pin(True, description="Let `.` match line breaks too")


class MatchTextPatternOutput(BlockOutput):
    positive: Any = pin(description="The data if the pattern matches")
    negative: Any = pin(description="The data if it does not")


class MatchTextPatternBlock(Block[MatchTextPatternInput]):
    """Passes on `data` if it is truthy, else the text."""

    id = "3060088f-6ed9-4928-9ba7-9c92823a7ccd"
    description = "Tests a text with a regular expression, and passes data on to one pin or the other."
    Input = MatchTextPatternInput
    Output = MatchTextPatternOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="A match anywhere",
            input={"text": "Invoice 2041 is due", "match": r"\d{4}", "data": {"id": 7}},
            output=(("positive", {"id": 7}),),
        ),
        BlockExample(
            title="Case counts",
            input={"text": "URGENT", "match": "urgent"},
            output=(("negative", "URGENT"),),
        ),
        BlockExample(
            title="Case does not count",
            input={"text": "URGENT", "match": "urgent", "case_sensitive": False},
            output=(("positive", "URGENT"),),
        ),
        BlockExample(
            title="No back-references",
            input={"text": "abab", "match": r"(ab)\1"},
            error="The pattern has a back-reference",
        ),
    )

    async def run(self, input: MatchTextPatternInput, context: BlockContext) -> AsyncIterator[Emission]:
        pattern = _compile(input.match, case_sensitive=input.case_sensitive, dot_all=input.dot_all)
        text = normalise_json(to_text(input.text))
        is_found = await beside_the_loop(len(text) > _SMALL_TEXT, pattern.is_found, text)
        yield "positive" if is_found else "negative", input.data or input.text


class ExtractTextInformationInput(BlockInput):
    text: Any = pin(description="The text to search; anything else is searched as JSON")
    pattern: str = pin(description="Regular expression")
    group: int = pin(0, description="Which group to take; 0 is the whole match")
    case_sensitive: bool = pin(True, description="Tell upper from lower case")
    dot_all: bool = pin(True, description="Let `.` match line breaks too")
    find_all: bool = pin(False, description="Take every match, not only the first")


class ExtractTextInformationOutput(BlockOutput):
    positive: str = pin(description="What was found, one by one")
    negative: Annotated[Any, WithJsonSchema({"type": "string"})] = pin(description="The text, if nothing was found")
    matched_results: list[str] = pin(description="All that was found")
    matched_count: int = pin(description="How much was found")


class ExtractTextInformationBlock(Block[ExtractTextInformationInput]):
    """A group the pattern does not have, and a pattern that is none, find nothing.

    Of a text the first 1 000 000 characters are searched, for at most 1 000 matches and about 5 seconds; a match is cut
    after 10 000 characters.
    """

    id = "3146e4fe-2cdd-4f29-bd12-0c9d5bb4deb0"
    description = "Finds text by a regular expression."
    Input = ExtractTextInformationInput
    Output = ExtractTextInformationOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="A group of the first match",
            input={"text": "to: Ann, cc: Bob", "pattern": r"(\w+): (\w+)", "group": 2},
            output=(("positive", "Ann"), ("matched_results", ["Ann"]), ("matched_count", 1)),
        ),
        BlockExample(
            title="Every match",
            input={"text": "to: Ann, cc: Bob", "pattern": r"(\w+): (\w+)", "group": 2, "find_all": True},
            output=(
                ("positive", "Ann"),
                ("positive", "Bob"),
                ("matched_results", ["Ann", "Bob"]),
                ("matched_count", 2),
            ),
        ),
        BlockExample(
            title="A group the pattern does not have",
            input={"text": "to: Ann", "pattern": r"\w+", "group": 1},
            output=(("negative", "to: Ann"), ("matched_results", []), ("matched_count", 0)),
        ),
        BlockExample(
            title="No look-behind",
            input={"text": "USD 12", "pattern": r"(?<=USD )\d+"},
            error="The pattern has look-behind",
        ),
    )

    async def run(self, input: ExtractTextInformationInput, context: BlockContext) -> AsyncIterator[Emission]:
        found: list[str] = []
        try:
            pattern = _compile(input.pattern, case_sensitive=input.case_sensitive, dot_all=input.dot_all)
        except InvalidPatternError:
            pattern = None
        if pattern is not None and 0 <= input.group <= pattern.groups:
            text = normalise_json(to_text(input.text)[:MAX_TEXT_CHARACTERS])
            limit = MAX_MATCHES if input.find_all else 1
            found = await beside_the_loop(len(text) > _SMALL_TEXT, _extract, pattern, text, input.group, limit)
        for match in found:
            yield "positive", match
        if not found:
            yield "negative", input.text
        yield "matched_results", found
        yield "matched_count", len(found)


def _compile(pattern: str, *, case_sensitive: bool, dot_all: bool) -> Pattern:
    return compile_pattern(normalise_json(pattern), case_sensitive=case_sensitive, dot_all=dot_all)


def _extract(pattern: Pattern, text: str, group: int, limit: int) -> list[str]:
    found: list[str] = []
    deadline = time.monotonic() + MAX_SECONDS
    for match in pattern.find_all(text, group):
        if time.monotonic() > deadline:
            return []
        if match is not None:
            found.append(match[:MAX_MATCH_CHARACTERS])
        if len(found) >= limit:
            break
    return found
