import math
from typing import Any

import pytest

from activities.blocks.logic import (
    MAX_ITEMS,
    MAX_ITEMS_TEXT,
    CalculatorBlock,
    ConditionBlock,
    CountItemsBlock,
    StepThroughItemsBlock,
)
from models.errors import BlockError, BlockInputError, BlockOutputError
from models.json_values import normalise_json
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize(
    ("left", "operator", "right", "result"),
    [
        (1, "==", 1.0, True),
        ("0", "==", 0, True),
        (" 10 ", ">", "9", True),
        ("b", ">", "a", True),
        ("abc", "==", " abc ", True),
        (1, "!=", 2, True),
        (1, "<=", 1, True),
        (1, ">=", 2, False),
        ([1, {"a": 2}], "==", [1, {"a": 2}], True),
        (True, "==", 1, True),
        ("nan", "==", "nan", True),
        ("١٢", "==", 12, True),
    ],
)
async def test_condition_compares(left: Any, operator: str, right: Any, result: bool) -> None:
    emissions = await run_block(ConditionBlock, {"value1": left, "operator": operator, "value2": right})
    assert emissions[0] == ("result", result)
    assert emissions[1][0] == ("yes_output" if result else "no_output")
    assert len(emissions) == 2


async def test_condition_forwards_coerced_operands_by_default() -> None:
    values = {"value1": "10", "operator": ">", "value2": " 9.5 "}
    assert await run_block(ConditionBlock, values) == [("result", True), ("yes_output", 10.0)]
    values["operator"] = "<"
    assert await run_block(ConditionBlock, values) == [("result", False), ("no_output", 9.5)]


async def test_condition_forwards_its_own_values_even_falsy_ones() -> None:
    values = {"value1": 1, "operator": "==", "value2": 1, "yes_value": 0, "no_value": "n"}
    assert await run_block(ConditionBlock, values) == [("result", True), ("yes_output", 0)]
    values["value2"] = 2
    assert await run_block(ConditionBlock, values) == [("result", False), ("no_output", "n")]


async def test_condition_refuses_to_order_different_types() -> None:
    with pytest.raises(BlockError, match="Cannot compare string > number"):
        await run_block(ConditionBlock, {"value1": "x", "operator": ">", "value2": 1})


async def test_condition_names_a_wrong_operator() -> None:
    with pytest.raises(BlockInputError, match=r"pin 'operator'.*'=='"):
        await run_block(ConditionBlock, {"value1": 1, "operator": "=", "value2": 1})


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [
        ("Add", 1, 2, 3.0),
        ("Subtract", "5", 2, 3.0),
        ("Multiply", 2.5, 4, 10.0),
        ("Divide", 1, 4, 0.25),
        ("Power", 2, 10, 1024.0),
        ("Add", "abc", [1, 2, 3], 3.0),
        ("Divide", 1, 0, math.inf),
        ("Power", 0, -1, math.inf),
    ],
)
async def test_calculator(operation: str, a: Any, b: Any, result: float) -> None:
    assert await run_block(CalculatorBlock, {"operation": operation, "a": a, "b": b}) == [("result", result)]


@pytest.mark.parametrize(("a", "rounded"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0)])
async def test_calculator_rounds_half_to_even(a: float, rounded: int) -> None:
    values = {"operation": "Add", "a": a, "b": 0, "round_result": True}
    emissions = await run_block(CalculatorBlock, values)
    assert emissions == [("result", rounded)]
    assert type(emissions[0][1]) is int


@pytest.mark.parametrize(
    "values",
    [
        {"operation": "Power", "a": 10, "b": 400},
        {"operation": "Multiply", "a": 1e308, "b": 10, "round_result": True},
        {"operation": "Power", "a": -8, "b": 0.5, "round_result": True},
    ],
)
async def test_calculator_answers_nan_which_is_null_as_json(values: dict[str, Any]) -> None:
    [(pin, result)] = await run_block(CalculatorBlock, values)
    assert pin == "result"
    assert math.isnan(result)
    assert normalise_json(result) is None


async def test_calculator_refuses_complex_results() -> None:
    with pytest.raises(BlockOutputError, match="Block produced an invalid output data"):
        await run_block(CalculatorBlock, {"operation": "Power", "a": -8, "b": 0.5})


async def test_calculator_names_every_wrong_pin() -> None:
    with pytest.raises(BlockInputError) as caught:
        await run_block(CalculatorBlock, {"operation": "Modulo", "a": None})
    message = caught.value.message
    assert message.startswith("Unable to execute block with invalid input data: CalculatorBlock (b1ab9b19-")
    for pin in ("operation", "a", "b"):
        assert f"pin {pin!r}" in message


async def test_step_through_items_emits_item_then_key_of_all_sources_in_order() -> None:
    values = {"items_str": '{"z": 5}', "items_object": {"k": None}, "items": ["a", "b"]}
    assert await run_block(StepThroughItemsBlock, values) == [
        *(("item", "a"), ("key", 0)),
        *(("item", "b"), ("key", 1)),
        *(("item", None), ("key", "k")),
        *(("item", 5), ("key", "z")),
    ]


@pytest.mark.parametrize("values", [{}, {"items": []}, {"items_str": "  "}, {"items": None, "items_object": {}}])
async def test_step_through_nothing(values: dict[str, Any]) -> None:
    assert await run_block(StepThroughItemsBlock, values) == []


async def test_step_through_items_reads_text_where_a_list_is_expected() -> None:
    assert await run_block(StepThroughItemsBlock, {"items": "[1]"}) == [("item", 1), ("key", 0)]


async def test_step_through_items_limits() -> None:
    assert len(await run_block(StepThroughItemsBlock, {"items": [0] * MAX_ITEMS})) == 2 * MAX_ITEMS
    with pytest.raises(BlockError, match="Too many items: 10001"):
        await run_block(StepThroughItemsBlock, {"items": [0] * (MAX_ITEMS + 1)})
    with pytest.raises(BlockError, match="Input too large: 1048577"):
        await run_block(StepThroughItemsBlock, {"items_str": " " * (MAX_ITEMS_TEXT + 1)})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Not valid JSON"),
        ("5", "got number"),
        ("null", "got null"),
        ("[" * 200 + "]" * 200, "nested more than 100"),
        ("[" * 100_000, "Not valid JSON"),
    ],
)
async def test_step_through_bad_text(text: str, problem: str) -> None:
    with pytest.raises(BlockError, match=problem) as caught:
        await run_block(StepThroughItemsBlock, {"items_str": text})
    assert caught.value.message.startswith("Pin 'items_str': ")


async def test_step_through_text_with_what_json_lacks() -> None:
    emissions = await run_block(StepThroughItemsBlock, {"items_str": '[NaN, "\\ud800", "\\u0000"]'})
    assert [value for pin, value in emissions if pin == "item"] == [None, "\ufffd", "\ufffd"]


@pytest.mark.parametrize(
    ("collection", "count"),
    [("häß\U0001f600", 4), ([1, None], 2), ({"a": 1}, 1), ("", 0), ([], 0), (5, -1), (1.5, -1), (True, -1)],
)
async def test_count_items(collection: Any, count: int) -> None:
    assert await run_block(CountItemsBlock, {"collection": collection}) == [("count", count)]
