"""What the product costs over a hand-written Temporal workflow with the same activities: `make bench`.

Both run on the same servers, each on one worker process, in turn, in one session; the figure is the ratio of their
medians. Absolute times depend on the machine and say little.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from temporalio.client import Client

from bench.flows import Flow, HandWrittenInput
from bench.report import leave, print_json, print_table
from bench.stack import Product, fresh_stack
from models.ids import GraphExecId, GraphId, OwnerKeyId, UserId, new_id, workflow_id
from models.wire import RunIdentity

QUEUE: Final = "by-hand"
OWNER: Final = OwnerKeyId("0123456789abcdef")
FLOWS: Final = (
    (Flow("chain 1", 1), 1),
    (Flow("chain 10", 10), 1),
    (Flow("chain 100", 100), 1),
    (Flow("fan-out 100", 2, 100), 1),
    (Flow("fan-out 500", 2, 500), 1),
    (Flow("100 concurrent chains of 5", 5), 100),
    (Flow("40 x fibo(10)", 40, fibo=10), 1),
    (Flow("10 x fibo(33)", 10, fibo=33), 1),
)


class ByHand:
    """Runs the same blocks from a hand-written workflow, started by a Temporal client."""

    def __init__(self, temporal: Client, user_id: str) -> None:
        self._temporal = temporal
        self._user_id = user_id

    async def prepare(self, flow: Flow) -> None:
        pass

    async def run(self, flow: Flow) -> None:
        run = RunIdentity(
            graph_exec_id=GraphExecId(new_id()),
            graph_id=GraphId(new_id()),
            graph_version=1,
            user_id=UserId(self._user_id),
        )
        await self._temporal.execute_workflow(
            "HandWritten",
            HandWrittenInput(run=run, length=flow.length, width=flow.width, fibo=flow.fibo),
            id=workflow_id(run.graph_exec_id, OWNER),
            task_queue=QUEUE,
        )


async def measure(run: Callable[[Flow], Awaitable[None]], flow: Flow, at_once: int) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(run(flow) for _ in range(at_once)))
    return time.perf_counter() - started


async def compare(product: Product, by_hand: ByHand, *, rounds: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for flow, at_once in FLOWS:
        for side in (product, by_hand):
            await side.prepare(flow)
            await side.run(flow)
        times: dict[str, list[float]] = {"product": [], "by_hand": []}
        for _ in range(rounds):
            times["product"].append(await measure(product.run, flow, at_once))
            times["by_hand"].append(await measure(by_hand.run, flow, at_once))
        medians = {name: statistics.median(values) for name, values in times.items()}
        rows.append(
            {
                "flow": flow.name,
                "ratio": round(medians["product"] / medians["by_hand"], 2),
                "product_seconds": round(medians["product"], 3),
                "by_hand_seconds": round(medians["by_hand"], 3),
                "product_blocks_per_second": round(flow.executions * at_once / medians["product"], 1),
            }
        )
        sys.stderr.write(f"{flow.name}: ratio {rows[-1]['ratio']}\n")
    return rows


@asynccontextmanager
async def bench_worker(environment: Mapping[str, str]) -> AsyncGenerator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.worker",
        env={**os.environ, **environment, "TEMPORAL_TASK_QUEUE": QUEUE, "WORKER_MAX_EAGER_ACTIVITIES": "100"},
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def bench(*, rounds: int) -> list[dict[str, Any]]:
    async with fresh_stack() as stack, bench_worker(stack.environment):
        return await compare(Product(stack), ByHand(stack.temporal, "bench"), rounds=rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs per flow and side")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = asyncio.run(bench(rounds=arguments.rounds))
    if arguments.json:
        print_json(rows)
    else:
        print_table(rows)
    leave()


if __name__ == "__main__":
    main()
