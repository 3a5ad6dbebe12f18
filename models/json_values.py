"""`normalise_json`: the only door through which values enter a run, whether from a client or from a block.

What passes it can be stored as JSONB, hashed, sent through Temporal and compared: NaN and infinities become null,
NUL and lone surrogates become U+FFFD, keys are strings, nesting is bounded.
"""

import dataclasses
import datetime
import decimal
import enum
import json
import math
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, cast

import orjson
from pydantic import AfterValidator, BaseModel

from models.errors import InvalidRequestError

JsonType = Literal["null", "boolean", "number", "string", "array", "object"]

MAX_DEPTH = 100
"""Containers inside containers a value may have."""

MAX_SAFE_INTEGER = 2**63 - 1
"""Larger integers become floats: no JSON reader we talk to keeps them exact."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class JsonTooDeepError(InvalidRequestError):
    code = "json_too_deep"


def normalise_json(value: object, *, max_depth: int = MAX_DEPTH) -> Any:
    """`value` as plain JSON (None, bool, int, float, str, list, dict with string keys).

    Pydantic models, dataclasses, enums, dates, UUIDs, decimals, bytes, sets (in the order of their JSON), tuples and
    other collections and iterators are converted; any other object becomes its `str`. Idempotent.

    Raises:
        JsonTooDeepError: more than `max_depth` nested containers (also for a container that holds itself).
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return storable_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else _big_integer(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return _object(cast("Mapping[object, object]", value).items(), max_depth)
    if isinstance(value, list | tuple):
        return _array(cast("Iterable[object]", value), max_depth)
    return _other(value, max_depth)


def _object(items: Iterable[tuple[object, object]], max_depth: int) -> dict[str, Any]:
    _check_depth(max_depth)
    return {_key(key): normalise_json(item, max_depth=max_depth - 1) for key, item in items}


def _array(items: Iterable[object], max_depth: int) -> list[Any]:
    _check_depth(max_depth)
    return [normalise_json(item, max_depth=max_depth - 1) for item in items]


def _check_depth(max_depth: int) -> None:
    if max_depth <= 0:
        raise JsonTooDeepError(f"The value is nested more than {MAX_DEPTH} levels deep. Flatten it.")


def storable_text(value: str) -> str:
    """The text with U+FFFD for what Postgres cannot store: NUL and halves of surrogate pairs."""
    # str() of a mixed-in enum or of markup would not be its characters.
    plain = str.__str__(value)
    return _UNSTORABLE.sub("\ufffd", plain) if _UNSTORABLE.search(plain) else plain


StorableText = Annotated[str, AfterValidator(storable_text)]
"""A text from outside that will be recorded."""


def _key(key: object) -> str:
    if isinstance(key, str):
        return storable_text(key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    plain = normalise_json(key)
    return plain if isinstance(plain, str) else storable_text(str(plain))


def _big_integer(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _other(value: object, max_depth: int) -> Any:
    if isinstance(value, BaseModel):
        return _model(value, max_depth)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object(((field.name, getattr(value, field.name)) for field in dataclasses.fields(value)), max_depth)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return normalise_json(float(value)) if value.is_finite() else None
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return storable_text(bytes(value).decode("utf-8", errors="replace"))
    if isinstance(value, set | frozenset):
        return sorted(_array(cast("Iterable[object]", value), max_depth), key=dump_json)
    if isinstance(value, Collection | Iterator) and not isinstance(value, type):
        return _array(cast("Iterable[object]", value), max_depth)
    return storable_text(str(value))


def _model(value: BaseModel, max_depth: int) -> Any:
    try:
        dumped = value.model_dump(mode="python")
    except (RecursionError, ValueError) as error:  # pydantic's way to say that a model holds itself
        raise JsonTooDeepError(f"A {type(value).__name__} cannot be turned into JSON: {error}") from error
    return normalise_json(dumped, max_depth=max_depth)


def dump_json(value: object) -> bytes:
    """Compact UTF-8 JSON of a normalised value."""
    return orjson.dumps(value)


def load_json(data: bytes | str, *, strict: bool = False) -> Any:
    """The value of JSON text, normalised. NaN, infinities and lone surrogates get the values `normalise_json` says.

    Args:
        strict: refuse those three instead, as the standard of JSON does.

    Raises:
        InvalidRequestError: not JSON, or too deep.
    """
    try:
        return normalise_json(orjson.loads(data))
    except orjson.JSONDecodeError as error:
        if strict:
            raise InvalidRequestError(f"Not valid JSON: {error}") from error
        return normalise_json(_load_tolerantly(data))


def _load_tolerantly(data: bytes | str) -> Any:
    """The slower parser of the standard library, which reads what orjson refuses."""
    try:
        return json.loads(data if isinstance(data, str) else data.decode("utf-8", errors="surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"Not valid JSON: {error}") from error


def json_type(value: object) -> JsonType:
    """The JSON type name of a normalised value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"
