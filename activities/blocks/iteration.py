"""Lists and objects taken apart, one element after the other."""

from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

from pydantic import Field

from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockExample,
    BlockInput,
    BlockOutput,
    Emission,
    OutputWithoutError,
    pin,
)
from models.errors import BlockError, InvalidRequestError
from models.json_values import json_type, load_json

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


class ListIteratorInput(BlockInput):
    items: list[Any] = pin(description="A list")


class ListIteratorOutput(OutputWithoutError):
    item: Annotated[list[Any], Field(min_length=2, max_length=2)] = pin(description="Index from 0, and the element")


class ListIteratorBlock(Block[ListIteratorInput]):
    """For graphs made before Step Through Items."""

    id = "f8e7d6c5-b4a3-2c1d-0e9f-8g7h6i5j4k3l"
    description = "Emits the elements of a list one after the other, each with its index."
    Input = ListIteratorInput
    Output = ListIteratorOutput
    categories = (BlockCategory.LOGIC,)
    examples = (BlockExample(input={"items": ["a", None]}, output=(("item", [0, "a"]), ("item", [1, None]))),)

    async def run(self, input: ListIteratorInput, context: BlockContext) -> AsyncIterator[Emission]:
        for index, item in enumerate(input.items):
            yield "item", [index, item]


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
