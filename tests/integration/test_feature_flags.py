"""Routes behind a flag: there while it is on, and like any unknown address while it is off."""

import dataclasses
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from infra.feature_flags import ConfiguredFlags, flags_of
from services.gateway.app import create_app
from services.gateway.auth.dependencies import AnyUser
from services.gateway.feature_flags import feature_flag, is_feature_enabled
from tests.gateway import ORIGIN, Gateway, assert_refused


@pytest_asyncio.fixture(loop_scope="session")
async def app(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    file = tmp_path_factory.mktemp("flags") / "flags.json"
    file.write_text('{"on": true, "off": false, "beta": {"users": ["tester"]}}')
    container = dataclasses.replace(gateway.container, flags=flags_of(ConfiguredFlags(file=file)))
    app = create_app(container)

    def add(name: str, flag_key: str, *, default: bool) -> None:
        @app.get(f"/decorated/{name}/{{item}}")
        @feature_flag(flag_key, default=default)
        async def decorated(item: int, user: AnyUser, more: str = "") -> str:
            return f"{item} {more}"

        @app.get(f"/guarded/{name}", dependencies=[feature_flag(flag_key, default).dependency])
        async def guarded(user: AnyUser) -> bool:
            return await is_feature_enabled(container.flags, flag_key, user=user, default=default)

    for name, flag_key, default in (
        ("on", "on", False),
        ("off", "off", True),
        ("beta", "beta", False),
        ("unset-on", "unset", True),
        ("unset-off", "unset", False),
    ):
        add(name, flag_key, default=default)
    return app


@pytest_asyncio.fixture(loop_scope="session")
async def client(gateway: Gateway, app: FastAPI) -> AsyncIterator[AsyncClient]:
    headers = {"Authorization": f"Bearer {gateway.token('somebody')}"}
    async with AsyncClient(transport=ASGITransport(app=app), base_url=ORIGIN, headers=headers) as client:
        yield client


@pytest.mark.parametrize("name", ["on", "unset-on"])
async def test_a_route_whose_flag_is_on_works(client: AsyncClient, name: str) -> None:
    assert (await client.get(f"/decorated/{name}/7", params={"more": "x"})).json() == "7 x"
    assert (await client.get(f"/guarded/{name}")).json() is True
    assert_refused(await client.get(f"/decorated/{name}/seven"), 422, "VALIDATION_ERROR")
    refused = await client.get(f"/guarded/{name}", headers={"Authorization": ""})
    assert_refused(refused, 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("name", ["off", "unset-off", "beta"])
async def test_a_route_whose_flag_is_off_is_not_there(client: AsyncClient, name: str) -> None:
    unknown = (await client.get("/no/such/address")).json()
    for headers in ({}, {"Authorization": ""}):
        for path in (f"/decorated/{name}/7", f"/guarded/{name}"):
            refused = assert_refused(await client.get(path, headers=headers), 404, "NOT_FOUND")
            assert refused["detail"] == unknown["detail"]
            assert refused["error"]["message"] == unknown["error"]["message"]


async def test_a_flag_can_be_on_for_one_user(gateway: Gateway, client: AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {gateway.token('tester')}"}
    assert (await client.get("/decorated/beta/1", headers=headers)).json() == "1 "
    assert (await client.get("/guarded/beta", headers=headers)).json() is True


async def test_the_document_of_a_decorated_route_names_its_own_parameters(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    parameters = document["paths"]["/decorated/on/{item}"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["item", "more"]
