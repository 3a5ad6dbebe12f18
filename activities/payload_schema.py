"""JSON Schemas that somebody else wrote, and payloads that have to satisfy them.

Neither may hold up the process: checks are counted, regular expressions go through RE2, and nothing is fetched.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, cast

import re2
from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from models.errors import InvalidRequestError
from models.json_equality import json_identity

MAX_CHECKS: Final = 300_000
"""Keywords of a schema that are applied to one payload: about two seconds of work."""

MAX_SCHEMA_BYTES: Final = 64 * 1024

_MAX_SHOWN: Final = 300
_UNSUPPORTED: Final = ("patternProperties", "$dynamicRef")

Check = Callable[[Any, Any, Any, Any], "Iterator[ValidationError] | None"]

_QUIET: Final = re2.Options()
_QUIET.log_errors = False

_checks_left: ContextVar[int] = ContextVar("_checks_left")


class _TooMuchWork(Exception):
    pass


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuses what is no JSON Schema (2020-12), or one that cannot be checked here.

    Raises:
        InvalidRequestError: it is wrong, too large, refers to another document or uses `patternProperties`.
    """
    if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise InvalidRequestError(f"The schema is larger than {MAX_SCHEMA_BYTES} bytes. Make it simpler.")
    try:
        Draft202012Validator.check_schema(dict(schema))
    except (SchemaError, RecursionError) as error:
        reason = error.message if isinstance(error, SchemaError) else "it is nested too deep"
        raise InvalidRequestError(f"The schema is not a JSON Schema: {reason[:_MAX_SHOWN]}") from error
    _check_parts(schema)


def check_payload(schema: Mapping[str, Any], payload: object) -> None:
    """Whether a normalised JSON value satisfies a schema that `check_schema` has passed.

    Raises:
        InvalidRequestError: the first thing that is wrong, and its place (`details.path`).
    """
    token = _checks_left.set(MAX_CHECKS)
    try:
        error = next(_Validator(dict(schema), registry=Registry()).iter_errors(payload), None)
    except _TooMuchWork:
        raise InvalidRequestError("The payload is too large to be checked against the schema.") from None
    except (Unresolvable, RecursionError, re2.error) as problem:
        message = "The schema cannot be applied: it refers to what is not there, or to itself."
        raise InvalidRequestError(message) from problem
    finally:
        _checks_left.reset(token)
    if error is not None:
        path = error.json_path
        raise InvalidRequestError(
            f"The payload does not fit its schema at {path[:_MAX_SHOWN]}: {error.message[:_MAX_SHOWN]}",
            details={"path": path[:_MAX_SHOWN]},
        )


def _check_parts(part: object) -> None:
    """`patternProperties` makes the validator match with the standard library's expressions, which can run away."""
    if isinstance(part, list):
        for item in cast("list[object]", part):
            _check_parts(item)
    elif isinstance(part, dict):
        parts = cast("dict[str, object]", part)
        for name in _UNSUPPORTED:
            if name in parts:
                raise InvalidRequestError(f"The schema uses {name!r}, which is not supported. Name the properties.")
        reference = parts.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            raise InvalidRequestError(f"The schema refers to {reference[:100]!r}. Put what it needs into `$defs`.")
        _check_pattern(parts.get("pattern"))
        for item in parts.values():
            _check_parts(item)


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, str):
        return
    try:
        re2.compile(pattern, _QUIET)
    except re2.error as error:
        raise InvalidRequestError(f"The schema's pattern {pattern[:100]!r} is not supported: {error}") from error


def _counted(check: Check) -> Check:
    def counting(validator: Any, value: Any, instance: Any, schema: Any) -> "Iterator[ValidationError] | None":
        left = _checks_left.get() - 1
        if left < 0:
            raise _TooMuchWork
        _checks_left.set(left)
        return check(validator, value, instance, schema)

    return counting


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and re2.compile(pattern, _QUIET).search(instance) is None:
        yield ValidationError(f"{instance[:100]!r} does not match {pattern[:100]!r}")


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """The standard one compares all pairs if it cannot sort the items."""
    if wanted and isinstance(instance, list):
        items = cast("Sequence[object]", instance)
        if len(set(map(json_identity, items))) < len(items):
            yield ValidationError("the items are not unique")


_Validator: Any = extend(
    Draft202012Validator,
    {name: _counted(check) for name, check in Draft202012Validator.VALIDATORS.items()}
    | {"pattern": _counted(_pattern), "uniqueItems": _counted(_unique_items)},
)
