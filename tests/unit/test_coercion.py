import json
import math
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from models.blocks import Block, BlockContext, BlockInput, BlockKind, BlockOutput, Emission, pin
from models.coercion import build_input, coerce_input, to_text, validate_emission
from models.errors import BlockInputError, BlockOutputError
from models.json_values import normalise_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=10,
).map(normalise_json)


class Types(BlockInput):
    text: str = ""
    number: float = 0.0
    integer: int = 0
    flag: bool = False
    items: list[Any] = pin([])
    texts: list[str] = pin([])
    object: dict[str, Any] = pin({})
    numbers: dict[str, float] = pin({})
    matrix: list[list[int]] = pin([])
    optional: int | None = None
    either: str | int = ""
    anything: Any = None
    choice: Literal["a", "b"] = "a"


def convert(pin_name: str, value: Any) -> Any:
    return coerce_input(Types, {pin_name: value})[pin_name]


@pytest.mark.parametrize(
    ("pin_name", "value", "expected"),
    [
        ("text", "x", "x"),
        ("text", 1, "1"),
        ("text", 1.0, "1.0"),
        ("text", True, "true"),
        ("text", ["ä", None], '["ä", null]'),
        ("text", {"a": 1}, '{"a": 1}'),
        ("number", "1.5", 1.5),
        ("number", "1e3", 1000.0),
        ("number", "abc", 0.0),
        ("number", "", 0.0),
        ("number", [1, 2], 2.0),
        ("number", {"a": 1}, 1.0),
        ("number", True, 1.0),
        ("number", 3, 3),
        ("integer", "12", 12),
        ("integer", " 12 ", 12),
        ("integer", "12.9", 12),
        ("integer", "-12.9", -12),
        ("integer", 2.0, 2),
        ("integer", "nan", 0),
        ("integer", "1e999", 0),
        ("integer", "9" * 5000, 0),
        ("integer", "123456789012345678901", 123456789012345678901),
        ("integer", False, 0),
        ("flag", "true", True),
        ("flag", "TRUE", True),
        ("flag", "1", True),
        ("flag", "yes", False),
        ("flag", "false", False),
        ("flag", 2, True),
        ("flag", [], False),
        ("items", "[1, 2]", [1, 2]),
        ("items", " [1] ", [1]),
        ("items", "[1", ["[1"]),
        ("items", "[oops]", ["[oops]"]),
        ("items", "x", ["x"]),
        ("items", 5, [5]),
        ("items", {"a": 1, "b": 2}, [["a", 1], ["b", 2]]),
        ("items", (1, 2), [1, 2]),
        ("texts", [1, "a", None, [2]], ["1", "a", None, "[2]"]),
        ("texts", 5, ["5"]),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", "[1]", {"value": [1]}),
        ("object", "oops", {"value": "oops"}),
        ("object", [7, 8], {"0": 7, "1": 8}),
        ("object", 5, {"value": 5}),
        ("numbers", {"a": "1", "b": []}, {"a": 1.0, "b": 0.0}),
        ("matrix", [["1", 2], "3"], [[1, 2], [3]]),
        ("optional", "5", 5),
        ("optional", None, None),
        ("either", "5", "5"),
        ("either", 5, 5),
        ("either", [1], "[1]"),
        ("anything", [1], [1]),
        ("choice", "c", "c"),
        ("choice", 1, 1),
    ],
)
def test_conversion(pin_name: str, value: Any, expected: Any) -> None:
    converted = convert(pin_name, value)
    assert converted == expected
    assert type(converted) is type(expected)


def test_satisfied_values_are_the_same_object() -> None:
    items: list[Any] = [1, {"a": 2}]
    assert convert("items", items) is items


def test_unknown_pins_pass() -> None:
    assert coerce_input(Types, {"other": object, "text": 1}) == {"other": object, "text": "1"}


@given(st.sampled_from(sorted(Types.model_fields)), JSON)
def test_conversion_never_fails_and_is_idempotent(pin_name: str, value: Any) -> None:
    once = convert(pin_name, value)
    assert convert(pin_name, once) == once or once != once
    if pin_name not in ("choice", "texts", "numbers", "matrix"):  # those keep nulls or strangers for validation
        Types.model_validate(coerce_input(Types, {} if value is None else {pin_name: value}))


@given(JSON)
def test_text_of_anything_but_text_is_json(value: Any) -> None:
    text = to_text(value)
    assert text == value if isinstance(value, str) else normalise_json(json.loads(text)) == value


