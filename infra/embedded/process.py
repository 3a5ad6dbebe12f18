"""Starting and ending child processes that do not outlive us."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_LAUNCHER = Path(__file__).with_name("exec_child.py")


@dataclass(frozen=True, kw_only=True)
class ChildCommand:
    """How a child process is started.

    Attributes:
        argv: program (absolute path) and arguments; visible to every user of the machine, so never a secret.
        env: the whole environment of the child.
        run_as: account to run as, if we are root.
        reach: keep root's right to pass folders closed to `run_as`.
        stop_signal: asks it to end in good order; also sent by the kernel when we die (Linux).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path | None = None
    run_as: str | None = None
    reach: bool = False
    stop_signal: signal.Signals = signal.SIGTERM


def launch_argv(command: ChildCommand) -> list[str]:
    """The command line that starts `command` through the launcher, valid in this process only."""
    options = {
        "parent": os.getpid(),
        "signal": int(command.stop_signal),
        "user": command.run_as,
        "reach": command.reach,
    }
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(options), *command.argv]


async def start_child(command: ChildCommand, *, output: IO[bytes] | int) -> asyncio.subprocess.Process:
    """Starts a child in a session of its own, so that Ctrl-C in the terminal reaches only us.

    Must be called on a thread that lives as long as the child should: the kernel ends the child with it.
    """
    return await asyncio.create_subprocess_exec(
        *launch_argv(command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(command.env),
        cwd=command.cwd,
        start_new_session=True,
    )


async def run_to_end(command: ChildCommand) -> tuple[int, str]:
    """Runs a short command; returns its exit code and all it printed."""
    process = await start_child(command, output=asyncio.subprocess.PIPE)
    stdout, _ = await process.communicate()
    return process.returncode or 0, stdout.decode(errors="replace")


async def end_child(process: asyncio.subprocess.Process, stop_signal: signal.Signals, *, seconds: float) -> None:
    """Asks the child to end; kills it (and what it left in its group) after `seconds`."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(stop_signal)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def plain_environment() -> dict[str, str]:
    """What any program needs from our environment, and none of the settings meant for others."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}
