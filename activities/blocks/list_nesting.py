"""Lists inside lists: flattened, woven together, grouped."""

from collections.abc import AsyncIterator, Iterator
from itertools import zip_longest
from typing import Any, Final, cast

from activities.blocks._list_of_lists import ListOfLists, check_lists
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, ValueTooLargeError
from models.json_values import dump_json, normalise_json
from models.values import VALUE_LIMIT_BYTES

_Items = list[Any]

MAX_NESTING: Final = 1000
"""Lists inside lists a list to flatten may have."""


class FlattenListInput(BlockInput):
    nested_list: _Items = pin(description="A list of lists")
    max_depth: int = pin(-1, description="How many levels to flatten; -1 for all, 0 for none")


class FlattenListOutput(BlockOutput):
    flattened_list: _Items = pin(description="The items of the inner lists in one list")
    length: int = pin(description="How many there are")
    original_depth: int = pin(description="Levels of lists there were; 1 for a list without lists")


class FlattenListBlock(Block[FlattenListInput]):
    """Objects are items: lists inside them stay."""

    id = "cc45bb0f-d035-4756-96a7-fe3e36254b4d"
    description = "Makes one list of lists inside lists."
    Input = FlattenListInput
    Output = FlattenListOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            input={"nested_list": [1, [2, [3, []]], {"a": [4]}]},
            output=(("flattened_list", [1, 2, 3, {"a": [4]}]), ("length", 4), ("original_depth", 4)),
        ),
        BlockExample(
            title="One level",
            input={"nested_list": [1, [2, [3]]], "max_depth": 1},
            output=(("flattened_list", [1, 2, [3]]), ("length", 3), ("original_depth", 3)),
        ),
        BlockExample(
            title="A depth that means nothing",
            input={"nested_list": [], "max_depth": -2},
            error="max_depth must be -1 (unlimited) or a non-negative integer, got -2",
        ),
    )

    async def run(self, input: FlattenListInput, context: BlockContext) -> AsyncIterator[Emission]:
        if input.max_depth < -1:
            raise BlockError(f"max_depth must be -1 (unlimited) or a non-negative integer, got {input.max_depth}")
        depth = _depth(input.nested_list)
        levels = depth if input.max_depth == -1 else input.max_depth
        flattened = list(_flatten(input.nested_list, levels))
        yield "flattened_list", flattened
        yield "length", len(flattened)
        yield "original_depth", depth


def _depth(items: _Items) -> int:
    """Levels of lists, at least 1.

    Raises:
        BlockError: there are more than `MAX_NESTING`.
    """
    depth = 0
    level = [items]
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise BlockError(f"The list is nested more than {MAX_NESTING} levels deep. Flatten its parts first.")
        level = [cast("_Items", item) for items in level for item in items if isinstance(item, list)]
    return depth


def _flatten(items: _Items, levels: int) -> Iterator[Any]:
    """The items, with lists down to `levels` below `items` replaced by theirs."""
    open_lists = [iter(items)]
    while open_lists:
        for item in open_lists[-1]:
            if isinstance(item, list) and len(open_lists) <= levels:
                open_lists.append(iter(cast("_Items", item)))
                break
            yield item
        else:
            open_lists.pop()


class InterleaveListsInput(BlockInput):
    lists: ListOfLists = pin(description="The lists, in their order")


class InterleaveListsOutput(BlockOutput):
    interleaved_list: _Items = pin(description="The first items of all lists, then the second ones, and so on")
    length: int = pin(description="How many there are")


class InterleaveListsBlock(Block[InterleaveListsInput]):
    """A list that has ended is passed over, and so is a null instead of a list."""

    id = "9f616084-1d9f-4f8e-bc00-5b9d2a75cd75"
    description = "Takes items from several lists in turn."
    Input = InterleaveListsInput
    Output = InterleaveListsOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            input={"lists": [[1, 2, 3], ["a"], [None, True]]},
            output=(("interleaved_list", [1, "a", None, 2, True, 3]), ("length", 6)),
        ),
    )

    async def run(self, input: InterleaveListsInput, context: BlockContext) -> AsyncIterator[Emission]:
        interleaved = _interleave(check_lists(input.lists))
        yield "interleaved_list", interleaved
        yield "length", len(interleaved)


def _interleave(lists: list[_Items]) -> _Items:
    interleaved: _Items = []
    index = 0
    while lists := [items for items in lists if len(items) > index]:
        interleaved.extend(items[index] for items in lists)
        index += 1
    return interleaved


class ZipListsInput(BlockInput):
    lists: ListOfLists = pin(description="The lists, in their order")
    pad_to_longest: bool = pin(False, description="Go on to the end of the longest list, not only of the shortest")
    fill_value: Any = pin(None, description="What stands for the items of lists that have ended")


class ZipListsOutput(BlockOutput):
    zipped_list: list[_Items] = pin(description="A list of the first items, then of the second ones, and so on")
    length: int = pin(description="How many groups there are")


class ZipListsBlock(Block[ZipListsInput]):
    """A null instead of a list is passed over."""

    id = "0d0e684f-5cb9-4c4b-b8d1-47a0860e0c07"
    description = "Groups the items of several lists by their position."
    Input = ZipListsInput
    Output = ZipListsOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            input={"lists": [[1, 2, 3], ["a", "b"]]}, output=(("zipped_list", [[1, "a"], [2, "b"]]), ("length", 2))
        ),
        BlockExample(
            title="To the end of the longest list",
            input={"lists": [[1, 2], ["a"]], "pad_to_longest": True, "fill_value": "-"},
            output=(("zipped_list", [[1, "a"], [2, "-"]]), ("length", 2)),
        ),
        BlockExample(title="No lists", input={"lists": []}, output=(("zipped_list", []), ("length", 0))),
    )

    async def run(self, input: ZipListsInput, context: BlockContext) -> AsyncIterator[Emission]:
        lists = check_lists(input.lists)
        if input.pad_to_longest:
            _check_padding(lists, input.fill_value)
            groups = zip_longest(*lists, fillvalue=input.fill_value)
        else:
            groups = zip(*lists, strict=False)
        zipped = [list(group) for group in groups]
        yield "zipped_list", zipped
        yield "length", len(zipped)


def _check_padding(lists: list[_Items], fill_value: Any) -> None:
    """One long list beside many short ones, or a large value to fill with, would be multiplied.

    Raises:
        ValueTooLargeError: the filled places alone are more than a value may hold.
    """
    places = max(map(len, lists), default=0) * len(lists) - sum(map(len, lists))
    size = places * (len(dump_json(normalise_json(fill_value))) + 1)
    if size > VALUE_LIMIT_BYTES:
        raise ValueTooLargeError(
            f"Padding would fill {places} places, about {size} bytes; the limit is {VALUE_LIMIT_BYTES}. "
            "Zip lists of about the same length."
        )
