from typing import Any

import pytest

from activities.blocks.graph_io import (
    AgentInputBlock,
    AgentNumberInputBlock,
    AgentOutputBlock,
    AgentShortTextInputBlock,
    TextInputBlock,
)
from models.blocks import Block, BlockKind
from models.coercion import build_input
from models.errors import BlockInputError
from tests.unit.blocks.running import run_block

INPUTS = [AgentInputBlock, AgentShortTextInputBlock, AgentNumberInputBlock, TextInputBlock]


@pytest.mark.parametrize("block", INPUTS)
async def test_null_value_emits_nothing(block: type[Block[Any]]) -> None:
    assert await run_block(block, {"name": "n", "value": None}) == []
    assert await run_block(block, {"name": "n"}) == []


@pytest.mark.parametrize("block", INPUTS)
def test_inputs_are_static_and_declare_no_error_pin(block: type[Block[Any]]) -> None:
    assert block.kind is BlockKind.INPUT
    assert block.static_output
    assert "error" not in block.output_schema()["properties"]


@pytest.mark.parametrize("value", [0, False, "", [], {}, [1, {"a": None}], "\U0001f600 e\u0301", 1.5])
async def test_any_value_passes_unchanged(value: object) -> None:
    assert await run_block(AgentInputBlock, {"name": "n", "value": value}) == [("result", value)]


async def test_legacy_pins_are_ignored() -> None:
    values = {"name": "n", "value": 1, "placeholder_values": ["a"], "limit_to_placeholder_values": True}
    assert await run_block(AgentInputBlock, values) == [("result", 1)]


async def test_a_name_is_required() -> None:
    with pytest.raises(BlockInputError, match=r"AgentInputBlock \(c0a8e994-.*pin 'name' needs a value"):
        await run_block(AgentInputBlock, {"value": 1})


@pytest.mark.parametrize(
    ("value", "result"), [("a", "a"), (5, "5"), ({"k": "ä"}, '{"k": "ä"}'), (True, "true"), ("", "")]
)
async def test_short_text_becomes_text(value: object, result: str) -> None:
    assert await run_block(AgentShortTextInputBlock, {"name": "n", "value": value}) == [("result", result)]


@pytest.mark.parametrize(
    ("value", "result"), [(7, 7), ("12", 12), ("3.7", 3), ("abc", 0), ([1, 2], 2), (True, 1), (10**30, 10**30)]
)
async def test_number_becomes_an_integer(value: object, result: int) -> None:
    emissions = await run_block(AgentNumberInputBlock, {"name": "n", "value": value})
    assert emissions == [("result", result)]
    assert type(emissions[0][1]) is int


async def test_text_input_is_called_text_unless_renamed() -> None:
    assert await run_block(TextInputBlock, {"value": "hi"}) == [("text", "hi"), ("result", "hi")]
    assert await run_block(TextInputBlock, {"name": "topic", "value": "hi"}) == [("topic", "hi"), ("result", "hi")]
    assert await run_block(TextInputBlock, {"name": "", "value": "hi"}) == [("text", "hi"), ("result", "hi")]
    assert TextInputBlock.graph_pin_name({}) == "text"
    assert TextInputBlock.graph_pin_name({"name": None}) == "text"
    assert TextInputBlock.graph_pin_name({"name": "topic"}) == "topic"


async def test_text_input_never_emits_twice_or_on_the_error_pin() -> None:
    assert await run_block(TextInputBlock, {"name": "result", "value": 1}) == [("result", 1)]
    assert await run_block(TextInputBlock, {"name": "error", "value": 1}) == [("result", 1)]


def test_text_input_has_a_pin_of_its_name() -> None:
    assert TextInputBlock.has_output_pin("text", {})
    assert TextInputBlock.has_output_pin("topic", {"name": "topic"})
    assert TextInputBlock.has_output_pin("result", {"name": "topic"})
    assert not TextInputBlock.has_output_pin("text", {"name": "topic"})
    renamed = build_input(TextInputBlock, {"name": "topic"})
    assert TextInputBlock.check_emission("topic", renamed)
    assert not TextInputBlock.check_emission("text", renamed)


async def test_output_emits_value_then_name() -> None:
    assert await run_block(AgentOutputBlock, {"name": "out", "value": [1]}) == [("output", [1]), ("name", "out")]
    assert await run_block(AgentOutputBlock, {"name": "out"}) == [("output", None), ("name", "out")]


async def test_output_format_binds_the_value_to_the_name() -> None:
    values = {"name": "total", "value": 3, "format": "= {{ total }} {{ value }}"}
    assert await run_block(AgentOutputBlock, values) == [("output", "= 3 ")]


@pytest.mark.parametrize(("escape", "text"), [(True, "&lt;b&gt;<b>"), (False, "<b><b>")])
async def test_output_escapes_html_on_demand(escape: bool, text: str) -> None:
    values = {"name": "v", "value": "<b>", "format": "{{ v }}{{ v|safe }}", "escape_html": escape}
    assert await run_block(AgentOutputBlock, values) == [("output", text)]


async def test_output_reports_a_failing_template_as_its_value() -> None:
    emissions = await run_block(AgentOutputBlock, {"name": "v", "value": 5, "format": "{{ v.x.y }}"})
    assert emissions == [("output", "Error: Template error: 'int object' has no attribute 'x', 5")]
