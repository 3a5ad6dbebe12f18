"""Making lists and changing them as a whole."""

from collections.abc import AsyncIterator
from typing import Any

from activities.blocks._tokens import estimate_tokens
from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.value_store import is_heavy

_Items = list[Any]


class CreateListInput(BlockInput):
    values: _Items = pin(description="The items, usually linked one by one to `values_$_<index>`")
    max_size: int | None = pin(None, description="Most items of one list; the rest follows in further lists")
    max_tokens: int | None = pin(None, description="Most tokens of one list, as estimated for a language model")


class CreateListOutput(BlockOutput):
    list: _Items = pin(description="The list, or one part of it after the other")


class CreateListBlock(Block[CreateListInput]):
    """Emits one list, or with limits as many as it takes; a limit of 0 is none.

    An item that is over the token limit by itself still gets a list of its own. If it is the first one, an empty list
    comes before it, which exported graphs may count on.
    """

    id = "a912d5c7-6e00-4542-b2a9-8034136930e4"
    description = "Makes a list of values, cut into parts if it may not be long."
    Input = CreateListInput
    Output = CreateListOutput
    categories = (BlockCategory.DATA,)
    examples = (
        BlockExample(
            title="Any values",
            input={"values": ["Ada", 36, True, None]},
            output=(("list", ["Ada", 36, True, None]),),
        ),
        BlockExample(
            title="At most two items in one list",
            input={"values": [1, 2, 3], "max_size": 2},
            output=(("list", [1, 2]), ("list", [3])),
        ),
        BlockExample(
            title="At most three tokens in one list",
            input={"values": ["one two", "three", "four"], "max_tokens": 3},
            output=(("list", ["one two", "three"]), ("list", ["four"])),
        ),
        BlockExample(
            title="Linked one by one", input={"values_$_0": "a", "values_$_1": "b"}, output=(("list", ["a", "b"]),)
        ),
    )

    async def run(self, input: CreateListInput, context: BlockContext) -> AsyncIterator[Emission]:
        counts_much = bool(input.max_tokens) and is_heavy(input.values)
        for part in await beside_the_loop(
            counts_much, _parts, input.values, input.max_size or 0, input.max_tokens or 0
        ):
            yield "list", part


def _parts(values: _Items, max_size: int, max_tokens: int) -> list[_Items]:
    parts: list[_Items] = []
    part: _Items = []
    tokens = 0
    for value in values:
        more = estimate_tokens(value) if max_tokens else 0
        if (max_tokens and tokens + more > max_tokens) or (max_size and len(part) >= max_size):
            parts.append(part)
            part, tokens = [], 0
        part.append(value)
        tokens += more
    return [*parts, part] if part or not values else parts


class AddToListInput(BlockInput):
    list: _Items = pin([], advanced=False, description="The list; a new one if there is none")
    entry: Any = pin(None, advanced=False, description="One entry to add")
    entries: _Items = pin([], description="Entries to add")
    position: int | None = pin(None, description="Where to insert; at the end if there is none")


class AddToListOutput(BlockOutput):
    updated_list: _Items = pin(description="The list with the new entries")


class AddToListBlock(Block[AddToListInput]):
    """Adds `entries`, then `entry` unless it is null, at the end or at a slice position (negative: from the end)."""

    id = "aeb08fc1-2fc1-4141-bc8e-f758f183a822"
    description = "Adds entries to a copy of a list."
    Input = AddToListInput
    Output = AddToListOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(title="At the end", input={"list": [1], "entry": 2}, output=(("updated_list", [1, 2]),)),
        BlockExample(title="To a new list", input={"entry": {"a": 1}}, output=(("updated_list", [{"a": 1}]),)),
        BlockExample(
            title="Several at a position",
            input={"list": ["a", "d"], "entries": ["b"], "entry": "c", "position": 1},
            output=(("updated_list", ["a", "b", "c", "d"]),),
        ),
    )

    async def run(self, input: AddToListInput, context: BlockContext) -> AsyncIterator[Emission]:
        added = [*input.entries, *([] if input.entry is None else [input.entry])]
        position = len(input.list) if input.position is None else input.position
        yield "updated_list", [*input.list[:position], *added, *input.list[position:]]


class ReverseListOrderInput(BlockInput):
    input_list: _Items = pin(description="The list")


class ReverseListOrderOutput(BlockOutput):
    reversed_list: _Items = pin(description="The list, last item first")


class ReverseListOrderBlock(Block[ReverseListOrderInput]):
    id = "422cb708-3109-4277-bfe3-bc2ae5812777"
    description = "Turns the order of a list around."
    Input = ReverseListOrderInput
    Output = ReverseListOrderOutput
    categories = (BlockCategory.BASIC,)
    examples = (BlockExample(input={"input_list": [1, "b", None]}, output=(("reversed_list", [None, "b", 1]),)),)

    async def run(self, input: ReverseListOrderInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "reversed_list", input.input_list[::-1]


class ListIsEmptyInput(BlockInput):
    list: _Items = pin(description="The list")


class ListIsEmptyOutput(BlockOutput):
    is_empty: bool = pin(description="Whether the list has no items")


class ListIsEmptyBlock(Block[ListIsEmptyInput]):
    id = "896ed73b-27d0-41be-813c-c1c1dc856c03"
    description = "Tells whether a list has no items."
    Input = ListIsEmptyInput
    Output = ListIsEmptyOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"list": []}, output=(("is_empty", True),)),
        BlockExample(title="A null is an item", input={"list": [None]}, output=(("is_empty", False),)),
    )

    async def run(self, input: ListIsEmptyInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "is_empty", not input.list