def test_text_of_what_is_no_json() -> None:
    assert to_text({1, 2}) == "[1, 2]"
    assert to_text(math.nan) == "null"


class SomeInput(BlockInput):
    values: dict[str, Any] = pin()
    size: int = pin(5, ge=1)
    key: str | None = pin(None, secret=True, max_length=3)


class SomeOutput(BlockOutput):
    number: float = pin()
    texts: list[str] = pin()
    anything: Any = pin()


class SomeBlock(Block[SomeInput]):
    id = "3d8f6e0c-0000-4000-8000-000000000001"
    description = "For tests."
    Input = SomeInput
    Output = SomeOutput

    async def run(self, input: SomeInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "number", 1


EMPTY = SomeInput(values={})


class OpenInput(BlockInput):
    model_config = ConfigDict(extra="allow")

    prompt: str = pin()


class OpenBlock(SomeBlock):
    id = "3d8f6e0c-0000-4000-8000-000000000002"
    Input = OpenInput
    kind = BlockKind.AI


def test_null_pins_fall_back_to_defaults() -> None:
    built = build_input(SomeBlock, {"values": {}, "size": None})
    assert built.model_dump() == {"values": {}, "size": 5, "key": None}


def test_raw_dynamic_keys_and_strangers_are_ignored() -> None:
    built = build_input(SomeBlock, {"values": {"a": 1}, "values_#_a": 1, "legacy": 1, "__class__": 1})
    assert built.model_dump() == {"values": {"a": 1}, "size": 5, "key": None}


def test_open_blocks_take_every_plain_pin() -> None:
    built = build_input(OpenBlock, {"prompt": 1, "v": {"a": 1}, "v_#_a": 1, "n": None, "model_dump": "x"})
    assert isinstance(built, OpenInput)
    assert built.prompt == "1"
    assert built.model_extra == {"v": {"a": 1}, "n": None, "model_dump": "x"}


def test_errors_name_the_block_and_every_pin_without_values() -> None:
    with pytest.raises(BlockInputError) as caught:
        build_input(SomeBlock, {"size": -1, "key": "canary"})
    message = caught.value.message
    assert message.startswith(f"Unable to execute block with invalid input data: SomeBlock ({SomeBlock.id}): ")
    assert "pin 'values' needs a value" in message
    assert "pin 'size': Input should be greater than or equal to 1, got number" in message
    assert "pin 'key'" in message
    assert "canary" not in message
    assert caught.value.__cause__ is None


def test_long_lists_of_problems_are_cut() -> None:
    class Texts(BlockInput):
        texts: list[str] = pin()

    class TextsBlock(SomeBlock):
        Input = Texts

    with pytest.raises(BlockInputError) as caught:
        build_input(TextsBlock, {"texts": [None] * 1000})
    assert "and 990 more" in caught.value.message
    assert len(caught.value.message) < 2000


class _Sneaky(BaseModel):
    a: int = 1


@pytest.mark.parametrize(
    ("pin_name", "value"),
    [
        ("number", 1),
        ("number", 1.5),
        ("number", math.nan),
        ("texts", []),
        ("texts", ["a"]),
        ("texts", ("a", "b")),
        ("anything", None),
        ("anything", object()),
        ("anything", _Sneaky()),
        ("error", "text"),
    ],
)
def test_valid_emissions(pin_name: str, value: Any) -> None:
    validate_emission(SomeBlock, EMPTY, pin_name, value)


@pytest.mark.parametrize(
    ("pin_name", "value", "problem"),
    [
        ("number", "1", "pin 'number': Input should be a valid number"),
        ("number", None, "pin 'number'"),
        ("number", True, "pin 'number'"),
        ("texts", [1], "pin 'texts'"),
        ("texts", "a", "pin 'texts'"),
        ("nothing", 1, "there is no output pin 'nothing'"),
        ("x" * 1000, 1, "there is no output pin"),
    ],
)
def test_invalid_emissions(pin_name: str, value: Any, problem: str) -> None:
    with pytest.raises(BlockOutputError) as caught:
        validate_emission(SomeBlock, EMPTY, pin_name, value)
    assert caught.value.message.startswith("Block produced an invalid output data: SomeBlock (")
    assert problem in caught.value.message
    assert len(caught.value.message) < 500


def test_other_kinds_are_not_checked() -> None:
    validate_emission(OpenBlock, EMPTY, "nothing", 1)
    validate_emission(OpenBlock, EMPTY, "number", "x")
