import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from models.errors import InvalidRequestError
from models.json_values import JsonTooDeepError, dump_json, json_type, load_json, normalise_json

UNICODE = st.text(alphabet=st.characters(codec=None, categories=None))
KEYS = UNICODE | st.integers() | st.booleans() | st.none() | st.floats()
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | UNICODE
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.uuids()
    | st.timedeltas()
    | st.fractions()
    | st.complex_numbers(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(KEYS, children, max_size=4) | st.tuples(children),
    max_leaves=20,
)


@given(ANYTHING)
def test_anything_becomes_storable_json(value: Any) -> None:
    plain = normalise_json(value)
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
    assert "\x00" not in text
    text.encode("utf-8")
    assert json.loads(text) == plain
    assert load_json(dump_json(plain)) == plain
    assert normalise_json(plain) == plain


class Colour(str, enum.Enum):  # noqa: UP042 - the mixin is the case under test
    RED = "red\x00"


class Level(enum.IntEnum):
    HIGH = 3


class Plain(enum.Enum):
    LIST = (1, 2)


class Text(str):
    def __str__(self) -> str:
        return "something else"


class Number(float):
    pass


class Model(BaseModel):
    colour: Colour = Colour.RED
    secret: SecretStr = SecretStr("canary")
    many: tuple[int, ...] = (1, 2)


@dataclasses.dataclass
class Record:
    inner: Any = None


class Loop(BaseModel):
    inner: Any = None


class TypedLoop(BaseModel):
    inner: "TypedLoop | None" = None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (-math.inf, None),
        ("a\x00b\ud800c\udfff", "a\ufffdb\ufffdc\ufffd"),
        ("\ud83d\ude00", "\ufffd\ufffd"),
        ("\U0001f600", "\U0001f600"),
        (2**63 - 1, 2**63 - 1),
        (2**63, float(2**63)),
        (-(2**70), -float(2**70)),
        (10**400, None),
        (Colour.RED, "red\ufffd"),
        (Level.HIGH, 3),
        (Plain.LIST, [1, 2]),
        (Text("own"), "own"),
        (Number(1.5), 1.5),
        (Model(), {"colour": "red\ufffd", "secret": "**********", "many": [1, 2]}),
        (Record(Record(math.nan)), {"inner": {"inner": None}}),
        (datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), "2024-01-02T00:00:00+00:00"),
        (datetime.timedelta(minutes=1), 60.0),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal("sNaN"), None),
        (decimal.Decimal("Infinity"), None),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\xffa", "\ufffda"),
        (bytearray(b"a"), "a"),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        (frozenset({3, 1, 2}), [1, 2, 3]),
        ((n for n in (1, 2)), [1, 2]),
        (range(2), [0, 1]),
        (deque([1]), [1]),
        ({"a": 1}.keys(), ["a"]),
        (Exception("text"), "text"),
    ],
)
def test_conversions(value: Any, expected: Any) -> None:
    plain = normalise_json(value)
    assert plain == expected
    assert type(plain) is type(expected)


def test_keys_become_text() -> None:
    value = {1: "a", None: "b", 1.5: "d", Colour.RED: "e", Level.HIGH: "f", b"g": "g", 10**400: "h", "\x00": "i"}
    keys = ["1", "null", "1.5", "red\ufffd", "3", "g", "None", "\ufffd"]
    assert list(normalise_json(value)) == keys
    assert normalise_json({True: 1, False: 2}) == {"true": 1, "false": 2}


def test_depth_counts_containers_only() -> None:
    value: Any = datetime.date(2024, 1, 1)
    for _ in range(100):
        value = [value]
    assert normalise_json(value)
    with pytest.raises(JsonTooDeepError, match="100 levels"):
        normalise_json([value])
    with pytest.raises(JsonTooDeepError):
        normalise_json({"a": value})


def test_containers_that_hold_themselves_are_too_deep() -> None:
    items: list[Any] = []
    items.append(items)
    record = Record()
    record.inner = record
    for value in (items, record):
        with pytest.raises(JsonTooDeepError):
            normalise_json(value)


def test_a_model_that_holds_itself_is_too_deep() -> None:
    loop, typed = Loop(), TypedLoop()
    loop.inner, typed.inner = loop, typed
    for value in (loop, typed):
        with pytest.raises(JsonTooDeepError):
            normalise_json(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("[NaN, Infinity, -Infinity]", [None, None, None]),
        ('"\\ud800"', "\ufffd"),
        ('"\\u0000"', "\ufffd"),
        ('"\ud800"', "\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd"),
        ("1e999", None),
        ("1" * 400, None),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_loads(text: str | bytes, value: Any) -> None:
    assert load_json(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "'a'", "[1,]", b"\xff", "[" * 100_000, '{"a":' * 50_000, "1" * 5000, "\ufeff1", b"\xfe\xff"],
)
def test_refuses_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(InvalidRequestError, match="Not valid JSON"):
        load_json(text)


def test_refuses_depth() -> None:
    with pytest.raises(JsonTooDeepError):
        load_json("[" * 101 + "]" * 101)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "number"),
        (1.0, "number"),
        ("", "string"),
        ({}, "object"),
        ([], "array"),
    ],
)
def test_json_type(value: Any, name: str) -> None:
    assert json_type(value) == name
