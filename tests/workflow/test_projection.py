"""Postgres or Redis away while blocks run: blocks run once, and what could not be recorded is recorded later."""

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from temporalio.client import WorkflowHandle

from activities.blocks.registry import BlockRegistry
from infra.embedded.ports import free_port
from infra.embedded.postgres import PostgresServer
from infra.embedded.server import running
from infra.embedded.valkey import ValkeyServer
from infra.migrate import upgrade_database
from infra.redis import RedisEventBus, connect
from infra.settings import PostgresSettings, RedisSettings, Settings
from models.blocks import Block, BlockContext, BlockEffect, Emission
from models.events import ExecutionEvent
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import new_id
from services.worker.container import activity_set, build_worker
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, graph_exec_id_of, open_engine
from tests.polling import eventually
from tests.sample_blocks import ValueInput, ValueOutput


class GatedBlock(Block[ValueInput]):
    """Begins, and ends when its run's gate opens."""

    id = "gated"
    description = "Waits at a gate."
    effect = BlockEffect.READ
    Input = ValueInput
    Output = ValueOutput

    begun: ClassVar[list[str]] = []
    gates: ClassVar[dict[str, asyncio.Event]] = {}

    async def run(self, input: ValueInput, context: BlockContext) -> AsyncIterator[Emission]:
        self.begun.append(context.node_exec_id)
        await self.gate_of(context.graph_exec_id).wait()
        yield "out", input.value

    @classmethod
    def gate_of(cls, graph_exec_id: str) -> asyncio.Event:
        return cls.gates.setdefault(graph_exec_id, asyncio.Event())


class GatedWriteBlock(GatedBlock):
    """The same with an effect that must not happen twice."""

    id = "gated_write"
    effect = BlockEffect.WRITE


def gated_graph(engine: Engine, block: str) -> Graph:
    """A block at the gate, and three that follow it."""
    nodes = [
        make_node("gate", block, value="through"),
        make_node("a", "echo"),
        make_node("bad", "fail", message="it broke"),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [make_link("gate.out", "a.value"), make_link("a.out", "out.value"), make_link("gate.out", "bad.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


@asynccontextmanager
async def engine_on(engine: Engine, settings: Settings, *, retry_records_for: timedelta) -> AsyncIterator[Engine]:
    """An engine with other servers, and a worker that gives up recording after a while."""
    blocks = BlockRegistry([*engine.blocks.all(), GatedBlock, GatedWriteBlock])
    async with open_engine(engine.client, settings, task_queue=f"away-{new_id()}") as own:
        own = dataclasses.replace(own, blocks=blocks)
        async with (
            activity_set(own.client, settings, blocks=blocks, retry_records_for=retry_records_for) as activities,
            build_worker(own.client, activities, task_queue=own.task_queue, settings=settings.worker),
        ):
            yield own


def own_postgres(folder: Path) -> PostgresServer:
    extra = ("fsync=off", "full_page_writes=off")
    return PostgresServer(folder / new_id(), port=free_port(), password=secrets.token_urlsafe(16), extra=extra)


def with_postgres(settings: Settings, server: PostgresServer) -> Settings:
    return dataclasses.replace(settings, postgres=PostgresSettings(database_url=SecretStr(server.url)))


async def begin(engine: Engine, graph: Graph) -> "WorkflowHandle[Any, Any]":
    """A run whose first block has begun and waits."""
    before = len(GatedBlock.begun)
    handle = await engine.start(graph)
    await eventually(lambda: len(GatedBlock.begun) > before)
    return handle


def open_gate(handle: "WorkflowHandle[Any, Any]") -> None:
    GatedBlock.gate_of(graph_exec_id_of(handle)).set()


@pytest.mark.parametrize("block", ["gated", "gated_write"])
async def test_postgres_away_while_blocks_end(
    idle_engine: Engine, engine_settings: Settings, servers_folder: Path, tmp_path: Path, block: str
) -> None:
    """Records travel with the workflow; the closing activity writes them once Postgres is back."""
    server = own_postgres(servers_folder)
    settings = with_postgres(engine_settings, server)
    async with engine_on(idle_engine, settings, retry_records_for=timedelta(seconds=0.2)) as engine:
        graph = gated_graph(engine, block)
        async with running(server, log_path=tmp_path / "first.log") as process:
            await upgrade_database(server.url)
            handle = await begin(engine, graph)
            process.kill()
            await process.wait()
        open_gate(handle)

        async def all_blocks_have_run() -> bool:
            return (await handle.query("get_progress"))["completed"] == 4

        await eventually(all_blocks_have_run)
        async with running(server, log_path=tmp_path / "second.log"):
            outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 120))
            records = {record.node_id: record for record in await engine.node_records(graph, handle)}

    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.outputs == {"out": ["through"]}
    assert (outcome.result.stats.node_exec_count, outcome.result.stats.node_error_count) == (4, 1)
    assert {node: record.status.value for node, record in records.items()} == {
        "gate": "COMPLETED",
        "a": "COMPLETED",
        "bad": "FAILED",
        "out": "COMPLETED",
    }
    assert records["bad"].error == "it broke"
    assert GatedBlock.begun.count(records["gate"].node_exec_id) == 1


async def test_postgres_back_before_recording_is_given_up(
    idle_engine: Engine, engine_settings: Settings, servers_folder: Path, tmp_path: Path
) -> None:
    """The activity itself records, a little late; nothing travels."""
    server = own_postgres(servers_folder)
    settings = with_postgres(engine_settings, server)
    async with engine_on(idle_engine, settings, retry_records_for=timedelta(seconds=60)) as engine:
        graph = gated_graph(engine, "gated_write")
        async with running(server, log_path=tmp_path / "first.log") as process:
            await upgrade_database(server.url)
            handle = await begin(engine, graph)
            process.kill()
            await process.wait()
        open_gate(handle)
        async with running(server, log_path=tmp_path / "second.log"):
            outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 120))
            records = await engine.node_records(graph, handle)
    assert outcome.outputs == {"out": ["through"]}
    assert len(records) == 4
    [gate] = [record for record in records if record.node_id == "gate"]
    assert GatedBlock.begun.count(gate.node_exec_id) == 1


