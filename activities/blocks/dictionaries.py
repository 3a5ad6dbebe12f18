"""Dictionaries: making, reading and changing them."""

from collections.abc import AsyncIterator
from typing import Any, cast

from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockCategory, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, InvalidRequestError
from models.json_values import load_json
from models.value_store import is_heavy

_Entries = dict[str, Any]


class CreateDictionaryInput(BlockInput):
    values: _Entries = pin(description="Entries, usually linked one by one to `values_#_<key>`")


class CreateDictionaryOutput(BlockOutput):
    dictionary: _Entries = pin(description="The dictionary")


class CreateDictionaryBlock(Block[CreateDictionaryInput]):
    id = "b924ddf4-de4f-4b56-9a85-358930dcbc91"
    description = "Makes a dictionary of named values."
    Input = CreateDictionaryInput
    Output = CreateDictionaryOutput
    categories = (BlockCategory.DATA,)
    examples = (
        BlockExample(
            input={"values": {"name": "Ada", "age": 36}}, output=(("dictionary", {"name": "Ada", "age": 36}),)
        ),
        BlockExample(
            title="Linked one by one",
            input={"values_#_full name": "Ada", "values_#_tags_$_0": "a"},
            output=(("dictionary", {"full name": "Ada", "tags": ["a"]}),),
        ),
    )

    async def run(self, input: CreateDictionaryInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "dictionary", input.values


class AddToDictionaryInput(BlockInput):
    dictionary: _Entries = pin({}, advanced=False, description="The dictionary; a new one if there is none")
    key: str = pin("", advanced=False, description="Key of one entry to set")
    value: Any = pin(None, advanced=False, description="Its value")
    entries: _Entries = pin({}, description="Entries to set")


class AddToDictionaryOutput(BlockOutput):
    updated_dictionary: _Entries = pin(description="The dictionary with the new entries")


class AddToDictionaryBlock(Block[AddToDictionaryInput]):
    """Sets `key`, if it has a value that is not null, then `entries`, which win."""

    id = "31d1064e-7446-4693-a7d4-65e5ca1180d1"
    description = "Sets entries in a copy of a dictionary."
    Input = AddToDictionaryInput
    Output = AddToDictionaryOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            title="One entry",
            input={"dictionary": {"a": 1}, "key": "b", "value": 2},
            output=(("updated_dictionary", {"a": 1, "b": 2}),),
        ),
        BlockExample(
            title="Entries win",
            input={"key": "a", "value": 1, "entries": {"a": None, "c": 3}},
            output=(("updated_dictionary", {"a": None, "c": 3}),),
        ),
    )

    async def run(self, input: AddToDictionaryInput, context: BlockContext) -> AsyncIterator[Emission]:
        entry = {input.key: input.value} if input.key and input.value is not None else {}
        yield "updated_dictionary", {**input.dictionary, **entry, **input.entries}


class FindInDictionaryInput(BlockInput):
    input: Any = pin(description="An object, a list, or JSON text of one")
    key: str | int = pin(description="Key or index")


class FindInDictionaryOutput(BlockOutput):
    output: Any = pin(description="What was found")
    missing: Any = pin(description="The input, if nothing was found")


class FindInDictionaryBlock(Block[FindInDictionaryInput]):
    """Emits either `output`, or on `missing` the input as it was given.

    A key of an object is looked up as text, an index of a list must be an integer in range. A text key of a list whose
    first item is an object with that key collects it from all objects that have it; of any other list it gives an
    empty one. Attribute access does not exist: objects that had attributes upstream are plain objects here.
    """

    id = "0e50422c-6dee-4145-83d6-3a5a392f65de"
    description = "Looks up a key or an index in an object, a list or JSON text."
    Input = FindInDictionaryInput
    Output = FindInDictionaryOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(title="A key", input={"input": {"a": 1, "b": 2}, "key": "b"}, output=(("output", 2),)),
        BlockExample(title="No such key", input={"input": {"a": 1}, "key": "b"}, output=(("missing", {"a": 1}),)),
        BlockExample(title="An index", input={"input": [10, 20], "key": 1}, output=(("output", 20),)),
        BlockExample(
            title="A key of every object of a list",
            input={"input": [{"n": 1}, {"m": 2}, {"n": 3}], "key": "n"},
            output=(("output", [1, 3]),),
        ),
        BlockExample(title="In JSON text", input={"input": '{"a": [1]}', "key": "a"}, output=(("output", [1]),)),
        BlockExample(
            title="Text that is no JSON", input={"input": "{", "key": "a"}, error="Pin 'input': Not valid JSON"
        ),
    )

    async def run(self, input: FindInDictionaryInput, context: BlockContext) -> AsyncIterator[Emission]:
        source, key = await beside_the_loop(is_heavy(input.input), _parsed, input.input), input.key
        if isinstance(source, dict) and str(key) in source:
            yield "output", source[str(key)]
        elif isinstance(source, list) and isinstance(key, int) and 0 <= key < len(source):
            yield "output", source[key]
        elif isinstance(source, list) and isinstance(key, str):
            yield "output", _collect(source, key)
        else:
            yield "missing", input.input


