"""Many executions that wait for people: a worker forgets them meanwhile, every process may die, and none is lost."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from temporalio.client import WorkflowHandle

from infra.embedded.ports import free_port
from infra.embedded.server import EmbeddedServer, running
from infra.migrate import upgrade_database
from infra.settings import PostgresSettings, Settings, TemporalSettings
from infra.temporal.client import connect
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import NodeId, new_id, node_exec_id
from models.wire import ExecuteGraphResult
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, graph_exec_id_of, open_engine
from tests.polling import eventually
from tests.servers import TemporalServer
from tests.workflow.test_projection import own_postgres
from tests.workflow.test_worker_death import worker_process
from tests.workflow.waiting import decision, update

Handle = WorkflowHandle[Any, Any]

MEGABYTE = 1024 * 1024
AT_ONCE = 20
CACHED = 20


def review(engine: Engine) -> Graph:
    """12 KB wait beside each review, for the decision."""
    nodes = [
        make_node("draft", "echo", value="x" * 12_000),
        make_node("ask", "human_in_the_loop_block", data="publish?", name="Look at it"),
        make_node("published", "create_dictionary_block"),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [
        make_link("draft.out", "published.values_#_draft"),
        make_link("ask.approved_data", "published.values_#_answer"),
        make_link("ask.approved_data", "out.value"),
    ]
    return make_graph(nodes, links, blocks=engine.blocks)


async def for_each(handles: Sequence[Handle], act: Callable[[Handle], Awaitable[None]]) -> None:
    """A few at a time."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(handle: Handle) -> None:
        async with limit:
            await act(handle)

    await asyncio.gather(*(one(handle) for handle in handles))


async def park(engine: Engine, graph: Graph, count: int) -> list[Handle]:
    """Starts so many runs of the graph and waits until all are in review."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def start() -> Handle:
        async with limit:
            return await engine.start(graph)

    handles = await asyncio.gather(*(start() for _ in range(count)))

    async def all_wait() -> bool:
        return await in_status(engine, handles, ExecutionStatus.REVIEW) == count

    await eventually(all_wait, seconds=60 + count)
    return list(handles)


async def in_status(engine: Engine, handles: Sequence[Handle], status: ExecutionStatus) -> int:
    async with engine.database.transaction() as session:
        found = await session.scalar(
            text("select count(*) from graph_executions where id = any(:ids) and status = :status"),
            {"ids": [graph_exec_id_of(handle) for handle in handles], "status": status.value},
        )
    return found or 0


async def decide(handle: Handle) -> None:
    asked = node_exec_id(graph_exec_id_of(handle), NodeId("ask"), 0)
    await update(handle, "submit_review", decision(asked, message="yes"))


async def check_all_done(engine: Engine, handles: Sequence[Handle]) -> None:
    async def result_of(handle: Handle) -> None:
        outcome = await engine.outcome(await handle.result())
        assert outcome.result.status is ExecutionStatus.COMPLETED
        assert outcome.outputs == {"out": ["publish?"]}

    await for_each(handles, result_of)
    assert await in_status(engine, handles, ExecutionStatus.COMPLETED) == len(handles)


def memory_of(worker: asyncio.subprocess.Process) -> int:
    return psutil.Process(worker.pid).memory_info().rss


async def check_parked(engine: Engine, *, count: int, most_megabytes: int) -> None:
    """A worker parks them all, another one, which has seen none of them, goes on with each when it is decided."""
    engine = engine.on_task_queue(f"parked-{new_id()}")
    graph = review(engine)
    cache = {"WORKER_MAX_CACHED_WORKFLOWS": str(CACHED)}
    async with worker_process(engine.settings, engine.task_queue, **cache) as first:
        await park(engine, graph, 2 * CACHED)
        warm = memory_of(first)
        handles = await park(engine, graph, count - 2 * CACHED)
        grown = memory_of(first) - warm
    assert grown < most_megabytes * MEGABYTE
    async with worker_process(engine.settings, engine.task_queue, **cache) as second:
        await for_each(handles[: 2 * CACHED], decide)
        warm = memory_of(second)
        await for_each(handles[2 * CACHED :], decide)
        await check_all_done(engine, handles)
        grown = memory_of(second) - warm
    assert grown < most_megabytes * MEGABYTE


async def test_many_executions_in_review(idle_engine: Engine) -> None:
    await check_parked(idle_engine, count=80, most_megabytes=40)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_2000_executions_in_review(idle_engine: Engine) -> None:
    await check_parked(idle_engine, count=2000, most_megabytes=60)


class Servers:
    """Temporal and Postgres of one test, killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.temporal = TemporalServer(folder / "temporal", port=free_port(), ui_port=free_port())
        self.postgres = own_postgres(folder)
        self._folder = folder
        self._starts = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """They are killed at the end, without a word."""
        self._starts += 1
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(self._run(server)) for server in self._servers]
            yield
            for process in processes:
                process.kill()

    @property
    def _servers(self) -> tuple[EmbeddedServer, EmbeddedServer]:
        return self.postgres, self.temporal

    def _run(self, server: EmbeddedServer) -> Any:
        return running(server, log_path=self._folder / f"{server.name}-{self._starts}.log")

    def settings(self, settings: Settings) -> Settings:
        return dataclasses.replace(
            settings,
            postgres=PostgresSettings(database_url=SecretStr(self.postgres.url)),
            temporal=TemporalSettings(
                temporal_address=self.temporal.address, temporal_namespace=self.temporal.namespace
            ),
        )


async def check_restart(settings: Settings, folder: Path, *, count: int) -> None:
    folder.mkdir(mode=0o711)
    servers = Servers(folder)
    settings = servers.settings(settings)
    queue = f"parked-{new_id()}"
    async with servers.running():
        await upgrade_database(servers.postgres.url)
        async with open_engine(await connect(settings), settings, task_queue=queue) as engine:
            graph = review(engine)
            async with worker_process(settings, queue):
                handles = await park(engine, graph, count)
    async with servers.running(), open_engine(await connect(settings), settings, task_queue=queue) as engine:
        handles = [engine.client.get_workflow_handle(handle.id, result_type=ExecuteGraphResult) for handle in handles]
        assert await in_status(engine, handles, ExecutionStatus.REVIEW) == count
        async with worker_process(settings, queue):
            await for_each(handles, decide)
            await check_all_done(engine, handles)


async def test_every_process_dies_during_the_wait(engine_settings: Settings, servers_folder: Path) -> None:
    await check_restart(engine_settings, servers_folder / new_id(), count=20)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_every_process_dies_while_2000_wait(engine_settings: Settings, servers_folder: Path) -> None:
    await check_restart(engine_settings, servers_folder / new_id(), count=2000)
