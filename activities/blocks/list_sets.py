"""Lists joined, subtracted and intersected by the structure of their items."""

from collections.abc import AsyncIterator, Hashable, Iterable
from itertools import chain
from typing import Any

from activities.blocks._list_of_lists import ListOfLists, check_lists
from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.json_equality import json_identity
from models.value_store import is_heavy

_Items = list[Any]


def _once(items: Iterable[Any]) -> _Items:
    """Without later repetitions."""
    first: dict[Hashable, Any] = {}
    for item in items:
        first.setdefault(json_identity(item), item)
    return list(first.values())


def _in_both(items: _Items, others: _Items) -> _Items:
    shared = set(map(json_identity, others))
    return _once(item for item in items if json_identity(item) in shared)


def _without(items: _Items, others: _Items) -> _Items:
    excluded = set(map(json_identity, others))
    return [item for item in items if json_identity(item) not in excluded]


class ConcatenateListsInput(BlockInput):
    lists: ListOfLists = pin(description="The lists, in their order")
    deduplicate: bool = pin(False, description="Keep only the first of equal items")
    remove_none: bool = pin(False, description="Leave nulls out")


class ConcatenateListsOutput(BlockOutput):
    concatenated_list: _Items = pin(description="All items")
    length: int = pin(description="How many there are")


class ConcatenateListsBlock(Block[ConcatenateListsInput]):
    """A null instead of a list is skipped. Nulls are left out before repetitions are."""

    id = "3cf9298b-5817-4141-9d80-7c2cc5199c8e"
    description = "Joins several lists into one."
    Input = ConcatenateListsInput
    Output = ConcatenateListsOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"lists": [[1, 2], [], ["a"]]}, output=(("concatenated_list", [1, 2, "a"]), ("length", 3))),
        BlockExample(
            title="Each item once, and no nulls",
            input={
                "lists": [[{"a": 1, "b": 2}, 1, True, None], [{"b": 2, "a": 1}, 1]],
                "deduplicate": True,
                "remove_none": True,
            },
            output=(("concatenated_list", [{"a": 1, "b": 2}, 1, True]), ("length", 3)),
        ),
        BlockExample(
            title="Something that is no list",
            input={"lists": [[1], "two"]},
            error="Invalid input at index 1: expected a list, got str. "
            "All items in 'lists' must be lists (e.g., [[1, 2], [3, 4]]).",
        ),
    )

    async def run(self, input: ConcatenateListsInput, context: BlockContext) -> AsyncIterator[Emission]:
        items = list(chain.from_iterable(check_lists(input.lists)))
        if input.remove_none:
            items = [item for item in items if item is not None]
        if input.deduplicate:
            items = await beside_the_loop(is_heavy(items), _once, items)
        yield "concatenated_list", items
        yield "length", len(items)


class ListDifferenceInput(BlockInput):
    list_a: _Items = pin(description="The list to take from")
    list_b: _Items = pin(description="What to take away")
    symmetric: bool = pin(False, description="Add the items of the second list that are not in the first")


class ListDifferenceOutput(BlockOutput):
    difference: _Items = pin(description="The items that are left")
    length: int = pin(description="How many there are")


class ListDifferenceBlock(Block[ListDifferenceInput]):
    """Order and repetitions are kept."""

    id = "05309873-9d61-447e-96b5-b804e2511829"
    description = "Finds the items of one list that another does not have."
    Input = ListDifferenceInput
    Output = ListDifferenceOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"list_a": [3, 1, 3, 2], "list_b": [2]}, output=(("difference", [3, 1, 3]), ("length", 3))),
        BlockExample(
            title="In both directions",
            input={"list_a": [1, 2], "list_b": [2, 3], "symmetric": True},
            output=(("difference", [1, 3]), ("length", 2)),
        ),
    )

    async def run(self, input: ListDifferenceInput, context: BlockContext) -> AsyncIterator[Emission]:
        large = is_heavy([input.list_a, input.list_b])
        difference = await beside_the_loop(large, _without, input.list_a, input.list_b)
        if input.symmetric:
            difference += await beside_the_loop(large, _without, input.list_b, input.list_a)
        yield "difference", difference
        yield "length", len(difference)


class ListIntersectionInput(BlockInput):
    list_a: _Items = pin(description="The list that gives the order")
    list_b: _Items = pin(description="The other list")


class ListIntersectionOutput(BlockOutput):
    intersection: _Items = pin(description="The items that both lists have, each once")
    length: int = pin(description="How many there are")


class ListIntersectionBlock(Block[ListIntersectionInput]):
    id = "b6eb08b6-dbe3-411b-b9b4-2508cb311a1f"
    description = "Finds the items that two lists have in common."
    Input = ListIntersectionInput
    Output = ListIntersectionOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            input={"list_a": [3, 1, 3, [2]], "list_b": [[2], 3, 4]},
            output=(("intersection", [3, [2]]), ("length", 2)),
        ),
        BlockExample(
            title="True is not 1", input={"list_a": [True], "list_b": [1]}, output=(("intersection", []), ("length", 0))
        ),
    )

    async def run(self, input: ListIntersectionInput, context: BlockContext) -> AsyncIterator[Emission]:
        large = is_heavy([input.list_a, input.list_b])
        intersection = await beside_the_loop(large, _in_both, input.list_a, input.list_b)
        yield "intersection", intersection
        yield "length", len(intersection)
