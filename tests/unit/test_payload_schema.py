"""Schemas and payloads of strangers: what does not fit is named, and nothing runs away."""

from typing import Any

import pytest

from activities.payload_schema import check_payload, check_schema
from models.errors import InvalidRequestError

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "tags": {"uniqueItems": True}, "code": {"pattern": "^[A-Z]+$"}},
}


@pytest.mark.parametrize("payload", [{"id": 1}, {"id": 1, "tags": [1, "1", [1]], "code": "AB", "more": None}])
def test_what_fits_passes(payload: Any) -> None:
    check_schema(ORDER)
    check_payload(ORDER, payload)


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"id": "x"}, "$.id"),
        ({}, "$"),
        ([], "$"),
        ({"id": 1, "tags": [1, 1.0]}, "$.tags"),
        ({"id": 1, "tags": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]}, "$.tags"),
        ({"id": 1, "code": "ab"}, "$.code"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(payload: Any, path: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_payload(ORDER, payload)
    assert refused.value.details == {"path": path}
    assert len(refused.value.message) < 800


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "objekt"}, "not a JSON Schema"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "refers to"),
        ({"items": [{}]}, "not a JSON Schema"),
        ({"properties": {"a": {"patternProperties": {"(a+)+$": {}}}}}, "patternProperties"),
        ({"pattern": r"(a)\1"}, "not supported"),
        ({"enum": ["x" * 70_000]}, "larger"),
    ],
)
def test_schemas_that_cannot_be_checked_are_refused(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        check_schema(schema)


def exponential(depth: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(depth)
    }
    return {"$defs": {**definitions, f"d{depth}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize("schema", [exponential(40), {"$ref": "#"}, {"$ref": "#/$defs/nothing"}])
def test_schemas_that_never_end_are_given_up(schema: dict[str, Any]) -> None:
    check_schema(schema)
    with pytest.raises(InvalidRequestError):
        check_payload(schema, 1)


def test_an_expression_that_runs_away_elsewhere_ends() -> None:
    with pytest.raises(InvalidRequestError, match="does not match"):
        check_payload({"pattern": "^(a+)+$"}, "a" * 5_000 + "b")