def _parsed(source: Any) -> Any:
    if not isinstance(source, str):
        return source
    try:
        return load_json(source)
    except InvalidRequestError as error:
        raise BlockError(f"Pin 'input': {error.message}") from error


def _collect(items: list[Any], key: str) -> list[Any]:
    having = [cast("_Entries", item) for item in items if isinstance(item, dict) and key in item]
    return [item[key] for item in having] if having and having[0] is items[0] else []


class RemoveFromDictionaryInput(BlockInput):
    dictionary: _Entries = pin(description="The dictionary")
    key: str | int = pin(description="Key of the entry")
    return_value: bool = pin(False, description="Emit the removed value too")


class RemoveFromDictionaryOutput(BlockOutput):
    updated_dictionary: _Entries = pin(description="The dictionary without the entry")
    removed_value: Any = pin(description="The value it had, only if it was asked for")


class RemoveFromDictionaryBlock(Block[RemoveFromDictionaryInput]):
    id = "46afe2ea-c613-43f8-95ff-6692c3ef6876"
    description = "Removes an entry from a copy of a dictionary."
    Input = RemoveFromDictionaryInput
    Output = RemoveFromDictionaryOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"dictionary": {"a": 1, "b": 2}, "key": "a"}, output=(("updated_dictionary", {"b": 2}),)),
        BlockExample(
            title="With the value it had",
            input={"dictionary": {"1": None}, "key": 1, "return_value": True},
            output=(("updated_dictionary", {}), ("removed_value", None)),
        ),
        BlockExample(
            title="No such key", input={"dictionary": {}, "key": "a"}, error="Key 'a' not found in dictionary"
        ),
    )

    async def run(self, input: RemoveFromDictionaryInput, context: BlockContext) -> AsyncIterator[Emission]:
        updated = input.dictionary.copy()
        removed = updated.pop(_existing_key(updated, input.key))
        yield "updated_dictionary", updated
        if input.return_value:
            yield "removed_value", removed


class ReplaceDictionaryValueInput(BlockInput):
    dictionary: _Entries = pin(description="The dictionary")
    key: str | int = pin(description="Key of an entry it has")
    value: Any = pin(description="The new value")


class ReplaceDictionaryValueOutput(BlockOutput):
    updated_dictionary: _Entries = pin(description="The dictionary with the new value")
    old_value: Any = pin(description="The value it had before")


class ReplaceDictionaryValueBlock(Block[ReplaceDictionaryValueInput]):
    """The entry keeps its place; a new one is not made."""

    id = "27e31876-18b6-44f3-ab97-f6226d8b3889"
    description = "Replaces the value of an entry in a copy of a dictionary."
    Input = ReplaceDictionaryValueInput
    Output = ReplaceDictionaryValueOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            input={"dictionary": {"a": 1, "b": 2}, "key": "a", "value": [3]},
            output=(("updated_dictionary", {"a": [3], "b": 2}), ("old_value", 1)),
        ),
        BlockExample(
            title="No such key", input={"dictionary": {}, "key": 7, "value": 1}, error="Key '7' not found in dictionary"
        ),
    )

    async def run(self, input: ReplaceDictionaryValueInput, context: BlockContext) -> AsyncIterator[Emission]:
        key = _existing_key(input.dictionary, input.key)
        yield "updated_dictionary", {**input.dictionary, key: input.value}
        yield "old_value", input.dictionary[key]


def _existing_key(dictionary: _Entries, key: str | int) -> str:
    """Keys of JSON objects are texts, so an integer means the text of it."""
    if str(key) not in dictionary:
        raise BlockError(f"Key '{str(key)[:200]}' not found in dictionary")
    return str(key)


class DictionaryIsEmptyInput(BlockInput):
    dictionary: _Entries = pin(description="The dictionary")


class DictionaryIsEmptyOutput(BlockOutput):
    is_empty: bool = pin(description="Whether the dictionary has no entries")


class DictionaryIsEmptyBlock(Block[DictionaryIsEmptyInput]):
    id = "a3cf3f64-6bb9-4cc6-9900-608a0b3359b0"
    description = "Tells whether a dictionary has no entries."
    Input = DictionaryIsEmptyInput
    Output = DictionaryIsEmptyOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(input={"dictionary": {}}, output=(("is_empty", True),)),
        BlockExample(input={"dictionary": {"a": None}}, output=(("is_empty", False),)),
    )

    async def run(self, input: DictionaryIsEmptyInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "is_empty", not input.dictionary
