"""Decisions and arithmetic."""

import math
import operator
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.coercion import to_boolean, to_dictionary, to_float, to_integer, to_list, to_text
from models.errors import BlockError, BlockOutputError
from models.json_values import json_type
from models.value_store import is_heavy

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def _operand(value: Any) -> Any:
    """Text is trimmed and becomes a float if it reads as a finite one ("nan" and "inf" are words here)."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


class ConditionInput(BlockInput):
    value1: Any = pin(description="Left operand")
    operator: Literal["==", "!=", ">", "<", ">=", "<="] = pin(description="Comparison")
    value2: Any = pin(description="Right operand")
    yes_value: Any = pin(None, description="Emitted if true; by default value1")
    no_value: Any = pin(None, description="Emitted if false; by default value2")


class ConditionOutput(BlockOutput):
    result: bool = pin(description="Whether the comparison holds")
    yes_output: Any = pin(description="Emitted only if it holds")
    no_output: Any = pin(description="Emitted only if it does not hold")


class ConditionBlock(Block[ConditionInput]):
    """Emits `result`, then one of the two outputs; without a value of its own an output forwards its operand."""

    id = "715696a0-e1da-45c8-b209-c2fa9c3b0be6"
    description = "Compares two values and continues on one of two branches."
    Input = ConditionInput
    Output = ConditionOutput
    categories = (BlockCategory.LOGIC,)
    examples = (
        BlockExample(
            title="Numbers in text count as numbers",
            input={"value1": "10", "operator": ">", "value2": 9, "yes_value": "more", "no_value": "less"},
            output=(("result", True), ("yes_output", "more")),
        ),
        BlockExample(
            title="Without a value of its own, an output forwards its operand",
            input={"value1": "a", "operator": "==", "value2": "b"},
            output=(("result", False), ("no_output", "b")),
        ),
        BlockExample(
            title="Only values of one type can be ordered",
            input={"value1": [1], "operator": "<", "value2": 2},
            error="Cannot compare array < number",
        ),
    )

    async def run(self, input: ConditionInput, context: BlockContext) -> AsyncIterator[Emission]:
        left, right = _operand(input.value1), _operand(input.value2)
        try:
            result = _COMPARISONS[input.operator](left, right)
        except TypeError as error:
            raise BlockError(
                f"Cannot compare {json_type(left)} {input.operator} {json_type(right)}. Compare equal types."
            ) from error
        yield "result", result
        if result:
            yield "yes_output", left if input.yes_value is None else input.yes_value
        else:
            yield "no_output", right if input.no_value is None else input.no_value


_CONVERTERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (bool, to_boolean),
    (int, to_integer),
    (float, to_float),
    (str, to_text),
    (list, to_list),
    (dict, to_dictionary),
)


class IfInputMatchesInput(BlockInput):
    input: Any = pin(description="What to test")
    value: Any = pin(description="What it has to be")
    yes_value: Any = pin(None, description="Emitted if it is")
    no_value: Any = pin(None, description="Emitted if it is not")


class IfInputMatchesOutput(BlockOutput):
    result: bool = pin(description="Whether it is")
    yes_output: Any = pin(description="Emitted only if it is")
    no_output: Any = pin(description="Emitted only if it is not")


class IfInputMatchesBlock(Block[IfInputMatchesInput]):
    """Equal as they are, or once `value` has the type of `input`: "10" matches 10, and a text that is no number 0.

    An output without a value of its own is null; it forwards neither operand.
    """

    id = "6dbbc4b3-ca6c-42b6-b508-da52d23e13f2"
    description = "Tests whether a value is the expected one and continues on one of two branches."
    Input = IfInputMatchesInput
    Output = IfInputMatchesOutput
    categories = (BlockCategory.LOGIC,)
    examples = (
        BlockExample(
            title="It is",
            input={"input": "blue", "value": "blue", "yes_value": "sky", "no_value": "sea"},
            output=(("result", True), ("yes_output", "sky")),
        ),
        BlockExample(
            title="It is not, and there is no value for that",
            input={"input": [1], "value": [2], "yes_value": 1},
            output=(("result", False), ("no_output", None)),
        ),
        BlockExample(
            title="It is, as a number",
            input={"input": 10, "value": "10", "yes_value": True},
            output=(("result", True), ("yes_output", True)),
        ),
    )

    async def run(self, input: IfInputMatchesInput, context: BlockContext) -> AsyncIterator[Emission]:
        result = input.input == input.value
        if not result:
            large = is_heavy(input.value)
            result = input.input == await beside_the_loop(large, _converted_to_type_of, input.input, input.value)
        yield "result", result
        if result:
            yield "yes_output", input.yes_value
        else:
            yield "no_output", input.no_value


def _converted_to_type_of(example: Any, value: Any) -> Any:
    convert = next((convert for kind, convert in _CONVERTERS if isinstance(example, kind)), None)
    return value if convert is None else convert(value)


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "Power": operator.pow,
}


class CalculatorInput(BlockInput):
    operation: Literal["Add", "Subtract", "Multiply", "Divide", "Power"] = pin(description="What to calculate")
    a: float = pin(description="Left operand")
    b: float = pin(description="Right operand")
    round_result: bool = pin(False, description="Round half to even, to an integer")


class CalculatorOutput(BlockOutput):
    result: float = pin(description="The result")


class CalculatorBlock(Block[CalculatorInput]):
    """Arithmetic never fails the node: x/0 is infinity, an overflow is NaN.

    Neither is a JSON number, so both leave the block as floats and arrive as null (`normalise_json`).
    """

    id = "b1ab9b19-67a6-406d-abf5-2dba76d00c79"
    description = "Adds, subtracts, multiplies, divides or raises two numbers."
    Input = CalculatorInput
    Output = CalculatorOutput
    categories = (BlockCategory.LOGIC,)
    examples = (
        BlockExample(
            title="Division",
            input={"operation": "Divide", "a": 7, "b": 2},
            output=(("result", 3.5),),
        ),
        BlockExample(
            title="Rounding half to even",
            input={"operation": "Add", "a": 0.5, "b": 2, "round_result": True},
            output=(("result", 2),),
        ),
        BlockExample(
            title="Infinity is no JSON number",
            input={"operation": "Divide", "a": 1, "b": 0},
            output=(("result", None),),
        ),
    )

    async def run(self, input: CalculatorInput, context: BlockContext) -> AsyncIterator[Emission]:
        try:
            result = _OPERATIONS[input.operation](input.a, input.b)
            if input.round_result:
                result = round(result)
        except ZeroDivisionError:
            result = math.inf
        except (ArithmeticError, TypeError, ValueError):
            result = math.nan
        if isinstance(result, complex):
            raise BlockOutputError(
                "Block produced an invalid output data: a negative base with a fractional exponent has no real result."
            )
        yield "result", result
