"""Decisions, arithmetic and loops."""

import math
import operator
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Literal

from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, BlockOutputError, InvalidRequestError
from models.json_values import json_type, load_json

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


MAX_ITEMS = 10_000
MAX_ITEMS_TEXT = 1_048_576


class StepThroughItemsInput(BlockInput):
    items: list[Any] = pin([], advanced=False, description="A list")
    items_object: dict[str, Any] = pin({}, advanced=False, description="An object")
    items_str: str = pin("", advanced=False, description="JSON text of a list or an object")


class StepThroughItemsOutput(BlockOutput):
    item: Any = pin(description="One element")
    key: Any = pin(description="Index of the element in its list, or its name in its object")


class StepThroughItemsBlock(Block[StepThroughItemsInput]):
    """Emits `item`, then `key` (index or name), for every element of the three inputs in their order."""

    id = "f66a3543-28d3-4ab5-8945-9b336371e2ce"
    description = "Emits the elements of a list or an object one after the other."
    Input = StepThroughItemsInput
    Output = StepThroughItemsOutput
    categories = (BlockCategory.LOGIC,)
    examples = (
        BlockExample(
            title="A list",
            input={"items": ["a", "b"]},
            output=(("item", "a"), ("key", 0), ("item", "b"), ("key", 1)),
        ),
        BlockExample(
            title="An object, and a list as JSON text",
            input={"items_object": {"name": "Ada"}, "items_str": "[true]"},
            output=(("item", "Ada"), ("key", "name"), ("item", True), ("key", 0)),
        ),
        BlockExample(title="Nothing to step through", input={}),
    )

    async def run(self, input: StepThroughItemsInput, context: BlockContext) -> AsyncIterator[Emission]:
        for key, item in _elements(input.items):
            yield "item", item
            yield "key", key
        for key, item in _elements(input.items_object):
            yield "item", item
            yield "key", key
        for key, item in _elements(_parse_items(input.items_str)):
            yield "item", item
            yield "key", key


def _elements(items: list[Any] | dict[str, Any]) -> Iterable[tuple[int | str, Any]]:
    if len(items) > MAX_ITEMS:
        raise BlockError(f"Too many items: {len(items)}, the limit is {MAX_ITEMS}. Split the input.")
    return items.items() if isinstance(items, dict) else enumerate(items)


def _parse_items(text: str) -> list[Any] | dict[str, Any]:
    if len(text) > MAX_ITEMS_TEXT:
        raise BlockError(f"Input too large: {len(text)} characters, the limit is {MAX_ITEMS_TEXT}. Split the input.")
    if not text.strip():
        return []
    try:
        items = load_json(text)
    except InvalidRequestError as error:
        raise BlockError(f"Pin 'items_str': {error.message}") from error
    if not isinstance(items, list | dict):
        raise BlockError(f"Pin 'items_str': expected JSON text of a list or an object, got {json_type(items)}.")
    return items


class CountItemsInput(BlockInput):
    collection: Any = pin(description="A list, an object or a text")


class CountItemsOutput(BlockOutput):
    count: int = pin(description="Number of elements, or of characters")


class CountItemsBlock(Block[CountItemsInput]):
    """-1 for what cannot be counted (numbers, booleans)."""

    id = "3c9c2f42-b0c3-435f-ba35-05f7a25c772a"
    description = "Counts the elements of a collection, or the characters of a text."
    Input = CountItemsInput
    Output = CountItemsOutput
    categories = (BlockCategory.LOGIC,)
    examples = (
        BlockExample(title="A list", input={"collection": [1, 2, 3]}, output=(("count", 3),)),
        BlockExample(title="Characters", input={"collection": "héllo"}, output=(("count", 5),)),
        BlockExample(title="Neither", input={"collection": 12}, output=(("count", -1),)),
    )

    async def run(self, input: CountItemsInput, context: BlockContext) -> AsyncIterator[Emission]:
        collection = input.collection
        if isinstance(collection, str | list | tuple | set | frozenset | dict):
            yield "count", len(collection)
        elif isinstance(collection, Iterable):
            yield "count", sum(1 for _ in collection)
        else:
            yield "count", -1
