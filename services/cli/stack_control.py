"""Starts a stack in the background and stops it, for `up --detach`, `down` and `demo`."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from infra.embedded.home import StackHome, StackLock, is_locked
from infra.embedded.orphans import end_orphans
from infra.embedded.server import StackError
from infra.embedded.stack import RunningStack, StackState, find_live_state, find_state, read_running

POLL_SECONDS: Final = 0.1
_STOP_SECONDS: Final = 90.0


def start_detached(folder: StackHome, *, port: int | None = None) -> RunningStack:
    """Starts a supervisor of its own session and waits until all its parts are healthy.

    Raises:
        StackError: the stack could not be started; the message says which part, and what to do.
    """
    command = [sys.executable, "-P", "-m", "services.cli.main", "up", "--quiet", "--home", str(folder.folder)]
    if port is not None:
        command += ["--port", str(port)]
    output = folder.logs / "supervisor.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        while process.poll() is None:
            running = read_running(folder.folder)
            if running is not None:
                return running
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    running = read_running(folder.folder)
    if running is not None:
        return running
    printed = "\n" + output.read_text(errors="replace").strip()
    raise StackError(printed.partition("\nerror: ")[2] or f"The stack ended while starting:{printed}")


def stop_stack(folder: StackHome, *, say: Callable[[str], None]) -> bool:
    """Stops the stack of a folder and waits for its end; False if none runs. Cleans up after a killed supervisor.

    Raises:
        StackError: it belongs to somebody else, or does not end.
    """
    if not is_locked(folder):
        _clean_up(folder, say)
        return False
    state = _await_state(folder)
    if state is not None:
        try:
            os.kill(state.supervisor.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise StackError(f"The stack in {folder.folder} belongs to another user.") from error
    deadline = time.monotonic() + _STOP_SECONDS
    while is_locked(folder):
        if time.monotonic() > deadline:
            pid = state.supervisor.pid if state else "unknown"
            raise StackError(f"The stack in {folder.folder} has not ended yet; its supervisor has pid {pid}.")
        time.sleep(POLL_SECONDS)
    return True


def _await_state(folder: StackHome) -> StackState | None:
    """The state of the supervisor that has the lock; it writes it right after taking that."""
    deadline = time.monotonic() + 5
    while is_locked(folder):
        state = find_live_state(folder)
        if state is not None or time.monotonic() > deadline:
            return state
        time.sleep(POLL_SECONDS)
    return None


def _clean_up(folder: StackHome, say: Callable[[str], None]) -> None:
    if not folder.state_file.exists():
        return
    with StackLock(folder) as lock:
        if lock.acquire():
            left = find_state(folder)
            if left is not None:
                asyncio.run(end_orphans(left, say=say))
            folder.state_file.unlink(missing_ok=True)
