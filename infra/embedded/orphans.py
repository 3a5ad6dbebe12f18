"""Processes left by a supervisor that was killed: they hold the ports and files of the stack."""

import asyncio
import contextlib
import signal
from collections.abc import Callable

import psutil

from infra.embedded.stack import StackState

_STOP_SECONDS = 15.0


async def end_orphans(left: StackState, *, say: Callable[[str], None]) -> None:
    """Ends the processes named in the state of a dead supervisor; others that got their ids since are safe.

    On Linux the kernel has asked them to end already; elsewhere they run on.
    """
    for name, process in left.children.items():
        found = process.find()
        if found is None:
            continue
        say(f"ending {name} (pid {process.pid}), left by a supervisor that was killed")
        with contextlib.suppress(psutil.NoSuchProcess):
            found.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            _, alive = await asyncio.to_thread(psutil.wait_procs, [found], timeout=_STOP_SECONDS)
            for survivor in alive:
                survivor.kill()
            await asyncio.to_thread(psutil.wait_procs, alive, timeout=5)
