"""What the product costs over a hand-written Temporal workflow with the same activities: `make bench`.

Both run on the same servers, each on one worker process, in turn, in one session; the figure is the ratio of their
medians. Absolute times depend on the machine and say little.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from httpx2 import AsyncClient
from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.flows import Flow, HandWrittenInput
from infra.crypto import KeyRing
from infra.embedded.home import StackHome
from infra.embedded.stack import find_live_state
from infra.temporal.converter import data_converter
from models.ids import GraphExecId, GraphId, OwnerKeyId, UserId, new_id, workflow_id
from models.wire import RunIdentity
from services.cli.stack_control import start_detached, stop_stack

ROOT: Final = Path(__file__).parents[1]
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


class Product:
    """Runs flows through the gateway, over HTTP."""

    def __init__(self, http: AsyncClient, temporal: Client) -> None:
        self._http = http
        self._temporal = temporal
        self._graphs: dict[str, str] = {}
        self.owner = OwnerKeyId("")

    async def prepare(self, flow: Flow) -> None:
        created = (await self._http.post("/api/graphs", json=flow.graph())).raise_for_status().json()
        self._graphs[flow.name] = created["id"]
        if not self.owner:
            run_id = (await self._http.post(f"/api/graphs/{created['id']}/execute")).json()["id"]
            detail = (await self._http.get(f"/api/executions/{run_id}")).json()
            self.owner = OwnerKeyId(detail["temporal_url"].rpartition(".")[2])

    async def run(self, flow: Flow) -> None:
        path = f"/api/graphs/{self._graphs[flow.name]}/execute"
        started = (await self._http.post(path)).raise_for_status().json()
        handle = self._temporal.get_workflow_handle(workflow_id(GraphExecId(started["id"]), self.owner))
        result: dict[str, Any] = await handle.result()
        assert result["stats"]["node_exec_count"] == flow.executions, result["stats"]


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
        print_row(rows[-1])
    return rows


def print_row(row: dict[str, Any]) -> None:
    sys.stderr.write(f"{row['flow']}: ratio {row['ratio']}\n")


@asynccontextmanager
async def bench_worker(environment: dict[str, str]) -> AsyncIterator[None]:
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


def install_bench_blocks(folder: Path) -> None:
    """Puts the benchmarks' blocks on the import path of the processes we start, as an installed package would be."""
    info = folder / "perdure_bench-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: perdure-bench\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[perdure.blocks]\nfibo = bench.blocks:FiboBlock\nnap = bench.blocks:NapBlock\n"
    )
    os.environ["PYTHONPATH"] = os.pathsep.join((str(folder), str(ROOT)))


async def bench(folder: StackHome, *, rounds: int) -> list[dict[str, Any]]:
    running = await asyncio.to_thread(start_detached, folder)
    state = find_live_state(folder)
    assert state is not None
    temporal = await Client.connect(
        running.temporal_address, data_converter=data_converter(KeyRing.parse(state.environment["ENCRYPTION_KEYS"]))
    )
    headers = {"Authorization": f"Bearer {running.dev_api_key}"}
    async with (
        bench_worker(state.environment),
        AsyncClient(base_url=running.gateway_url, headers=headers, timeout=120) as http,
    ):
        return await compare(Product(http, temporal), ByHand(temporal, "bench"), rounds=rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs per flow and side")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as temporary:
        Path(temporary).chmod(0o711)
        install_bench_blocks(Path(temporary))
        folder = StackHome(Path(temporary) / ".perdure")
        folder.create()
        try:
            rows = asyncio.run(bench(folder, rounds=arguments.rounds))
        finally:
            stop_stack(folder, say=lambda text: None)
    if arguments.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*map(str, row.values()))
        Console().print(table)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
