import math
from typing import Any

import pytest

from activities.blocks.logic import CalculatorBlock, ConditionBlock, IfInputMatchesBlock
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
    ("value", "expected"),
    [
        (10, 10),
        (10, 10.0),
        (1, True),
        (10, "10"),
        ("10", 10),
        ("[1]", [1]),
        ([1], "[1]"),
        ([1], 1),
        ({"a": 1}, '{"a": 1}'),
        (True, "TRUE"),
        (False, "anything"),
        (0, "anything"),
        (1.5, " 1.5 "),
        ("\U0001f600", "\U0001f600"),
        ("null", "null"),
    ],
)
async def test_input_matches(value: Any, expected: Any) -> None:
    values = {"input": value, "value": expected, "yes_value": ["yes"], "no_value": "no"}
    assert await run_block(IfInputMatchesBlock, values) == [("result", True), ("yes_output", ["yes"])]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(10, 11), (10, "None"), ("a", "A"), ("e\u0301", "\u00e9"), ([1], [2]), ("", 0), (10**30, 10**30 + 1)],
)
async def test_input_does_not_match(value: Any, expected: Any) -> None:
    values = {"input": value, "value": expected, "yes_value": "yes", "no_value": {"no": 1}}
    matches = [("result", False), ("no_output", {"no": 1})]
    assert await run_block(IfInputMatchesBlock, values) == matches


async def test_input_matches_without_values_of_its_own() -> None:
    assert await run_block(IfInputMatchesBlock, {"input": 1, "value": 1}) == [("result", True), ("yes_output", None)]
    assert await run_block(IfInputMatchesBlock, {"input": 1, "value": 2}) == [("result", False), ("no_output", None)]
    falsy = {"input": 1, "value": 1, "yes_value": 0}
    assert await run_block(IfInputMatchesBlock, falsy) == [("result", True), ("yes_output", 0)]


@pytest.mark.parametrize("pin", ["input", "value"])
async def test_input_matches_needs_both(pin: str) -> None:
    with pytest.raises(BlockInputError, match=f"pin '{pin}' needs a value"):
        await run_block(IfInputMatchesBlock, {"input": 1, "value": 1, pin: None})


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
