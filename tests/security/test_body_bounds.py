"""How much work, and how long an answer, a body may cause."""

from collections.abc import AsyncIterator, Iterator
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
from tests.gateway import Gateway, assert_refused, echo_graph_body

JSON = {"Content-Type": "application/json"}


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


async def a_body(read: list[int]) -> AsyncIterator[bytes]:
    """Tells whether anybody reads it."""
    read.append(1)
    yield b'{"nodes": 0}'


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/graphs", 401),
        ("/api/api-keys", 401),
        ("/external-api/v1/graphs/g/execute/1", 401),
        ("/codec/wrong-token/decode", 404),
    ],
)
async def test_a_body_of_somebody_unknown_is_not_read(gateway: Gateway, path: str, status: int) -> None:
    read: list[int] = []
    async with gateway.anonymous(**JSON) as client:
        answer = await client.post(path, content=a_body(read))
    assert answer.status_code == status
    assert read == []


async def test_a_body_of_somebody_known_is_read(gateway: Gateway) -> None:
    read: list[int] = []
    async with gateway.user() as client:
        assert_refused(await client.post("/api/graphs", content=a_body(read), headers=JSON), 422, "VALIDATION_ERROR")
    assert read == [1]


@pytest.mark.parametrize("announced", [True, False])
async def test_routes_of_small_bodies_take_no_large_ones(gateway: Gateway, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 8_192

    async with gateway.user() as client:
        for path in ("/api/auth/login", "/api/auth/session"):
            content = b" " * (9 * 8_192) if announced else chunks()
            assert_refused(await client.post(path, content=content, headers=JSON), 413, "PAYLOAD_TOO_LARGE")


async def test_a_large_body_is_what_it_says(gateway: Gateway) -> None:
    body = echo_graph_body(description="d") | {"input_schema": "x" * (512 * 1024)}
    async with gateway.user() as client:
        assert (await client.post("/api/graphs", json=body)).status_code == 200
        broken = await client.post("/api/graphs", content=b'{"name": "' + b"x" * (512 * 1024), headers=JSON)
        assert_refused(broken, 400, "INVALID_REQUEST")
