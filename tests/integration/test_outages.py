"""Servers that go away and come back: 503 meanwhile, and the gateway recovers by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from httpx2 import AsyncClient, Response
from pydantic import SecretStr

from infra.settings import PostgresSettings, RedisSettings, Settings, TemporalSettings
from tests.gateway import Gateway, assert_refused, echo_graph_body, open_gateway, sleeper_graph_body
from tests.operations import SECURED
from tests.polling import eventually

DEADLINE_SECONDS = 30
PATIENCE_SECONDS = 5.5
"""Well beyond one signal's time, well below that of two."""


class Link:
    """A connection to a server that can be cut: a TCP relay on a port of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    def stall(self) -> None:
        """Lets nothing through any more, and tells nobody."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def restore(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            try:
                pumps = [
                    asyncio.create_task(self._pump(reader, far_writer)),
                    asyncio.create_task(self._pump(far_reader, writer)),
                ]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pump in pumps:
                        pump.cancel()
                    await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                far_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._open.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass


@asynccontextmanager
async def _link_to(host: str, port: int) -> AsyncIterator[Link]:
    link = Link(host, port)
    await link.restore()
    try:
        yield link
    finally:
        await link.cut()


def _split(url: str) -> tuple[str, str, int, str]:
    """`head@host:port/tail` in its parts."""
    head, _, rest = url.rpartition("@")
    address, _, tail = rest.partition("/")
    host, _, port = address.partition(":")
    return head, host, int(port), tail


@pytest_asyncio.fixture(loop_scope="session")
async def links(gateway_settings: Settings) -> AsyncIterator[tuple[Gateway, dict[str, Link]]]:
    """A gateway whose connections to its three servers can be cut."""
    pg_head, pg_host, pg_port, database = _split(gateway_settings.postgres.database_url.get_secret_value())
    redis_head, redis_host, redis_port, number = _split(gateway_settings.redis.redis_url.get_secret_value())
    temporal_host, _, temporal_port = gateway_settings.temporal.temporal_address.partition(":")
    async with (
        _link_to(pg_host, pg_port) as postgres,
        _link_to(redis_host, redis_port) as redis,
        _link_to(temporal_host, int(temporal_port)) as temporal,
    ):
        settings = Settings(
            **{
                **vars(gateway_settings),
                "postgres": PostgresSettings(
                    database_url=SecretStr(f"{pg_head}@127.0.0.1:{postgres.port}/{database}"), database_pool_size=3
                ),
                "redis": RedisSettings(redis_url=SecretStr(f"{redis_head}@127.0.0.1:{redis.port}/{number}")),
                "temporal": TemporalSettings(
                    **{
                        **gateway_settings.temporal.model_dump(),
                        "temporal_address": f"127.0.0.1:{temporal.port}",
                    }
                ),
            }
        )
        async with open_gateway(settings) as gateway:
            yield gateway, {"postgres": postgres, "redis": redis, "temporal": temporal}


async def _until_ready(client: AsyncClient, *, status: int = 200) -> Response:
    async def answer() -> Response | None:
        response = await client.get("/ready")
        return response if response.status_code == status else None

    return await eventually(answer)


def _assert_away(response: Response) -> None:
    body = assert_refused(response, 503, "SERVICE_UNAVAILABLE")
    assert int(response.headers["Retry-After"]) >= 1
    assert "127.0.0.1" not in response.text
    assert body["error"]["category"] == "network"


async def test_readiness_names_the_part_that_is_away(links: tuple[Gateway, dict[str, Link]]) -> None:
    gateway, parts = links
    async with gateway.anonymous() as client:
        assert (await client.get("/health")).json() == {"status": "healthy"}
        ready = await client.get("/ready")
        assert ready.json() == {"status": "ready", "checks": dict.fromkeys(parts, "ok")}
        for name, link in parts.items():
            await link.cut()
            away = await _until_ready(client, status=503)
            assert away.json()["checks"] == dict.fromkeys(parts, "ok") | {name: "unavailable"}
            assert (await client.get("/health")).status_code == 200
            await link.restore()
            await _until_ready(client)


async def test_without_postgres_everything_but_health_is_unavailable_until_it_is_back(
    links: tuple[Gateway, dict[str, Link]],
) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        saved = (await client.post("/api/graphs", json=echo_graph_body())).json()
        await parts["postgres"].cut()
        answers = await asyncio.gather(*(client.get("/api/graphs") for _ in range(6)))
        for response in (*answers, await client.post("/api/graphs", json=echo_graph_body())):
            _assert_away(response)
        await parts["postgres"].restore()
        await _until_ready(client)
        (graph,) = (await client.get("/api/graphs")).json()
        assert graph["id"] == saved["id"]


