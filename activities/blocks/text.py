"""Texts."""

from collections.abc import AsyncIterator
from typing import Any, Final

from activities.blocks._rendering import render_template
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, ValueTooLargeError
from models.values import VALUE_LIMIT_BYTES


class FillTextTemplateInput(BlockInput):
    values: dict[str, Any] = pin(description="Variables, usually linked one by one to `values_#_<name>`")
    format: str = pin(description="Jinja2 template")
    escape_html: bool = pin(False, description="Escape HTML in values the template prints")


class FillTextTemplateOutput(BlockOutput):
    output: str = pin(description="The rendered text")


class FillTextTemplateBlock(Block[FillTextTemplateInput]):
    """Undefined variables render as nothing; a failing template fails the node."""

    id = "db7d8f02-2f44-4c55-ab7a-eae0941f0c30"
    description = "Fills a text template with values."
    Input = FillTextTemplateInput
    Output = FillTextTemplateOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Values linked one by one",
            input={"format": "Dear {{ name }}, you are {{ age }}.", "values_#_name": "Ada", "values_#_age": 36},
            output=(("output", "Dear Ada, you are 36."),),
        ),
        BlockExample(
            title="HTML in values escaped",
            input={"format": "<p>{{ text }}</p>", "values": {"text": "a < b"}, "escape_html": True},
            output=(("output", "<p>a &lt; b</p>"),),
        ),
    )

    async def run(self, input: FillTextTemplateInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield (
            "output",
            await render_template(input.format, input.values, escape_html=input.escape_html, context=context),
        )


class CombineTextsInput(BlockInput):
    input: list[str] = pin(description="Texts, usually linked one by one to `input_$_<number>`")
    delimiter: str = pin("", description="Text between them")


class CombineTextsOutput(BlockOutput):
    output: str = pin(description="The joined text")


class CombineTextsBlock(Block[CombineTextsInput]):
    id = "e30a4d42-7b7d-4e6a-b36e-1f9b8e3b7d85"
    description = "Joins texts with a delimiter."
    Input = CombineTextsInput
    Output = CombineTextsOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Texts linked one by one",
            input={"input_$_0": "to be", "input_$_1": "not to be", "delimiter": " or "},
            output=(("output", "to be or not to be"),),
        ),
        BlockExample(title="Nothing to join", input={"input": [], "delimiter": ", "}, output=(("output", ""),)),
    )

    async def run(self, input: CombineTextsInput, context: BlockContext) -> AsyncIterator[Emission]:
        _check_size(sum(map(len, input.input)) + len(input.delimiter) * len(input.input))
        yield "output", input.delimiter.join(input.input)


class TextSplitInput(BlockInput):
    text: str = pin(description="The text to split")
    delimiter: str = pin(description="Where to split: exactly this text")
    strip: bool = pin(True, description="Remove white space around every part")


class TextSplitOutput(BlockOutput):
    texts: list[str] = pin(description="The parts, empty ones too")


class TextSplitBlock(Block[TextSplitInput]):
    """An empty text has no parts at all."""

    id = "d5ea33c8-a575-477a-b42f-2fe3be5055ec"
    description = "Splits a text at a delimiter."
    Input = TextSplitInput
    Output = TextSplitOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Empty parts are kept",
            input={"text": "red, green,, blue", "delimiter": ","},
            output=(("texts", ["red", "green", "", "blue"]),),
        ),
        BlockExample(
            title="Without removing white space",
            input={"text": "a; b", "delimiter": ";", "strip": False},
            output=(("texts", ["a", " b"]),),
        ),
        BlockExample(
            title="An empty delimiter splits nowhere",
            input={"text": "abc", "delimiter": ""},
            error="The delimiter is empty",
        ),
    )

    async def run(self, input: TextSplitInput, context: BlockContext) -> AsyncIterator[Emission]:
        if not input.text:
            yield "texts", []
            return
        if not input.delimiter:
            raise BlockError("The delimiter is empty. Give the text at which to split.")
        _check_size(_SHORTEST_ITEM_BYTES * input.text.count(input.delimiter))
        parts = input.text.split(input.delimiter)
        yield "texts", [part.strip() for part in parts] if input.strip else parts


class TextReplaceInput(BlockInput):
    text: str = pin(description="The text to change")
    old: str = pin(description="What to replace: exactly this text, in this case")
    new: str = pin(description="What to put there")


class TextReplaceOutput(BlockOutput):
    output: str = pin(description="The changed text")


class TextReplaceBlock(Block[TextReplaceInput]):
    id = "7e7c87ab-3469-4bcc-9abe-67705091b713"
    description = "Replaces every occurrence of a text by another."
    Input = TextReplaceInput
    Output = TextReplaceOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Every occurrence",
            input={"text": "one fish, two fish", "old": "fish", "new": "bird"},
            output=(("output", "one bird, two bird"),),
        ),
        BlockExample(
            title="No text is everywhere",
            input={"text": "ab", "old": "", "new": "-"},
            output=(("output", "-a-b-"),),
        ),
    )

    async def run(self, input: TextReplaceInput, context: BlockContext) -> AsyncIterator[Emission]:
        growth = len(input.new) - len(input.old)
        _check_size(len(input.text) + max(growth, 0) * input.text.count(input.old))
        yield "output", input.text.replace(input.old, input.new)


class WordCharacterCountInput(BlockInput):
    text: str = pin(description="The text to count")


class WordCharacterCountOutput(BlockOutput):
    word_count: int = pin(description="Words: what stands between white space")
    character_count: int = pin(description="Characters, white space included")


class WordCharacterCountBlock(Block[WordCharacterCountInput]):
    id = "ab2a782d-22cf-4587-8a70-55b59b3f9f90"
    description = "Counts the words and characters of a text."
    Input = WordCharacterCountInput
    Output = WordCharacterCountOutput
    categories = (BlockCategory.TEXT,)
    examples = (
        BlockExample(
            title="Words and characters",
            input={"text": "Good morning, dear  neighbour"},
            output=(("word_count", 4), ("character_count", 29)),
        ),
        BlockExample(
            title="White space alone", input={"text": " \n"}, output=(("word_count", 0), ("character_count", 2))
        ),
    )

    async def run(self, input: WordCharacterCountInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "word_count", len(input.text.split())
        yield "character_count", len(input.text)


_SHORTEST_ITEM_BYTES: Final = 3
"""Of a JSON list of texts: quotes and comma."""


def _check_size(least_bytes: int) -> None:
    """Refuses, before it takes the memory, what could not be passed on anyway."""
    if least_bytes > VALUE_LIMIT_BYTES:
        raise ValueTooLargeError(
            f"The result would have more than {least_bytes} bytes; the limit of a value is {VALUE_LIMIT_BYTES} bytes. "
            "Split the text into smaller parts."
        )
