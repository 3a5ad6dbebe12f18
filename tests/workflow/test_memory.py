"""A worker process does not grow with the length of a run: leak tests with generous bounds."""

import asyncio
from typing import Any

import psutil
import pytest
from temporalio.client import WorkflowHandle

from models.execution import ExecutionStatus
from models.graph import Graph
from models.ids import new_id
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, Outcome
from tests.polling import eventually
from tests.workflow.test_worker_death import worker_process

MEGABYTE = 1024 * 1024
FAN = 100


def counting(engine: Engine, *, rounds: int) -> Graph:
    nodes = [make_node("seed", "echo", value=0), make_node("count", "counter", limit=rounds)]
    links = [make_link("seed.out", "count.value"), make_link("count.again", "count.value")]
    return make_graph(nodes, links, blocks=engine.blocks)


def routing(engine: Engine, *, rounds: int) -> Graph:
    """Each round routes a value over 100 links, to the pins of one node."""
    graph = counting(engine, rounds=rounds)
    sink = make_node("sink", "count_items_block")
    fan = [make_link("count.again", f"sink.collection_#_{i}") for i in range(FAN)]
    return make_graph([*graph.nodes, sink], [*graph.links, *fan], blocks=engine.blocks)


async def run_watched(engine: Engine, graph: Graph, *, warm_after: int) -> tuple[Outcome, int]:
    """The run's outcome, and by how many bytes its worker grew after `warm_after` node executions."""
    engine = engine.on_task_queue(f"watched-{new_id()}")
    async with worker_process(engine.settings, engine.task_queue) as worker:
        handle = await engine.start(graph)
        process = psutil.Process(worker.pid)

        async def is_warm() -> bool:
            return await completed(handle) >= warm_after

        await eventually(is_warm, seconds=300)
        warm = process.memory_info().rss
        outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 1500))
        grown = process.memory_info().rss - warm
    return outcome, grown


async def completed(handle: "WorkflowHandle[Any, Any]") -> int:
    return (await handle.query("get_progress"))["completed"]


async def check_loop(engine: Engine, *, rounds: int) -> None:
    outcome, grown = await run_watched(engine, counting(engine, rounds=rounds), warm_after=rounds // 4)
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_exec_count == rounds + 1
    assert outcome.terminal == {}
    assert grown < 60 * MEGABYTE


async def check_routing(engine: Engine, *, rounds: int) -> None:
    outcome, grown = await run_watched(engine, routing(engine, rounds=rounds), warm_after=rounds // 2)
    assert outcome.result.stats.node_exec_count == 2 * rounds
    assert [value["inline"] for value in outcome.terminal["sink"]["count"]] == [FAN] * (rounds - 1)
    assert grown < 100 * MEGABYTE


async def test_a_loop_of_1000_rounds(idle_engine: Engine) -> None:
    await check_loop(idle_engine, rounds=1000)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_loop_of_10_000_rounds(idle_engine: Engine) -> None:
    await check_loop(idle_engine, rounds=10_000)


async def test_twenty_thousand_routed_values(idle_engine: Engine) -> None:
    await check_routing(idle_engine, rounds=200)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_a_million_routed_values(idle_engine: Engine) -> None:
    await check_routing(idle_engine, rounds=10_000)
