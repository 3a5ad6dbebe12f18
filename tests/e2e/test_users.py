"""`perdure users create` against the running stack, and against a database named by settings."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from infra.embedded.ports import free_port
from infra.migrate import upgrade_database
from models.api_keys import DEFAULT_PERMISSIONS
from tests.databases import fresh_database
from tests.e2e.stack_folder import StackFolder

KEY = "a-key-of-more-than-thirty-two-characters"


async def perdure(stack: StackFolder, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(stack.perdure, *arguments)


async def create(stack: StackFolder, *arguments: str) -> dict[str, Any]:
    ended = await perdure(stack, "users", "create", "--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def settings(database_url: str) -> AsyncIterator[dict[str, str]]:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        yield {"DATABASE_URL": url, "JWT_VERIFY_KEY": KEY}


async def me(stack: StackFolder, credential: str, path: str = "/api/user") -> Any:
    headers = {"Authorization": f"Bearer {credential}"}
    async with AsyncClient(base_url=stack.running().gateway_url, headers=headers) as client:
        response = await client.get(path)
        assert response.status_code == 200, response.text
        return response.json()


async def test_a_user_of_the_running_stack_can_work_at_once(running_stack: StackFolder) -> None:
    made = await create(running_stack, "--email", "ada@example.com", "--name", "Ada", "--admin", "--with-key")
    for credential in (made["token"], made["api_key"]):
        user = await me(running_stack, credential)
        assert (user["id"], user["email"], user["name"], user["role"]) == (
            made["id"],
            "ada@example.com",
            "Ada",
            "admin",
        )
    (key,) = await me(running_stack, made["token"], "/api/api-keys")
    assert set(key["permissions"]) == DEFAULT_PERMISSIONS
    (entered,) = (await me(running_stack, made["token"], "/api/audit?object=user"))["entries"]
    assert (entered["action"], entered["actor_kind"], entered["object_id"]) == ("user.created", "system", made["id"])
    assert entered["details"] == {"role": "admin"}
    again = await perdure(running_stack, "users", "create", "--email", "ADA@example.com")
    assert again.returncode == 1
    assert made["id"] in again.stderr


async def test_a_database_named_by_settings_is_used(tmp_path: Path, settings: dict[str, str]) -> None:
    stack = StackFolder(tmp_path, **settings)
    made = await create(stack, "--email", "grace@example.com", "--days", "2")
    assert (made["name"], made["role"], made["api_key"]) == (None, "user", None)
    claims = jwt.decode(made["token"], KEY, algorithms=["HS256"], audience="authenticated")
    assert (claims["sub"], claims["email"], claims["role"]) == (made["id"], "grace@example.com", "user")
    assert claims["exp"] - claims["iat"] == 2 * 86_400
    shown = await perdure(stack, "users", "create", "--email", "alan@example.com", "--with-key")
    assert "agpt_" in shown.stdout
    assert "alan@example.com" in shown.stdout


@pytest.mark.parametrize(
    ("changed", "arguments", "reason"),
    [
        ({}, ("--email", "nobody@localhost"), "no e-mail address"),
        ({}, ("--email", "a@example.com", "--name", "x" * 101), "at most 100"),
        ({"JWT_VERIFY_KEY": ""}, ("--email", "b@example.com"), "JWT_VERIFY_KEY"),
        ({"DATABASE_URL": "mysql://x"}, ("--email", "c@example.com"), "DATABASE_URL cannot be used"),
        ({"DATABASE_URL": "nowhere"}, ("--email", "d@example.com"), "Postgres does not answer"),
        ({"DATABASE_POOL_SIZE": "hunter2"}, ("--email", "e@example.com"), "DATABASE_POOL_SIZE"),
    ],
    ids=["address", "name", "no key", "malformed url", "no server", "bad setting"],
)
async def test_what_hinders_it_is_named(
    tmp_path: Path, settings: dict[str, str], changed: dict[str, str], arguments: tuple[str, ...], reason: str
) -> None:
    if changed.get("DATABASE_URL") == "nowhere":
        changed = {"DATABASE_URL": f"postgresql://perdure:hunter2@127.0.0.1:{free_port()}/perdure"}
    ended = await perdure(StackFolder(tmp_path, **{**settings, **changed}), "users", "create", *arguments)
    assert ended.returncode == 1
    assert reason in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr


async def test_an_unmigrated_database_is_named(tmp_path: Path, database_url: str) -> None:
    async with fresh_database(database_url) as url:
        stack = StackFolder(tmp_path, DATABASE_URL=url, JWT_VERIFY_KEY=KEY)
        ended = await perdure(stack, "users", "create", "--email", "f@example.com")
    assert ended.returncode == 1
    assert "perdure migrate" in ended.stderr
