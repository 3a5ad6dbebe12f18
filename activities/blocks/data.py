"""Lists and dictionaries."""

from collections.abc import AsyncIterator
from typing import Any

from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, InvalidRequestError
from models.json_values import load_json

_Items = list[Any]


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
        BlockExample(
            title="At the end, entries before entry",
            input={"list": [1, 2], "entry": 5, "entries": [3, 4]},
            output=(("updated_list", [1, 2, 3, 4, 5]),),
        ),
        BlockExample(
            title="Before the last element",
            input={"list": ["a", "c"], "entry": "b", "position": -1},
            output=(("updated_list", ["a", "b", "c"]),),
        ),
    )

    async def run(self, input: AddToListInput, context: BlockContext) -> AsyncIterator[Emission]:
        added = [*input.entries, *([] if input.entry is None else [input.entry])]
        position = len(input.list) if input.position is None else input.position
        yield "updated_list", [*input.list[:position], *added, *input.list[position:]]


class CreateDictionaryInput(BlockInput):
    values: dict[str, Any] = pin(description="Entries, usually linked one by one to `values_#_<key>`")


class CreateDictionaryOutput(BlockOutput):
    dictionary: dict[str, Any] = pin(description="The dictionary")


class CreateDictionaryBlock(Block[CreateDictionaryInput]):
    id = "b924ddf4-de4f-4b56-9a85-358930dcbc91"
    description = "Makes a dictionary of named values."
    Input = CreateDictionaryInput
    Output = CreateDictionaryOutput
    categories = (BlockCategory.DATA,)
    examples = (
        BlockExample(
            title="Entries linked one by one",
            input={"values_#_name": "Ada", "values_#_born": 1815},
            output=(("dictionary", {"name": "Ada", "born": 1815}),),
        ),
    )

    async def run(self, input: CreateDictionaryInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "dictionary", input.values


class FindInDictionaryInput(BlockInput):
    input: Any = pin(description="An object, a list, or JSON text of one")
    key: str | int = pin(description="Key or index")


class FindInDictionaryOutput(BlockOutput):
    output: Any = pin(description="What was found")
    missing: Any = pin(description="The input, if nothing was found")


class FindInDictionaryBlock(Block[FindInDictionaryInput]):
    """Emits either `output`, or on `missing` the input as it was given.

    A key of an object is looked up as text, an index of a list must be an integer in range, and a text key of a list
    collects that key from its objects. Attribute access does not exist: objects that had attributes upstream are
    plain objects here.
    """

    id = "0e50422c-6dee-4145-83d6-3a5a392f65de"
    description = "Looks up a key or an index in an object, a list or JSON text."
    Input = FindInDictionaryInput
    Output = FindInDictionaryOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            title="A key of JSON text",
            input={"input": '{"name": "Ada"}', "key": "name"},
            output=(("output", "Ada"),),
        ),
        BlockExample(
            title="A key of the objects of a list",
            input={"input": [{"id": 1}, {"name": "no id"}, {"id": 2}], "key": "id"},
            output=(("output", [1, 2]),),
        ),
        BlockExample(
            title="Nothing found",
            input={"input": {"name": "Ada"}, "key": "born"},
            output=(("missing", {"name": "Ada"}),),
        ),
    )

    async def run(self, input: FindInDictionaryInput, context: BlockContext) -> AsyncIterator[Emission]:
        source: Any = input.input
        if isinstance(source, str):
            try:
                source = load_json(source)
            except InvalidRequestError as error:
                raise BlockError(f"Pin 'input': {error.message}") from error
        key = input.key
        if isinstance(source, dict) and str(key) in source:
            yield "output", source[str(key)]
        elif isinstance(source, list) and isinstance(key, int) and 0 <= key < len(source):
            yield "output", source[key]
        elif isinstance(source, list) and isinstance(key, str):
            yield "output", [item[key] for item in source if isinstance(item, dict) and key in item]
        else:
            yield "missing", input.input
