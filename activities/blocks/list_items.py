"""Finding, reading, removing and replacing one item of a list."""

from collections.abc import AsyncIterator
from typing import Any

from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError

_Items = list[Any]

_OUT_OF_RANGE = "Index out of range"
_NOT_FOUND = "Index or value not found"


class FindInListInput(BlockInput):
    list: _Items = pin(description="The list")
    value: Any = pin(description="What to find")


class FindInListOutput(BlockOutput):
    index: int = pin(description="Position of the first equal item, from 0; only if there is one")
    found: bool = pin(description="Whether there is one")
    not_found_value: Any = pin(description="The value, only if it is not in the list")


class FindInListBlock(Block[FindInListInput]):
    """Numbers are equal whatever their type, and true is 1 here, as false is 0."""

    id = "5e2c6d0a-1e37-489f-b1d0-8e1812b23333"
    description = "Finds the position of a value in a list."
    Input = FindInListInput
    Output = FindInListOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"list": ["a", "b", "b"], "value": "b"}, output=(("index", 1), ("found", True))),
        BlockExample(
            title="Not in the list",
            input={"list": ["a"], "value": {"c": 1}},
            output=(("found", False), ("not_found_value", {"c": 1})),
        ),
    )

    async def run(self, input: FindInListInput, context: BlockContext) -> AsyncIterator[Emission]:
        if input.value in input.list:
            yield "index", input.list.index(input.value)
            yield "found", True
        else:
            yield "found", False
            yield "not_found_value", input.value


class GetListItemInput(BlockInput):
    list: _Items = pin(description="The list")
    index: int = pin(description="Position from 0; a negative one counts from the end")


class GetListItemOutput(BlockOutput):
    item: Any = pin(description="The item")


class GetListItemBlock(Block[GetListItemInput]):
    id = "262ca24c-1025-43cf-a578-534e23234e97"
    description = "Takes one item out of a list by its position."
    Input = GetListItemInput
    Output = GetListItemOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"list": [10, 20, 30], "index": 1}, output=(("item", 20),)),
        BlockExample(title="From the end", input={"list": [10, 20, 30], "index": -1}, output=(("item", 30),)),
        BlockExample(title="Beyond the end", input={"list": [10], "index": 1}, error=_OUT_OF_RANGE),
    )

    async def run(self, input: GetListItemInput, context: BlockContext) -> AsyncIterator[Emission]:
        _check_index(input.list, input.index, _OUT_OF_RANGE)
        yield "item", input.list[input.index]


class RemoveFromListInput(BlockInput):
    list: _Items = pin(description="The list")
    value: Any = pin(None, description="Remove the first item equal to this")
    index: int | None = pin(
        None, description="Remove the item at this position instead; a negative one is from the end"
    )
    return_item: bool = pin(False, description="Emit the removed item too")


class RemoveFromListOutput(BlockOutput):
    updated_list: _Items = pin(description="The list without the item")
    removed_item: Any = pin(description="The item, only if it was asked for")


class RemoveFromListBlock(Block[RemoveFromListInput]):
    """An index wins over a value. A null cannot be removed by its value: it means that there is none."""

    id = "d93c5a93-ac7e-41c1-ae5c-ef67e6e9b826"
    description = "Removes one item from a copy of a list, by position or by value."
    Input = RemoveFromListInput
    Output = RemoveFromListOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            title="By position",
            input={"list": [1, 2, 3], "index": 1, "return_item": True},
            output=(("updated_list", [1, 3]), ("removed_item", 2)),
        ),
        BlockExample(
            title="By value, the first one only",
            input={"list": ["a", "b", "a"], "value": "a"},
            output=(("updated_list", ["b", "a"]),),
        ),
        BlockExample(title="Not in the list", input={"list": [1], "value": 2}, error=_NOT_FOUND),
        BlockExample(title="Neither of the two", input={"list": [1]}, error=_NOT_FOUND),
    )

    async def run(self, input: RemoveFromListInput, context: BlockContext) -> AsyncIterator[Emission]:
        updated = input.list.copy()
        removed = updated.pop(_index_to_remove(input))
        yield "updated_list", updated
        if input.return_item:
            yield "removed_item", removed


def _index_to_remove(input: RemoveFromListInput) -> int:
    if input.index is not None:
        _check_index(input.list, input.index, _NOT_FOUND)
        return input.index
    if input.value is None or input.value not in input.list:
        raise BlockError(_NOT_FOUND)
    return input.list.index(input.value)


class ReplaceListItemInput(BlockInput):
    list: _Items = pin(description="The list")
    index: int = pin(description="Position from 0; a negative one counts from the end")
    value: Any = pin(description="What stands there afterwards")


class ReplaceListItemOutput(BlockOutput):
    updated_list: _Items = pin(description="The list with the new item")
    old_item: Any = pin(description="What stood there before")


class ReplaceListItemBlock(Block[ReplaceListItemInput]):
    id = "fbf62922-bea1-4a3d-8bac-23587f810b38"
    description = "Replaces the item at a position in a copy of a list."
    Input = ReplaceListItemInput
    Output = ReplaceListItemOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            input={"list": [1, 2, 3], "index": -1, "value": "x"},
            output=(("updated_list", [1, 2, "x"]), ("old_item", 3)),
        ),
        BlockExample(title="Before the start", input={"list": [1], "index": -2, "value": 0}, error=_OUT_OF_RANGE),
    )

    async def run(self, input: ReplaceListItemInput, context: BlockContext) -> AsyncIterator[Emission]:
        _check_index(input.list, input.index, _OUT_OF_RANGE)
        updated = input.list.copy()
        updated[input.index] = input.value
        yield "updated_list", updated
        yield "old_item", input.list[input.index]


def _check_index(items: _Items, index: int, message: str) -> None:
    if not -len(items) <= index < len(items):
        raise BlockError(message)
