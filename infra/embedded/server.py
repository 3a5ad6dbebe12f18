"""What the servers of the embedded stack have in common."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

from infra.embedded.ports import is_listener
from infra.embedded.process import ChildCommand, end_child, start_child


class StackError(Exception):
    """The local stack cannot do what was asked; the message says which folder or process, and what to do."""


class EmbeddedServer(Protocol):
    """A server that runs as our child on a fixed port, with its data in a folder."""

    @property
    def name(self) -> str: ...

    @property
    def port(self) -> int | None: ...

    async def prepare(self) -> None:
        """Makes or checks the data folder, before the start.

        Raises:
            StackError: The folder cannot be used.
        """
        ...

    def command(self) -> ChildCommand: ...

    async def is_ready(self) -> bool:
        """Whether it answers requests."""
        ...

    async def configure(self) -> None:
        """Idempotent settings that need the running server."""
        ...

    def explain_exit(self, log: str) -> str | None:
        """What to do about an early exit, told from the end of its log; None if it says nothing known."""
        ...


async def wait_ready(server: EmbeddedServer, process: asyncio.subprocess.Process, *, seconds: float) -> None:
    """Waits until the server answers. Another process that got the port first does not count as the server.

    Raises:
        StackError: It ended before, or does not answer within `seconds`.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    port = server.port
    while process.returncode is None:
        if (port is None or is_listener(process.pid, port)) and await server.is_ready():
            return
        if asyncio.get_running_loop().time() > deadline:
            raise StackError(f"{server.name} is not ready after {seconds:.0f} s")
        await asyncio.sleep(0.05)
    raise StackError(f"{server.name} ended with exit code {process.returncode} while starting")


def _explain(server: EmbeddedServer, log_path: Path) -> str:
    tail = log_path.read_text(errors="replace")[-2000:]
    return server.explain_exit(tail) or tail


@contextlib.asynccontextmanager
async def running(
    server: EmbeddedServer, *, log_path: Path, start_seconds: float = 60
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The server, ready and configured, while the block runs; its output goes to `log_path`."""
    await server.prepare()
    command = server.command()
    with log_path.open("wb") as log:
        process = await start_child(command, output=log)
    try:
        try:
            await wait_ready(server, process, seconds=start_seconds)
            await server.configure()
        except StackError as error:
            raise StackError(f"{error}\n{_explain(server, log_path)}") from error
        yield process
    finally:
        await end_child(process, command.stop_signal, seconds=20)