async def test_without_temporal_nothing_is_started_or_recorded(links: tuple[Gateway, dict[str, Link]]) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        await parts["temporal"].cut()
        before = await gateway.row_counts()
        _assert_away(await client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": {"x": 1}}))
        assert await gateway.row_counts() == before
        await parts["temporal"].restore()
        await _until_ready(client)
        assert (await client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": {"x": 1}})).status_code == 200


async def test_without_redis_runs_start_and_only_events_are_away(links: tuple[Gateway, dict[str, Link]]) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=echo_graph_body())).json()["id"]
        await parts["redis"].cut()
        started = await client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": {"x": 1}})
        assert started.status_code == 200
        events = f"/api/executions/{started.json()['id']}/events"
        _assert_away(await client.get(events))
        await parts["redis"].restore()
        await _until_ready(client)
        assert (await client.get(events)).status_code == 200


async def _until_counted(client: AsyncClient) -> None:
    """Until requests are counted for all gateways together again."""

    async def are_counted() -> bool:
        return "X-RateLimit-Degraded" not in (await client.get("/me")).headers

    await eventually(are_counted)


async def test_without_postgres_every_secured_route_says_so_and_is_still_counted(
    links: tuple[Gateway, dict[str, Link]],
) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        await client.get("/me")
        await parts["postgres"].cut()
        for operation in SECURED:
            answer = await operation.call(client, **({"json": {}} if operation.takes_body else {}))
            _assert_away(answer)
            assert "X-RateLimit-Remaining" in answer.headers
        for path in ("/health", "/docs", "/openapi.json", "/metrics"):
            assert (await client.get(path)).status_code == 200
        await parts["postgres"].restore()
        await _until_ready(client)
        assert (await client.get("/me")).status_code == 200


async def test_without_redis_requests_are_served_and_marked_until_it_is_back(
    links: tuple[Gateway, dict[str, Link]],
) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        assert "X-RateLimit-Degraded" not in (await client.get("/me")).headers
        await parts["redis"].cut()
        for path in ("/me", "/api/graphs", "/api/blocks", "/api/executions", "/api/library/presets"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers.get("X-RateLimit-Degraded")) == (200, "true"), path
        await parts["redis"].restore()
        await _until_counted(client)


async def test_a_redis_that_accepts_and_never_answers_holds_nobody_up(links: tuple[Gateway, dict[str, Link]]) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        await client.get("/me")
        parts["redis"].stall()
        async with asyncio.timeout(DEADLINE_SECONDS):
            answers = await asyncio.gather(*(client.get("/me") for _ in range(50)))
            answers += [await client.get("/me") for _ in range(50)]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.headers.get("X-RateLimit-Degraded") for answer in answers} == {"true"}
        parts["redis"].flow()
        await _until_counted(client)


async def test_without_temporal_all_that_is_only_read_is_served(links: tuple[Gateway, dict[str, Link]]) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        # One that has not ended by itself, should another test have started a worker.
        graph_id = (await client.post("/api/graphs", json=sleeper_graph_body(60))).json()["id"]
        run_id = (await client.post(f"/api/graphs/{graph_id}/execute")).json()["id"]
        await parts["temporal"].cut()
        for path in (
            "/me",
            "/api/graphs",
            f"/api/graphs/{graph_id}",
            "/api/executions",
            f"/api/executions/{run_id}",
            f"/api/executions/{run_id}/events",
            "/api/blocks",
        ):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.put(f"/api/graphs/{graph_id}", json=echo_graph_body())).status_code == 200
        _assert_away(await client.post(f"/api/graphs/{graph_id}/executions/{run_id}/stop"))
        await parts["temporal"].restore()
        await _until_ready(client)


async def test_a_temporal_that_is_away_or_silent_is_told_of_before_people_leave(
    links: tuple[Gateway, dict[str, Link]],
) -> None:
    gateway, parts = links
    async with gateway.user() as client:
        graph_id = (await client.post("/api/graphs", json=sleeper_graph_body(60))).json()["id"]
        runs = [(await client.post(f"/api/graphs/{graph_id}/execute")).json()["id"] for _ in range(22)]
        parts["temporal"].stall()
        of_graph, of_run = f"/api/graphs/{graph_id}/executions/{runs[0]}", f"/api/executions/{runs[0]}"
        controls = (f"{of_graph}/stop", f"{of_graph}/cancel", f"{of_run}/pause", f"{of_run}/resume")
        async with asyncio.timeout(PATIENCE_SECONDS):
            for answer in await asyncio.gather(*(client.post(path) for path in controls)):
                _assert_away(answer)
        # More runs than are told at once: those that wait for their turn need not be tried.
        async with asyncio.timeout(PATIENCE_SECONDS):
            _assert_away(await client.delete(f"/api/graphs/{graph_id}"))
        parts["temporal"].flow()
        await _until_ready(client)
        assert (await client.get(f"/api/graphs/{graph_id}")).status_code == 200
