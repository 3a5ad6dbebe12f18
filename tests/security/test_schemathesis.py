"""Requests made up from the OpenAPI document, valid and invalid ones: no 500, and only documented answers."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.settings import Settings
from services.gateway.app import openapi_document
from tests.gateway import Gateway, echo_graph_body, execute, save, until_status
from tests.gateway_processes import serving

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))
LONG_EXAMPLES = 60
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
LONGEST_WAITS = {"wait_seconds": 0}
"""Values of parameters that would make a request wait."""

ENDING_TOKENS = "/api/auth/"
"""Below it a request may end the tokens of whoever makes it."""

FOR_ADMINISTRATORS = ("/api/admin", "/rate-limit", "/api/rate-limit")

SCHEMA = schemathesis.openapi.from_dict(openapi_document())
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations()}


@dataclass(frozen=True)
class Target:
    """A gateway as a process at `url`, a user, and what belongs to that user by the names of path parameters."""

    gateway: Gateway
    url: str
    user_id: str
    ids: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def target(gateway_settings: Settings, gateway: Gateway, worker: None) -> AsyncIterator[Target]:
    user_id = f"user-{uuid4()}"
    limits = {"RATE_LIMIT_REQUESTS_PER_MINUTE": "10000", "RATE_LIMIT_AUTH_REQUESTS_PER_MINUTE": "10000"}
    async with gateway.user(user_id) as client, serving(gateway_settings, LOG_LEVEL="ERROR", **limits) as port:
        graph_id = await save(client, echo_graph_body())
        graph_exec_id = await execute(client, graph_id, x=1)
        await until_status(client, graph_exec_id, "COMPLETED")
        preset = {"graph_id": graph_id, "graph_version": 1, "name": "Preset", "inputs": {"x": 1}}
        ids = {
            "graph_id": graph_id,
            "graph_exec_id": graph_exec_id,
            "api_key_id": (await client.post("/api/api-keys", json={"name": "Key"})).json()["api_key"]["id"],
            "preset_id": (await client.post("/api/library/presets", json=preset)).json()["id"],
            "block_id": "text_input_block",
            "version": "1",
            "from_version": "1",
            "to_version": "1",
            "user_id": "nobody",
            "key": f"user:{user_id}",
        }
        yield Target(gateway, f"http://127.0.0.1:{port}", user_id, ids)


def try_operation(label: str, target: Target, *, examples: int) -> None:
    operation = OPERATIONS[label]
    caller = f"user-{uuid4()}" if operation.path.startswith(ENDING_TOKENS) else target.user_id
    role = "admin" if operation.path.startswith(FOR_ADMINISTRATORS) else "user"
    headers = {"Authorization": f"Bearer {target.gateway.token(caller, role=role)}"}
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, known_ids=st.booleans())
    def check(case: Case, known_ids: bool) -> None:
        if known_ids:
            case.path_parameters.update({name: target.ids[name] for name in case.path_parameters if name in target.ids})
        case.query.update({name: value for name, value in LONGEST_WAITS.items() if name in case.query})
        case.cookies.clear()
        response = case.call(base_url=target.url, headers=headers, session=session, timeout=60)
        case.validate_response(response, checks=CHECKS)

    with requests.Session() as session:
        check()


@pytest.mark.parametrize("label", OPERATIONS)
async def test_no_request_makes_the_gateway_fail(target: Target, label: str) -> None:
    await asyncio.to_thread(try_operation, label, target, examples=EXAMPLES)


@pytest.mark.long
@pytest.mark.parametrize("label", OPERATIONS)
async def test_no_request_of_many_makes_the_gateway_fail(target: Target, label: str) -> None:
    await asyncio.to_thread(try_operation, label, target, examples=LONG_EXAMPLES)
