"""An engine on real servers: Temporal, migrated Postgres, Valkey, a worker with the sample blocks."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.blocks.registry import BlockRegistry
from infra.blobs import open_blob_store
from infra.crypto import KeyRing, new_key
from infra.migrate import upgrade_database
from infra.postgres import Database
from infra.settings import (
    BlobSettings,
    EncryptionSettings,
    PostgresSettings,
    RedisSettings,
    Settings,
    TemporalSettings,
    WorkerSettings,
)
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.temporal.client import connect
from infra.temporal.runner import TemporalGraphRunner
from models.graph import Graph
from models.ids import OwnerKeyId, new_id, workflow_id
from models.values import ValueStore
from models.wire import ExecuteGraphInput, ExecuteGraphResult, NodeRecord, RunIdentity
from services.worker.container import activity_set, build_worker
from tests.builders import make_run
from tests.sample_blocks import sample_registry
from tests.servers import TemporalServer

OWNER = OwnerKeyId("0123456789abcdef")


@dataclass
class Engine:
    """Starts runs on a worker of its own task queue and looks at what became of them."""

    client: Client
    settings: Settings
    blocks: BlockRegistry
    values: ValueStore
    recorder: PostgresExecutionRecorder
    database: Database
    task_queue: str

    async def start(
        self, graph: Graph, inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> "WorkflowHandle[Any, ExecuteGraphResult]":
        run = await make_run(graph, blocks=self.blocks, values=self.values, inputs=inputs, **options)
        await self.runner.start(run, owner_key_id=OWNER)
        return self.handle(run)

    def handle(self, run: ExecuteGraphInput) -> "WorkflowHandle[Any, ExecuteGraphResult]":
        return self.client.get_workflow_handle(
            workflow_id(run.run.graph_exec_id, OWNER), result_type=ExecuteGraphResult
        )

    async def execute(self, graph: Graph, inputs: Mapping[str, Any] | None = None, **options: Any) -> "Outcome":
        handle = await self.start(graph, inputs, **options)
        return await self.outcome(await handle.result())

    async def outcome(self, result: ExecuteGraphResult) -> "Outcome":
        recorded = await self.values.load(result.outputs)
        graph = {
            name: [await self.values.load(_value(value)) for value in values]
            for name, values in recorded.get("graph", {}).items()
        }
        return Outcome(result=result, outputs=graph, terminal=recorded.get("terminal", {}))

    async def node_records(self, graph: Graph, handle: "WorkflowHandle[Any, Any]") -> list[NodeRecord]:
        """Ended node executions of a run, by route_seq, from Postgres."""
        graph_exec_id = handle.id.removeprefix("graph-exec-").partition(".")[0]
        run = RunIdentity(
            graph_exec_id=graph_exec_id,  # type: ignore[arg-type]
            graph_id=graph.id,
            graph_version=1,
            user_id=graph.user_id,
        )
        return list(await self.recorder.list_output_values(run, [node.id for node in graph.nodes]))

    @property
    def runner(self) -> TemporalGraphRunner:
        return TemporalGraphRunner(self.client, task_queue=self.task_queue)

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[Worker]:
        """One more worker on this engine's task queue, for as long as the context is open."""
        settings = self.settings.worker.model_copy(update=options)
        async with (
            activity_set(self.client, self.settings, blocks=self.blocks) as activities,
            build_worker(self.client, activities, task_queue=self.task_queue, settings=settings) as worker,
        ):
            yield worker


@dataclass
class Outcome:
    result: ExecuteGraphResult
    outputs: dict[str, list[Any]]
    terminal: dict[str, Any]


def _value(dumped: Any) -> Any:
    from models.values import Value

    return Value.model_validate(dumped)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine_settings(
    database_url: str, redis_url: str, temporal_server: TemporalServer, tmp_path_factory: Any
) -> Settings:
    await upgrade_database(database_url)
    blobs: Path = tmp_path_factory.mktemp("blobs")
    return Settings(
        postgres=PostgresSettings(database_url=SecretStr(database_url)),
        redis=RedisSettings(redis_url=SecretStr(redis_url)),
        temporal=TemporalSettings(
            temporal_address=temporal_server.address, temporal_namespace=temporal_server.namespace
        ),
        worker=WorkerSettings(worker_max_eager_activities=100, worker_graceful_shutdown_seconds=1),
        blobs=BlobSettings(blob_store_url=f"file:{blobs}"),
        encryption=EncryptionSettings(encryption_keys=SecretStr(new_key())),
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def idle_engine(engine_settings: Settings) -> AsyncIterator[Engine]:
    """Without a worker: tests start their own."""
    async with AsyncExitStack() as stack:
        database = Database(engine_settings.postgres, application_name="tests")
        stack.push_async_callback(database.close)
        keys = KeyRing.parse(engine_settings.encryption.encryption_keys.get_secret_value())
        yield Engine(
            client=await connect(engine_settings),
            settings=engine_settings,
            blocks=sample_registry(),
            values=ValueStore(open_blob_store(engine_settings.blobs, keys)),
            recorder=PostgresExecutionRecorder(database),
            database=database,
            task_queue=f"idle-{new_id()}",
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(idle_engine: Engine) -> AsyncIterator[Engine]:
    """With one worker that serves all tests of the session."""
    busy = Engine(**{**vars(idle_engine), "task_queue": f"tests-{new_id()}"})
    async with busy.worker():
        yield busy
