"""A worker is killed with SIGKILL in the middle of a run: another one finishes it, and no effect happens twice."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.settings import Settings
from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import new_id
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine
from tests.polling import eventually

ROOT = Path(__file__).parents[2]


def environment(settings: Settings, task_queue: str, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": settings.postgres.database_url.get_secret_value(),
        "REDIS_URL": settings.redis.redis_url.get_secret_value(),
        "TEMPORAL_ADDRESS": settings.temporal.temporal_address,
        "TEMPORAL_NAMESPACE": settings.temporal.temporal_namespace,
        "TEMPORAL_TASK_QUEUE": task_queue,
        "BLOB_STORE_URL": settings.blobs.blob_store_url,
        "ENCRYPTION_KEYS": settings.encryption.encryption_keys.get_secret_value(),
        "WORKER_MAX_CONCURRENT_ACTIVITIES": "8",
        **more,
    }


@asynccontextmanager
async def worker_process(settings: Settings, task_queue: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Killed at the end, if it still runs. `more`: variables of its environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.worker_process", cwd=ROOT, env=environment(settings, task_queue, **more)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def two_hundred_blocks(engine: Engine, effects: Path, *, block: str) -> Graph:
    """66 items, each through three blocks, the last one a fold: 200 node executions with the source and the result."""
    nodes = [
        make_node("items", "spread", count=66),
        make_node("write", block, path=str(effects), seconds=0.02),
        make_node("echo", "echo"),
        make_node("seed", "echo", value=[]),
        make_node("fold", "add_to_list_block"),
    ]
    links = [
        make_link("items.out", "write.value"),
        make_link("write.out", "echo.value"),
        make_link("seed.out", "fold.list"),
        make_link("echo.out", "fold.entry"),
        make_link("fold.updated_list", "fold.list"),
    ]
    return make_graph(nodes, links, blocks=engine.blocks)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def run_with_a_kill(engine: Engine, graph: Graph, effects: Path) -> "tuple[object, list[object]]":
    engine = engine.on_task_queue(f"deadly-{new_id()}")
    handle = await engine.start(graph)
    async with worker_process(engine.settings, engine.task_queue) as first:
        await eventually(lambda: len(lines(effects)) >= 20)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    assert len(lines(effects)) < 66, "the kill came too late to be in the middle of the run"
    async with worker_process(engine.settings, engine.task_queue):
        outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 120))
    return outcome, list(await engine.node_records(graph, handle))


async def test_another_worker_finishes_with_the_same_result(idle_engine: Engine, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    graph = two_hundred_blocks(idle_engine, effects, block="keyed_file_write")
    outcome, records = await run_with_a_kill(idle_engine, graph, effects)

    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_exec_count == 200
    assert outcome.result.stats.node_error_count == 0
    assert len({record.node_exec_id for record in records}) == len(records) == 200
    assert len(set(lines(effects))) == 66
    last = [record for record in records if record.node_id == "fold"][-1]
    [(pin, folded)] = last.outputs
    assert (pin, await idle_engine.values.load(folded)) == ("updated_list", list(range(66)))


async def test_write_without_a_key_is_never_repeated_but_reported(idle_engine: Engine, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    graph = two_hundred_blocks(idle_engine, effects, block="file_write")
    outcome, records = await run_with_a_kill(idle_engine, graph, effects)
    unknown = [record for record in records if record.error_code == "outcome_unknown"]
    writes = {f"{record.node_exec_id}:0" for record in records if record.node_id == "write"}

    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert max(Counter(lines(effects)).values()) == 1
    assert len(writes) == 66
    # A worker that dies between claim and effect leaves an effect that did not happen: reported, never repeated.
    assert writes - set(lines(effects)) <= {f"{record.node_exec_id}:0" for record in unknown}
    assert unknown, "blocks were running when the worker died"
    assert all(record.status is ExecutionStatus.FAILED for record in unknown)
    assert outcome.result.stats.node_error_count == len(unknown)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("round_", range(5))
async def test_repeated_kills(idle_engine: Engine, tmp_path: Path, round_: int) -> None:
    effects = tmp_path / "effects"
    graph = two_hundred_blocks(idle_engine, effects, block="keyed_file_write")
    engine = idle_engine.on_task_queue(f"deadly-{new_id()}")
    handle = await engine.start(graph)
    for count in (5 + round_, 25 + round_, 45 + round_):
        async with worker_process(engine.settings, engine.task_queue):
            await eventually(lambda count=count: len(set(lines(effects))) >= count)
    async with worker_process(engine.settings, engine.task_queue):
        outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 300))
    assert outcome.result.stats.node_exec_count == 200
    assert outcome.result.stats.node_error_count == 0
    assert len(set(lines(effects))) == 66
