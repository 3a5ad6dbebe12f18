"""The inputs and outputs of a graph. Their pins carry names chosen by users, so they declare no `error` pin."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import BaseModel

from activities.blocks._graph_pins import DEFAULT_TITLE, AnyResult, GraphInput, GraphPin, TextResult
from activities.blocks._rendering import render_template
from activities.templates import TemplateError
from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockExample,
    BlockKind,
    Emission,
    OutputWithoutError,
    pin,
)
from models.pins import ERROR_PIN


class AgentInputInput(GraphPin):
    """Nothing besides what all have."""


class AgentInputBlock(GraphInput, Block[Any]):
    id = "c0a8e994-ebf1-4a9c-a4d8-89d09c86741b"
    description = "An input of the graph, of any type."
    Input = AgentInputInput
    Output = AnyResult
    examples = (
        BlockExample(title="A value", input={"name": "topic", "value": {"a": 1}}, output=(("result", {"a": 1}),)),
        BlockExample(title="No value, no emission", input={"name": "topic"}),
    )


class AgentShortTextInputInput(GraphPin):
    value: str | None = pin(None, advanced=False, title=DEFAULT_TITLE, format="short-text")


class AgentShortTextInputBlock(GraphInput, Block[Any]):
    id = "7fcd3bcb-8e1b-4e69-903d-32d3d4a92158"
    description = "An input of the graph: one line of text."
    Input = AgentShortTextInputInput
    Output = TextResult
    examples = (BlockExample(input={"name": "city", "value": "Paris"}, output=(("result", "Paris"),)),)


class AgentNumberInputInput(GraphPin):
    value: int | None = pin(None, advanced=False, title=DEFAULT_TITLE)


class AgentNumberInputOutput(OutputWithoutError):
    result: int = pin(description="Value of the graph input")


class AgentNumberInputBlock(GraphInput, Block[Any]):
    id = "96dae2bb-97a2-41c2-bd2f-13a3b5a8ea98"
    description = "An input of the graph: an integer."
    Input = AgentNumberInputInput
    Output = AgentNumberInputOutput
    examples = (
        BlockExample(title="Text becomes a number", input={"name": "count", "value": "3"}, output=(("result", 3),)),
    )


_DEFAULT_NAME = "text"


class TextInputInput(GraphPin):
    name: str = pin(_DEFAULT_NAME, advanced=False, description="Name of the graph's input")
    value: Any = pin(None, advanced=False, title=DEFAULT_TITLE, format="short-text")


class TextInputBlock(GraphInput, Block[Any]):
    """The graph input `text` unless `name` says otherwise, emitted on a pin of that name and on `result`.

    Any JSON value passes unchanged. An input called `error` is emitted on `result` only: the pin of that name means
    failure.
    """

    id = "ea93abc2-ff44-4ec5-b954-1b4ae2cefb4b"
    description = "An input of the graph, emitted on a pin of its own name."
    Input = TextInputInput
    Output = AnyResult
    examples = (
        BlockExample(
            title="Emitted on a pin of its own name too",
            input={"name": "city", "value": "Paris"},
            output=(("city", "Paris"), ("result", "Paris")),
        ),
        BlockExample(
            title="The default name", input={"value": "Hello"}, output=(("text", "Hello"), ("result", "Hello"))
        ),
    )

    async def run(self, input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        if input.value is None:
            return
        name = input.name or _DEFAULT_NAME
        if name not in (ERROR_PIN, "result"):
            yield name, input.value
        yield "result", input.value

    @classmethod
    def graph_pin_name(cls, input_default: Mapping[str, Any]) -> str | None:
        return super().graph_pin_name(input_default) or _DEFAULT_NAME

    @classmethod
    def has_output_pin(cls, pin_name: str, input_default: Mapping[str, Any]) -> bool:
        return pin_name == cls.graph_pin_name(input_default) or super().has_output_pin(pin_name, input_default)

    @classmethod
    def check_emission(cls, pin_name: str, input: BaseModel) -> bool:
        return pin_name == (getattr(input, "name", None) or _DEFAULT_NAME) or super().check_emission(pin_name, input)


class AgentOutputInput(GraphPin):
    value: Any = pin(None, advanced=False, description="Value of the graph output")
    format: str = pin("", description="Jinja2 template that formats the value")
    escape_html: bool = pin(False, description="Escape HTML in values the template prints")


class AgentOutputOutput(OutputWithoutError):
    output: Any = pin(description="The value, formatted if there is a format")
    name: Any = pin(description="Name of the output, if there is no format")


class AgentOutputBlock(Block[Any]):
    """Emits the value and the output's name; with a `format`, the rendered text alone.

    The template sees the value under the output's name. A failing template is reported in the output itself, because
    the run's result is where its author looks.
    """

    id = "363ae599-353e-4804-937e-b2ee3cef3da4"
    description = "An output of the graph, optionally formatted by a template."
    Input = AgentOutputInput
    Output = AgentOutputOutput
    categories = (BlockCategory.OUTPUT, BlockCategory.BASIC)
    kind = BlockKind.OUTPUT
    static_output = True
    examples = (
        BlockExample(
            title="A value and its name",
            input={"name": "answer", "value": 42},
            output=(("output", 42), ("name", "answer")),
        ),
        BlockExample(
            title="Formatted",
            input={"name": "answer", "value": 42, "format": "It is {{ answer }}."},
            output=(("output", "It is 42."),),
        ),
    )

    async def run(self, input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        if not input.format:
            yield "output", input.value
            yield "name", input.name
            return
        try:
            values = {input.name: input.value}
            rendered = await render_template(input.format, values, escape_html=input.escape_html, context=context)
        except TemplateError as error:
            rendered = f"Error: {error.message}, {input.value}"
        yield "output", rendered
