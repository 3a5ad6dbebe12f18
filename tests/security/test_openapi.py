"""The OpenAPI document says what routes do: it is walked, and every route is called in the ways it tells of."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from infra.settings import RateLimitSettings, Settings
from models.api_keys import Permission
from services.gateway.rate_limit.rules import is_limited
from services.gateway.route_listing import list_routes
from tests.gateway import Gateway, assert_refused, open_gateway
from tests.operations import DOCUMENT, LIMITED, OPERATIONS, SECURED, Operation

UNDOCUMENTED = {"/", "/docs", "/metrics", "/static/{name}", "/static/swagger-start.js"}
UNDOCUMENTED_BELOW = ("/codec/", "/external-api/")
"""The external API has a document of its own."""
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(found := node.get("$ref"), str):
            yield found
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


async def test_every_route_is_documented_and_the_document_is_the_served_one(gateway: Gateway) -> None:
    served = {
        (route.method.lower(), route.path)
        for route in list_routes(gateway.app.routes)
        if route.path not in UNDOCUMENTED and not route.path.startswith(UNDOCUMENTED_BELOW)
    }
    assert served == {(operation.method, operation.path) for operation in OPERATIONS}
    async with gateway.anonymous() as client:
        assert (await client.get("/openapi.json")).json()["paths"].keys() == DOCUMENT["paths"].keys()


def test_every_reference_of_the_document_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_shared_refusal_and_its_scheme_have_their_known_names() -> None:
    shared = DOCUMENT["components"]["responses"]["HTTP401NotAuthenticatedError"]
    assert shared["description"] == "Authentication required"
    assert shared["content"]["application/json"]["schema"]["properties"] == {"detail": {"type": "string"}}
    scheme = DOCUMENT["components"]["securitySchemes"]["HTTPBearerJWT"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "jwt")


@every_operation
def test_an_operation_tells_every_code_it_can_answer(operation: Operation) -> None:
    answers = operation.spec["responses"]
    assert not {"4XX", "5XX", "default"} & answers.keys()
    if operation.secured:
        assert answers["401"] == {"$ref": "#/components/responses/HTTP401NotAuthenticatedError"}
        assert "403" in answers
        assert operation.for_admins or operation.permissions <= set(Permission)
        assert "x-required-permissions" in operation.spec or operation.for_admins
    expected = {"429", "503"} if is_limited(operation.path) else set[str]()
    if "{" in operation.path:
        expected |= {"404", "422"}
    if operation.takes_body:
        expected |= {"408", "413", "415", "422"}
    if operation.spec.get("parameters"):
        expected |= {"422"}
    assert expected <= answers.keys()
    assert operation.spec["operationId"]
    assert operation.spec["summary"]


def test_operation_ids_are_unique() -> None:
    ids = [operation.spec["operationId"] for operation in OPERATIONS]
    assert len(ids) == len(set(ids))


async def test_without_a_credential_secured_routes_answer_401(gateway: Gateway) -> None:
    async with gateway.anonymous() as client:
        for operation in OPERATIONS:
            answer = await operation.call(client)
            if operation.secured:
                refused = assert_refused(answer, 401, "UNAUTHENTICATED")
                assert isinstance(refused["detail"], str)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keys(gateway: Gateway) -> AsyncIterator[tuple[AsyncClient, AsyncClient]]:
    """Clients with a key that may do nothing, and with one that may do everything."""
    user_id = f"user-{uuid4()}"
    async with gateway.user(user_id) as client:
        await client.get("/me")
    nothing, everything = await gateway.api_key(user_id), await gateway.api_key(user_id, *Permission)
    async with (
        gateway.anonymous(**{"X-API-Key": nothing}) as none,
        gateway.anonymous(**{"X-API-Key": everything}) as all_,
    ):
        yield none, all_


async def test_scoped_routes_refuse_keys_without_the_scope(keys: tuple[AsyncClient, AsyncClient]) -> None:
    nothing, _ = keys
    tried = 0
    for operation in SECURED:
        if not operation.permissions:
            continue
        options = {"json": {}} if operation.takes_body else {}
        refused = assert_refused(await operation.call(nothing, **options), 403, "FORBIDDEN")
        assert all(permission in refused["detail"] for permission in operation.permissions), operation
        tried += 1
    assert tried >= 50


async def test_routes_of_administrators_refuse_others(gateway: Gateway, keys: tuple[AsyncClient, AsyncClient]) -> None:
    tried = 0
    async with gateway.user() as user:
        for operation in SECURED:
            if operation.for_admins:
                for client in (user, keys[1]):
                    refused = assert_refused(await operation.call(client), 403, "FORBIDDEN")
                    assert refused["detail"] == "Admin access required"
                    tried += 1
    assert tried >= 8


async def test_ids_that_are_not_there_and_empty_bodies_get_a_documented_answer(gateway: Gateway) -> None:
    not_found = 0
    for operation in OPERATIONS:
        # Somebody new each time: some operations end all tokens of their caller.
        async with gateway.user() as client:
            options = {"json": {}} if operation.takes_body else {}
            not_found += (await operation.call(client, **options)).status_code == 404
    assert not_found >= 30


async def test_a_body_of_another_type_is_refused_everywhere(gateway: Gateway) -> None:
    async with gateway.user(role="admin") as client:
        for operation in OPERATIONS:
            if operation.takes_body and "application/json" in operation.spec["requestBody"]["content"]:
                answer = await operation.call(client, content=b"{}", headers={"Content-Type": "text/plain"})
                assert_refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_parameters_out_of_range_are_refused(gateway: Gateway) -> None:
    tried = 0
    async with gateway.user(role="admin") as client:
        for operation in OPERATIONS:
            for parameter in operation.spec.get("parameters", ()):
                if parameter["in"] == "query" and parameter["schema"].get("type") == "integer":
                    answer = await operation.call(client, params={parameter["name"]: "many"})
                    assert_refused(answer, 422, "VALIDATION_ERROR")
                    tried += 1
    assert tried >= 10


async def test_every_limited_route_answers_429_with_its_figures(gateway_settings: Settings) -> None:
    one = RateLimitSettings(rate_limit_requests_per_minute=1, rate_limit_auth_requests_per_minute=1)
    settings = Settings(**{**vars(gateway_settings), "rate_limits": one})
    async with open_gateway(settings) as gateway, gateway.user() as client:
        await client.get("/me")
        await client.post("/api/auth/login", json={})
        for operation in LIMITED:
            answer = await operation.call(client)
            refused = assert_refused(answer, 429, "RATE_LIMIT_EXCEEDED")
            assert set(refused["detail"]) == {"error", "message", "limit", "remaining", "reset"}
            assert answer.headers["X-RateLimit-Remaining"] == "0"
            assert int(answer.headers["Retry-After"]) >= 1
