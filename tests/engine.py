"""The engine as tests use it: starts runs on a task queue of its own and looks at what became of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.blocks.registry import BlockRegistry
from infra.blobs import open_blob_store
from infra.crypto import KeyRing
from infra.postgres import Database
from infra.settings import Settings
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.temporal.runner import TemporalGraphRunner
from infra.unit_of_work import UnitsOfWork
from models.controls import ControlRecord
from models.execution_records import GraphExecutionRecord
from models.graph import Graph
from models.ids import GraphExecId, OwnerKeyId, workflow_id
from models.pages import PageRequest
from models.users import UserClaims
from models.value_store import ValueStore
from models.values import Value
from models.wire import ExecuteGraphInput, ExecuteGraphResult, NodeRecord, RunIdentity
from services.worker.container import activity_set, build_worker, sandbox
from tests.builders import make_run
from tests.sample_blocks import sample_registry

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
        self, graph: Graph, inputs: Mapping[str, Any] | None = None, *, without_plan: bool = False, **options: Any
    ) -> "WorkflowHandle[Any, ExecuteGraphResult]":
        """`without_plan`: the run makes it from the stored graph."""
        run = await make_run(graph, blocks=self.blocks, values=self.values, inputs=inputs, **options)
        if without_plan:
            run = run.model_copy(update={"plan": None})
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
        run = RunIdentity(
            graph_exec_id=graph_exec_id_of(handle),
            graph_id=graph.id,
            graph_version=1,
            user_id=graph.user_id,
        )
        return list(await self.recorder.list_output_values(run, [node.id for node in graph.nodes]))

    async def save(self, graph: Graph) -> Graph:
        """Stores a graph and its owner, for runs that load it themselves."""
        async with UnitsOfWork(self.database)() as unit:
            email = f"{graph.user_id}@example.com"
            await unit.users.ensure(UserClaims(id=graph.user_id, email=email), now=graph.created_at)
            await unit.graphs.add_version(graph)
        return graph

    async def all_nodes(self, handle: "WorkflowHandle[Any, Any]") -> list[NodeRecord]:
        """Node executions of a run as recorded, whatever their status, by route_seq."""
        async with UnitsOfWork(self.database)() as unit:
            return list(await unit.executions.list_nodes(graph_exec_id_of(handle), after=None, limit=10_000))

    async def find_run(self, graph: Graph, handle: "WorkflowHandle[Any, Any]") -> GraphExecutionRecord | None:
        async with UnitsOfWork(self.database)() as unit:
            return await unit.executions.find(graph.user_id, graph_exec_id_of(handle))

    async def list_controls(self, graph: Graph, handle: "WorkflowHandle[Any, Any]") -> list[ControlRecord]:
        """What people did to a run, oldest first."""
        async with UnitsOfWork(self.database)() as unit:
            page = PageRequest(page=1, page_size=100)
            found = await unit.controls.list_of_execution(graph.user_id, graph_exec_id_of(handle), page)
            return list(found.items)

    def on_task_queue(self, task_queue: str) -> "Engine":
        return replace(self, task_queue=task_queue)

    @property
    def runner(self) -> TemporalGraphRunner:
        return TemporalGraphRunner(self.client, task_queue=self.task_queue)

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[Worker]:
        """One more worker on this engine's task queue, for as long as the context is open."""
        settings = self.settings.worker.model_copy(update=options)
        async with (
            activity_set(self.client, self.settings, blocks=self.blocks) as activities,
            build_worker(
                self.client, activities, task_queue=self.task_queue, settings=settings, workflow_runner=sandbox()
            ) as worker,
        ):
            yield worker


@dataclass
class Outcome:
    result: ExecuteGraphResult
    outputs: dict[str, list[Any]]
    terminal: dict[str, Any]


def _value(dumped: Any) -> Value:
    return Value.model_validate(dumped)


def graph_exec_id_of(handle: "WorkflowHandle[Any, Any]") -> GraphExecId:
    return GraphExecId(handle.id.removeprefix("graph-exec-").partition(".")[0])


@asynccontextmanager
async def open_engine(client: Client, settings: Settings, *, task_queue: str) -> AsyncIterator[Engine]:
    """An engine without a worker."""
    database = Database(settings.postgres, application_name="tests")
    keys = KeyRing.parse(settings.encryption.encryption_keys.get_secret_value())
    try:
        yield Engine(
            client=client,
            settings=settings,
            blocks=sample_registry(),
            values=ValueStore(open_blob_store(settings.blobs, keys)),
            recorder=PostgresExecutionRecorder(database),
            database=database,
            task_queue=task_queue,
        )
    finally:
        await database.close()
