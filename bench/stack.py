"""A stack of its own for a benchmark, and graphs that run on it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from httpx2 import AsyncClient
from temporalio.client import Client

from bench.flows import Flow
from infra.crypto import KeyRing
from infra.embedded.home import StackHome
from infra.embedded.stack import RunningStack, find_live_state
from infra.temporal.converter import data_converter
from models.ids import GraphExecId, OwnerKeyId, workflow_id
from services.cli.stack_control import start_detached, stop_stack

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class BenchStack:
    """`http` speaks to the gateway for the developer, `temporal` reads what workers wrote."""

    running: RunningStack
    environment: Mapping[str, str]
    http: AsyncClient
    temporal: Client

    @property
    def worker_pid(self) -> int:
        assert self.running.processes.worker is not None
        return self.running.processes.worker


@asynccontextmanager
async def fresh_stack() -> AsyncGenerator[BenchStack]:
    """A stack with the blocks of the benchmarks, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as temporary:
        Path(temporary).chmod(0o711)
        _install_blocks(Path(temporary))
        folder = StackHome(Path(temporary) / ".perdure")
        folder.create()
        try:
            running = await asyncio.to_thread(start_detached, folder)
            state = find_live_state(folder)
            assert state is not None
            keys = KeyRing.parse(state.environment["ENCRYPTION_KEYS"])
            temporal = await Client.connect(running.temporal_address, data_converter=data_converter(keys))
            headers = {"Authorization": f"Bearer {running.dev_api_key}"}
            async with AsyncClient(base_url=running.gateway_url, headers=headers, timeout=120) as http:
                yield BenchStack(running, state.environment, http, temporal)
        finally:
            await asyncio.to_thread(stop_stack, folder, say=lambda text: None)


def _install_blocks(folder: Path) -> None:
    """Puts the benchmarks' blocks on the import path of the processes we start, as an installed package would be."""
    info = folder / "perdure_bench-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: perdure-bench\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[perdure.blocks]\nfibo = bench.blocks:FiboBlock\nnap = bench.blocks:NapBlock\n"
    )
    os.environ["PYTHONPATH"] = os.pathsep.join((str(folder), str(ROOT)))


class Product:
    """Runs flows through the gateway, over HTTP."""

    def __init__(self, stack: BenchStack) -> None:
        self._http = stack.http
        self._temporal = stack.temporal
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
