"""The first administrator of a new installation."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest_asyncio
from httpx2 import AsyncClient, ConnectError, Response
from pydantic import SecretStr
from sqlalchemy import text

from infra.embedded.ports import free_port
from infra.embedded.postgres import PostgresServer
from infra.migrate import database_for, upgrade_database
from infra.settings import IdentitySettings, PostgresSettings, Settings
from models.ids import new_id
from services.gateway.features.identity.first_admin import FirstAdministrator
from tests.accounts import PASSWORD, Person, browser, new_address
from tests.gateway import Gateway, assert_refused, open_gateway
from tests.gateway_processes import gateway_environment, gateway_process
from tests.log_capture import captured_log
from tests.polling import eventually


@pytest_asyncio.fixture
async def new_database(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """Of an installation that nobody has used."""
    name = f"setup_{new_id().replace('-', '')}"
    server = database_for(postgres_server.url, application_name="test")
    async with server.single_statement() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    url = f"{postgres_server.url.rpartition('/')[0]}/{name}"
    await upgrade_database(url)
    yield url
    async with server.single_statement() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await server.close()


@pytest_asyncio.fixture
async def fresh(gateway_settings: Settings, new_database: str) -> AsyncIterator[Gateway]:
    settings = replace(
        gateway_settings,
        postgres=PostgresSettings(database_url=SecretStr(new_database)),
        identity=IdentitySettings(auth_setup="on"),
    )
    async with open_gateway(settings) as gateway:
        yield gateway


async def set_up(
    gateway: Gateway, code: str, *, email: str | None = None, password: str = PASSWORD, address: str | None = None
) -> Response:
    body = {"token": code, "email": email or new_address(), "password": password}
    async with browser(gateway, address=address) as client:
        return await client.post("/api/auth/setup", json=body)


async def code_of(gateway: Gateway) -> str:
    code = await FirstAdministrator(gateway.container).find_code()
    assert code is not None
    return code


async def test_the_code_makes_one_administrator_and_then_nothing(fresh: Gateway) -> None:
    code = await code_of(fresh)
    assert await code_of(fresh) == code
    assert re.fullmatch("[0-9a-f]{64}", code)
    assert_refused(await set_up(fresh, "x" + code[1:]), 401, "UNAUTHENTICATED")
    assert_refused(await set_up(fresh, code, password="short"), 400, "WEAK_PASSWORD")
    person = await Person.register(fresh)
    assert_refused(await set_up(fresh, code, email=person.email), 409, "CONFLICT")
    answers = await asyncio.gather(*(set_up(fresh, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    tokens = next(answer for answer in answers if answer.status_code == 200).json()
    assert tokens["user"]["role"] == "admin"
    assert tokens["user"]["email_verified"]
    async with browser(fresh, Authorization=f"Bearer {tokens['access_token']}") as client:
        (entry,) = (await client.get("/api/admin/audit", params={"action": "auth.setup_done"})).json()["entries"]
        assert entry["owner_id"] == tokens["user"]["id"]
    assert (await Person(fresh, tokens["user"]["email"]).login()).status_code == 200
    assert_refused(await set_up(fresh, code), 404, "NOT_FOUND")
    assert_refused(await set_up(fresh, "wrong"), 404, "NOT_FOUND")
    assert await FirstAdministrator(fresh.container).find_code() is None


async def test_an_administrator_made_elsewhere_ends_the_setup(fresh: Gateway) -> None:
    code = await code_of(fresh)
    async with fresh.user("an-administrator", role="Admin", email="admin@example.com") as admin:
        assert (await admin.get("/me")).status_code == 200
    assert_refused(await set_up(fresh, code), 404, "NOT_FOUND")


async def test_the_log_tells_the_code_readably(fresh: Gateway) -> None:
    code = await code_of(fresh)
    with captured_log() as log:
        await FirstAdministrator(fresh.container).announce()
    assert len(log.events(setup_code=code)) == 1


async def test_a_gateway_that_starts_tells_the_code_and_the_command_line_takes_it(
    gateway_settings: Settings, new_database: str, tmp_path: Path
) -> None:
    settings = replace(gateway_settings, postgres=PostgresSettings(database_url=SecretStr(new_database)))
    port = free_port()
    environment = gateway_environment(settings, GATEWAY_PORT=str(port), AUTH_SETUP="on", LOG_FILES="off")
    log = tmp_path / "gateway.log"
    with log.open("wb") as printed:
        async with gateway_process(environment, log=printed):
            await eventually(lambda: "setup_code" in log.read_text())
            (code,) = re.findall(r'"setup_code": ?"([0-9a-f]{64})"', log.read_text())
            url = f"http://127.0.0.1:{port}"
            async with AsyncClient(base_url=url) as client:
                await eventually(partial(is_ready, client))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.cli.main", "auth", "setup", "--stdin"),
                *("--email", "first@example.com", "--url", url),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await process.communicate(f"{code}\n{PASSWORD}\n".encode())
            assert process.returncode == 0
            assert b"first@example.com is administrator of" in output


async def is_ready(client: AsyncClient) -> bool:
    try:
        return (await client.get("/ready")).status_code == 200
    except ConnectError:
        return False


async def test_guesses_are_few(fresh: Gateway) -> None:
    await code_of(fresh)
    statuses = [(await set_up(fresh, "a guess", address="198.51.100.7")).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert (await set_up(fresh, await code_of(fresh), address="198.51.100.8")).status_code == 200


async def test_in_development_there_is_no_setup(gateway: Gateway) -> None:
    assert await FirstAdministrator(gateway.container).find_code() is None
    assert_refused(await set_up(gateway, "anything"), 404, "NOT_FOUND")
