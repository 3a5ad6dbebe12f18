"""Texts."""

from collections.abc import AsyncIterator
from typing import Any

from activities.blocks._rendering import render_template
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin


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
