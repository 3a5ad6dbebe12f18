"""Random graphs give the same when their worker is killed at a random moment as when it is not."""

import asyncio
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from models.execution import ExecutionStats, ExecutionStatus
from models.ids import new_id
from tests.engine import Engine, Outcome
from tests.polling import eventually
from tests.workflow.random_graphs import random_graph
from tests.workflow.test_worker_death import lines, worker_process


async def check_with_kills(engine: Engine, seeds: range, tmp_path: Path, *, kills: int) -> None:
    """Runs the graphs of all seeds at once: undisturbed, and on workers that are killed one after the other."""
    expected, disturbed = await asyncio.gather(
        run_all(engine, seeds, tmp_path / "undisturbed", kills=0),
        run_all(engine, seeds, tmp_path / "disturbed", kills=kills),
    )
    for seed, wanted, got in zip(seeds, expected, disturbed, strict=True):
        assert wanted.result.status is got.result.status is ExecutionStatus.COMPLETED, seed
        assert got.outputs == wanted.outputs, seed
        assert what_counts(got.result.stats) == what_counts(wanted.result.stats), seed
    assert any(wanted.outputs for wanted in expected)
    assert set_of_effects(tmp_path / "disturbed") == set_of_effects(tmp_path / "undisturbed")


async def run_all(engine: Engine, seeds: range, folder: Path, *, kills: int) -> list[Outcome]:
    folder.mkdir()
    engine = engine.on_task_queue(f"random-{new_id()}")
    handles = []
    for seed in seeds:
        graph = random_graph(seed, effects=str(folder / str(seed)), blocks=engine.blocks)
        handles.append(await engine.start(graph))
    chance = random.Random(seeds.start)
    for _ in range(kills):
        more = effects_in(folder) + chance.randint(1, 2 * len(seeds))
        async with worker_process(engine.settings, engine.task_queue) as worker:
            await eventually(lambda more=more: effects_in(folder) >= more)
            worker.send_signal(signal.SIGKILL)
    async with worker_process(engine.settings, engine.task_queue):
        results = await asyncio.wait_for(asyncio.gather(*(handle.result() for handle in handles)), 500)
    return [await engine.outcome(result) for result in results]


def effects_in(folder: Path) -> int:
    return sum(len(lines(path)) for path in folder.iterdir())


def set_of_effects(folder: Path) -> dict[str, int]:
    """How many different effects each graph had; third parties see a repeated key as the same one."""
    return {path.name: len(set(lines(path))) for path in folder.iterdir()}


def what_counts(stats: ExecutionStats) -> dict[str, Any]:
    """Without times; which of two nodes failed first is not promised."""
    counted = stats.model_dump(exclude={"duration", "node_exec_time"})
    counted["failed_nodes"] = sorted(counted["failed_nodes"], key=lambda node: node["node_id"])
    return counted


@pytest.mark.timeout(180)
async def test_a_kill_changes_nothing(idle_engine: Engine, tmp_path: Path) -> None:
    await check_with_kills(idle_engine, range(5), tmp_path, kills=1)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(100, 150, 10))
async def test_kills_change_nothing(idle_engine: Engine, tmp_path: Path, first: int) -> None:
    await check_with_kills(idle_engine, range(first, first + 10), tmp_path, kills=2)
