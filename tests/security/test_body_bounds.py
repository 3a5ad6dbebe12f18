"""How much work, and how long an answer, a body may cause."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.gateway.app import openapi_document
from services.gateway.features.api_keys.schemas import PermissionsIn
from services.gateway.features.controls.schemas import OutputsIn
from services.gateway.features.executions.schemas import ExecuteIn
from services.gateway.features.graphs.schemas import GraphIn
from services.gateway.features.reviews.schemas import ReviewActionIn
from services.gateway.features.users.schemas import PreferencesIn


def arrays(schema: Any, document: dict[str, Any], seen: set[str], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every array of a schema, by its place."""
    if isinstance(schema, list):
        for item in schema:
            yield from arrays(item, document, seen, at)
    if not isinstance(schema, dict):
        return
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        yield from arrays(document["components"]["schemas"][name], document, seen, name)
    if schema.get("type") == "array":
        yield at, schema
    for key, part in schema.items():
        yield from arrays(part, document, seen, f"{at}.{key}")


def test_every_list_of_a_body_has_a_longest_length() -> None:
    document = openapi_document()
    seen: set[str] = set()
    found = [
        entry
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for entry in arrays(operation.get("requestBody"), document, seen, path)
    ]
    assert found
    assert [at for at, schema in found if "maxItems" not in schema] == []


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (GraphIn, {"nodes": [0] * 10_000}),
        (GraphIn, {"links": [0] * 10_000}),
        (GraphIn, {"sub_graphs": [0] * 10_000}),
        (GraphIn, {"sub_graphs": [{"nodes": [0] * 100}] * 100}),
        (OutputsIn, {"outputs": [0] * 10_000}),
        (OutputsIn, {"outputs": dict.fromkeys(map(str, range(10_000)), 0)}),
        (ReviewActionIn, {"reviews": [0] * 10_000}),
        (PermissionsIn, {"permissions": [0] * 10_000}),
        (PreferencesIn, {"preferences": dict.fromkeys(map(str, range(10_000)), 0)}),
        (ExecuteIn, {"nodes_input_masks": dict.fromkeys(map(str, range(10_000)), 0)}),
    ],
)
def test_the_first_thing_that_is_wrong_with_a_list_is_enough(model: type[BaseModel], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    assert refused.value.error_count() < 5
