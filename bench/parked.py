"""Executions parked in review: `python -m bench.parked`.

Reports the memory of the worker while they wait, how long it takes from a decision to the end of its run, and how soon
a block that would run for ten minutes is gone after its run was cancelled.
"""

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from temporalio.client import WorkflowFailureError, WorkflowHandle

from bench.flows import Flow
from bench.loop import MIB, Memory
from bench.report import leave, print_json, print_line
from bench.stack import BenchStack, Product, fresh_stack
from models.controls import ReviewDecision, ReviewDecisions
from models.ids import GraphExecId, NodeId, new_id, node_exec_id, workflow_id

Handle = WorkflowHandle[Any, Any]

AT_ONCE: Final = 10
MEASURED: Final = 200
CANCELS: Final = 20
TEN_MINUTES: Final = 600
POLL_SECONDS: Final = 0.2
HUMAN: Final = "8b2a7b3c-6e9d-4a5f-8c1b-2e3f4a5b6c7d"


def review_graph() -> dict[str, Any]:
    return {
        "name": "Review",
        "nodes": [
            {"id": "ask", "block_id": HUMAN, "input_default": {"data": "publish?", "name": "Look at it"}},
            {"id": "next", "block_id": "store_value_block"},
        ],
        "links": [{"source_id": "ask", "sink_id": "next", "source_name": "approved_data", "sink_name": "input"}],
    }


def nap_graph() -> dict[str, Any]:
    nap = {"id": "nap", "block_id": "nap_block", "input_default": {"seconds": TEN_MINUTES}}
    return {"name": "Nap", "nodes": [nap], "links": []}


class Runs:
    """Starts executions over HTTP and looks at them through Temporal."""

    def __init__(self, stack: BenchStack, product: Product) -> None:
        self._http = stack.http
        self._temporal = stack.temporal
        self._product = product

    async def save(self, graph: dict[str, Any]) -> str:
        return (await self._http.post("/api/graphs", json=graph)).raise_for_status().json()["id"]

    async def start(self, graph_id: str) -> Handle:
        answer = (await self._http.post(f"/api/graphs/{graph_id}/execute")).raise_for_status().json()
        return self._temporal.get_workflow_handle(workflow_id(GraphExecId(answer["id"]), self._product.owner))

    async def until_in_review(self, graph_id: str, count: int) -> None:
        query = f'GraphId = "{graph_id}" AND GraphExecutionStatus = "REVIEW"'
        while (await self._temporal.count_workflows(query)).count < count:
            await asyncio.sleep(POLL_SECONDS)


async def decide(handle: Handle) -> float:
    """Seconds from the decision to the end of the run."""
    run = GraphExecId(handle.id.removeprefix("graph-exec-").partition(".")[0])
    approved = ReviewDecision(node_exec_id=node_exec_id(run, NodeId("ask"), 0), approved=True)
    began = time.perf_counter()
    await handle.execute_update("submit_review", ReviewDecisions(decisions=(approved,)), id=new_id())
    result: dict[str, Any] = await handle.result()
    assert result["status"] == "COMPLETED", result
    return time.perf_counter() - began


async def a_few_at_a_time(acts: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(act: Callable[[], Awaitable[Any]]) -> Any:
        async with limit:
            return await act()

    return await asyncio.gather(*(one(act) for act in acts))


async def measure_parked(runs: Runs, count: int, worker: int) -> dict[str, Any]:
    """Decides some one by one, the rest a few at a time."""
    graph_id = await runs.save(review_graph())
    memory = Memory(worker)
    watching = asyncio.create_task(memory.watch())
    try:
        began = time.perf_counter()
        handles: list[Handle] = await a_few_at_a_time([lambda: runs.start(graph_id)] * count)
        await runs.until_in_review(graph_id, count)
        parked_in = time.perf_counter() - began
        parked_bytes = memory.measure()
        random.Random(count).shuffle(handles)
        alone = [await decide(handle) for handle in handles[:MEASURED]]
        began = time.perf_counter()
        together = await a_few_at_a_time([lambda handle=handle: decide(handle) for handle in handles[MEASURED:]])
        seconds = time.perf_counter() - began
    finally:
        watching.cancel()
    row: dict[str, Any] = {
        "parked": count,
        "parked_per_second": round(count / parked_in, 1),
        "worker_mib_before": round(memory.first_bytes / MIB),
        "worker_mib_parked": round(parked_bytes / MIB),
        "worker_mib_peak": round(memory.peak_bytes / MIB),
        **percentiles("resume", alone),
    }
    if together:
        row |= percentiles(f"resume_{AT_ONCE}_at_once", together)
        row["resumed_per_second"] = round(len(together) / seconds, 1)
    return row


async def measure_cancel(runs: Runs) -> dict[str, Any]:
    """A run ends Canceled only after its blocks have really ended. Cancelled at some moment of the first 5 seconds."""
    graph_id = await runs.save(nap_graph())
    chance = random.Random(1)

    async def once() -> float:
        handle = await runs.start(graph_id)
        await asyncio.sleep(chance.uniform(0.2, 5))
        began = time.perf_counter()
        await handle.cancel()
        with suppress(WorkflowFailureError):
            await handle.result()
        return time.perf_counter() - began

    seconds = [await once() for _ in range(CANCELS)]
    return {"cancelled": CANCELS, **percentiles("gone", seconds), "gone_max_seconds": round(max(seconds), 3)}


def percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    hundredths = statistics.quantiles(seconds, n=100)
    return {f"{name}_p50_seconds": round(hundredths[49], 3), f"{name}_p95_seconds": round(hundredths[94], 3)}


async def bench(*, counts: list[int], say: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    async with fresh_stack() as stack:
        product = Product(stack)
        warm_up = Flow("warm-up", 10)
        await product.prepare(warm_up)
        await product.run(warm_up)
        runs = Runs(stack, product)
        for count in counts:
            rows.append(await measure_parked(runs, count, stack.worker_pid))
            say(rows[-1])
        rows.append(await measure_cancel(runs))
        say(rows[-1])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[200, 2000], help="how many executions wait at a time")
    parser.add_argument("--cached", type=int, default=100, help="executions that the worker keeps in memory")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    arguments = parser.parse_args()
    os.environ["WORKER_MAX_CACHED_WORKFLOWS"] = str(arguments.cached)
    rows = asyncio.run(bench(counts=arguments.counts, say=(lambda row: None) if arguments.json else print_line))
    if arguments.json:
        print_json(rows)
    leave()


if __name__ == "__main__":
    main()