async def test_write_block_waits_for_postgres_before_it_begins(
    idle_engine: Engine, engine_settings: Settings, servers_folder: Path, tmp_path: Path
) -> None:
    """Without its claim it must not begin, and an outage of ours is no failure of the node."""
    server = own_postgres(servers_folder)
    settings = with_postgres(engine_settings, server)
    async with engine_on(idle_engine, settings, retry_records_for=timedelta(seconds=0.2)) as engine:
        async with running(server, log_path=tmp_path / "first.log"):
            await upgrade_database(server.url)
        graph = make_graph([make_node("gate", "gated_write", value=1)], blocks=engine.blocks)
        before = len(GatedBlock.begun)
        handle = await engine.start(graph)
        open_gate(handle)

        async def second_attempt_has_begun() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return bool(pending) and pending[0].attempt >= 2

        await eventually(second_attempt_has_begun)
        assert len(GatedBlock.begun) == before
        async with running(server, log_path=tmp_path / "second.log"):
            result = await asyncio.wait_for(handle.result(), 120)
            [record] = await engine.node_records(graph, handle)
    assert result.stats.node_error_count == 0
    assert record.status is ExecutionStatus.COMPLETED
    assert GatedBlock.begun.count(record.node_exec_id) == 1


async def test_redis_away_costs_events_only(
    idle_engine: Engine, engine_settings: Settings, servers_folder: Path, tmp_path: Path
) -> None:
    server = ValkeyServer(servers_folder / new_id(), port=free_port(), password=secrets.token_urlsafe(16))
    settings = dataclasses.replace(engine_settings, redis=RedisSettings(redis_url=SecretStr(server.url)))
    async with engine_on(idle_engine, settings, retry_records_for=timedelta(seconds=60)) as engine:
        graph = gated_graph(engine, "gated")
        async with running(server, log_path=tmp_path / "first.log") as process:
            handle = await begin(engine, graph)
            await eventually_announced(settings, handle)
            process.kill()
            await process.wait()
        open_gate(handle)
        outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 120))
        records = await engine.node_records(graph, handle)
        async with running(server, log_path=tmp_path / "second.log"):
            events = await events_of(settings, handle)
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.outputs == {"out": ["through"]}
    assert len(records) == 4
    assert {event.status for event in events} <= {ExecutionStatus.RUNNING}


async def eventually_announced(settings: Settings, handle: "WorkflowHandle[Any, Any]") -> None:
    """The block at the gate has run long enough to be recorded as RUNNING."""

    async def is_announced() -> bool:
        return bool(await events_of(settings, handle))

    await eventually(is_announced)


async def events_of(settings: Settings, handle: "WorkflowHandle[Any, Any]") -> list[ExecutionEvent]:
    redis: Redis = connect(settings.redis)
    bus = RedisEventBus(redis, max_length=1000, ttl_seconds=60)
    try:
        return list(await bus.read(graph_exec_id_of(handle), since="0", limit=1000, wait_seconds=0))
    finally:
        await redis.aclose()
