"""From one type to another."""

import math
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Any, Final

from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.coercion import to_boolean, to_dictionary, to_float, to_list, to_text
from models.errors import AppError, BlockError
from models.value_store import is_heavy


class TargetType(StrEnum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    DICTIONARY = "dictionary"


def _to_number(value: Any) -> float:
    """No JSON number is infinite or NaN, so text that says so is no number."""
    number = to_float(value)
    return number if math.isfinite(number) else 0.0


_CONVERTERS: Final[dict[TargetType, Callable[[Any], Any]]] = {
    TargetType.STRING: to_text,
    TargetType.NUMBER: _to_number,
    TargetType.BOOLEAN: to_boolean,
    TargetType.LIST: to_list,
    TargetType.DICTIONARY: to_dictionary,
}


class UniversalTypeConverterInput(BlockInput):
    value: Any = pin(description="Any value")
    type: TargetType = pin(description="What to turn it into")


class UniversalTypeConverterOutput(BlockOutput):
    value: Any = pin(description="The value as this type")


class UniversalTypeConverterBlock(Block[UniversalTypeConverterInput]):
    """Converts as links do where the types of their pins differ: leniently, and in the same way."""

    id = "95d1b990-ce13-4d88-9737-ba5c2070c97b"
    description = "Turns a value into a text, number, boolean, list or dictionary."
    Input = UniversalTypeConverterInput
    Output = UniversalTypeConverterOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(title="Text to number", input={"value": "12.5", "type": "number"}, output=(("value", 12.5),)),
        BlockExample(
            title="What is no number counts as 0", input={"value": "twelve", "type": "number"}, output=(("value", 0.0),)
        ),
        BlockExample(title="JSON text to list", input={"value": "[1, 2]", "type": "list"}, output=(("value", [1, 2]),)),
        BlockExample(
            title="Dictionary to list", input={"value": {"a": 1}, "type": "list"}, output=(("value", [["a", 1]]),)
        ),
        BlockExample(title="Text to boolean", input={"value": "yes", "type": "boolean"}, output=(("value", False),)),
    )

    async def run(self, input: UniversalTypeConverterInput, context: BlockContext) -> AsyncIterator[Emission]:
        try:
            value = await beside_the_loop(is_heavy(input.value), _CONVERTERS[input.type], input.value)
        except (AppError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BlockError(f"Failed to convert value: {error}") from error
        yield "value", value
