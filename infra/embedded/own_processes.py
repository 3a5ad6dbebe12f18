"""The worker and the gateway as children of the stack: programs of ours with the stack's settings."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.embedded.ports import LOOPBACK
from infra.embedded.process import ChildCommand

WORKER_MODULE = "services.worker.main"
GATEWAY_MODULE = "services.gateway.main"


def module_command(module: str, settings: Mapping[str, str]) -> ChildCommand:
    """Runs a module of ours with our own environment, overridden by `settings`.

    Without the working directory on the import path, where folders of the user could hide our packages.
    """
    argv = (sys.executable, "-P", "-m", module)
    return ChildCommand(argv=argv, env={**os.environ, "PYTHONUNBUFFERED": "1", **settings})


class WorkerProcess:
    """A worker; ready once it has touched its file."""

    name = "worker"
    port = None

    def __init__(self, settings: Mapping[str, str], *, ready_file: Path) -> None:
        self._settings = {**settings, "WORKER_READY_FILE": str(ready_file)}
        self._ready_file = ready_file

    async def prepare(self) -> None:
        self._ready_file.unlink(missing_ok=True)

    def command(self) -> ChildCommand:
        return module_command(WORKER_MODULE, self._settings)

    async def is_ready(self) -> bool:
        return self._ready_file.exists()

    async def configure(self) -> None:
        return None

    def explain_exit(self, log: str) -> str | None:
        return None


class GatewayProcess:
    """A gateway; ready once /ready says so."""

    name = "gateway"

    def __init__(self, settings: Mapping[str, str], *, port: int) -> None:
        self._settings = {**settings, "GATEWAY_HOST": LOOPBACK, "GATEWAY_PORT": str(port)}
        self._port = port

    @property
    def port(self) -> int:
        return self._port

    async def prepare(self) -> None:
        return None

    def command(self) -> ChildCommand:
        return module_command(GATEWAY_MODULE, self._settings)

    async def is_ready(self) -> bool:
        try:
            return await asyncio.wait_for(_get_status(self._port, "/ready"), 5) == 200
        except (OSError, TimeoutError, ValueError, IndexError):
            return False

    async def configure(self) -> None:
        return None

    def explain_exit(self, log: str) -> str | None:
        return None


async def _get_status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
