"""The gateway as tests use it: the real application on real servers, called in process."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import jwt
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import text

from infra.migrate import database_for
from infra.settings import Settings
from models.api_keys import ApiKey, APIKeyManager, ApiKeyStatus, Permission
from models.ids import ApiKeyId, UserId, new_id
from services.gateway.app import create_app
from services.gateway.container import Container
from services.gateway.main import open_container
from tests.sample_blocks import sample_registry

ORIGIN: Final = "http://gateway.example.com"

DEADLINE_SECONDS: Final = 60

TABLES: Final = (
    "graphs",
    "nodes",
    "links",
    "graph_executions",
    "node_executions",
    "idempotency_keys",
    "api_keys",
    "presets",
)


@dataclass
class Gateway:
    """An application and the means to call it as somebody."""

    app: FastAPI
    container: Container
    settings: Settings

    @asynccontextmanager
    async def anonymous(self, **headers: str) -> AsyncGenerator[AsyncClient]:
        async with AsyncClient(transport=ASGITransport(app=self.app), base_url=ORIGIN, headers=headers) as client:
            yield client

    @asynccontextmanager
    async def user(self, user_id: str | None = None, **claims: Any) -> AsyncGenerator[AsyncClient]:
        """A client with a bearer token; without an id, of somebody new."""
        token = self.token(user_id or f"user-{uuid4()}", **claims)
        async with self.anonymous(Authorization=f"Bearer {token}") as client:
            yield client

    def token(self, user_id: str, *, key: str | None = None, **claims: Any) -> str:
        """A signed token; a claim given as None is left out."""
        payload = {
            "sub": user_id,
            "email": f"{uuid4().hex[:12]}@example.com",
            "aud": "authenticated",
            "role": "authenticated",
            "exp": datetime.now(UTC) + timedelta(minutes=10),
            **claims,
        }
        secret = key or self.settings.auth.jwt_verify_key.get_secret_value()
        return jwt.encode({k: v for k, v in payload.items() if v is not None}, secret, algorithm="HS256")

    async def api_key(self, user_id: str, *permissions: Permission, status: ApiKeyStatus = ApiKeyStatus.ACTIVE) -> str:
        """The raw text of a new key of an existing user."""
        made = APIKeyManager().generate_api_key()
        async with self.container.units() as unit:
            await unit.api_keys.ensure(
                ApiKey(
                    id=ApiKeyId(new_id()),
                    user_id=UserId(user_id),
                    name="Test",
                    prefix=made.prefix,
                    postfix=made.postfix,
                    hash=made.hash,
                    permissions=frozenset(permissions),
                    status=status,
                    created_at=datetime.now(UTC),
                )
            )
        return made.raw

    async def row_counts(self) -> dict[str, int]:
        """How many rows there are, to see that a refused request leaves nothing behind."""
        database = database_for(self.settings.postgres.database_url.get_secret_value(), application_name="test")
        async with database.transaction() as session:
            counts = {table: await session.scalar(text(f"SELECT count(*) FROM {table}")) for table in TABLES}
        await database.close()
        return {table: count or 0 for table, count in counts.items()}


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncGenerator[Gateway]:
    async with open_container(settings, blocks=sample_registry()) as container:
        yield Gateway(app=create_app(container), container=container, settings=settings)


def node_body(node_id: str, block_id: str, **input_default: Any) -> dict[str, Any]:
    return {"id": node_id, "block_id": block_id, "input_default": input_default, "metadata": {}}


def link_body(source: str, sink: str) -> dict[str, Any]:
    """`link_body("a.out", "b.in")`"""
    source_id, _, source_name = source.partition(".")
    sink_id, _, sink_name = sink.partition(".")
    return {"source_id": source_id, "source_name": source_name, "sink_id": sink_id, "sink_name": sink_name}


def graph_body(
    nodes: Sequence[Mapping[str, Any]] = (), links: Sequence[Mapping[str, Any]] = (), **fields: Any
) -> dict[str, Any]:
    return {"name": "Test graph", "description": "", "nodes": list(nodes), "links": list(links), **fields}


def echo_graph_body(**fields: Any) -> dict[str, Any]:
    """Input `x` -> echo -> output `y`."""
    return graph_body(
        [
            node_body("in", "c0a8e994-ebf1-4a9c-a4d8-89d09c86741b", name="x"),
            node_body("echo", "echo"),
            node_body("out", "363ae599-353e-4804-937e-b2ee3cef3da4", name="y"),
        ],
        [link_body("in.result", "echo.value"), link_body("echo.out", "out.value")],
        **fields,
    )


def sleeper_graph_body(seconds: float) -> dict[str, Any]:
    return graph_body([node_body("sleeper", "sleep", seconds=seconds)])


def assert_refused(response: Response, status: int, code: str) -> dict[str, Any]:
    """The answer is an error of this status and code in the one error model; its body."""
    body = response.json()
    assert response.status_code == status, body
    assert body["success"] is False
    assert body["error"]["error_code"] == code
    assert set(body["error"]) == {
        "error_code",
        "message",
        "severity",
        "category",
        "details",
        "timestamp",
        "reference_id",
    }
    assert "detail" in body
    return body


async def save(client: AsyncClient, body: dict[str, Any]) -> str:
    response = await client.post("/api/graphs", json=body)
    assert response.status_code == 200, response.text
    return response.json()["id"]


async def execute(client: AsyncClient, graph_id: str, **inputs: Any) -> str:
    response = await client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": inputs, "credentials_inputs": {}})
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "QUEUED"
    return response.json()["id"]


async def until_status(client: AsyncClient, graph_exec_id: str, *wanted: str) -> dict[str, Any]:
    """The detail of a run once it has one of the wanted statuses."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        run = (await client.get(f"/api/executions/{graph_exec_id}")).json()
        if run["status"] in wanted:
            return run
        assert time.monotonic() < deadline, f"not {wanted} in time, but {run['status']}"
        await asyncio.sleep(0.05)
