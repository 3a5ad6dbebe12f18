"""Children end with us, however we end."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from infra.embedded.ports import free_port, holder_of, is_free, is_listener
from infra.embedded.process import ChildCommand, end_child, plain_environment, run_to_end, start_child
from tests.polling import eventually_blocking

PARENT = """
import asyncio, sys
from infra.embedded.process import ChildCommand, plain_environment, start_child

async def main():
    command = ChildCommand(argv=(sys.executable, "-c", "import time; time.sleep(600)"), env=plain_environment())
    child = await start_child(command, output=asyncio.subprocess.DEVNULL)
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


def command(code: str) -> ChildCommand:
    return ChildCommand(argv=(sys.executable, "-c", code), env=plain_environment())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel offers no such signal")
def test_a_child_does_not_outlive_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    # From here on it is the program itself, no longer the launcher.
    eventually_blocking(lambda: "time.sleep(600)" in child.cmdline()[-1], seconds=30, what="the program runs")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    child.wait(timeout=30)
    assert not child.is_running()


async def test_a_child_that_ignores_the_request_is_killed() -> None:
    child = await start_child(command(STUBBORN), output=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    await end_child(child, signal.SIGTERM, seconds=0.2)
    assert child.returncode == -signal.SIGKILL


async def test_a_short_command_returns_its_code_and_output() -> None:
    assert await run_to_end(command("print('out'); raise SystemExit(7)")) == (7, "out\n")


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can run programs as somebody else")
async def test_another_account_may_look_into_folders_closed_to_it(tmp_path: Path) -> None:
    """As Postgres does in a checkout below root's home, where it looks for its programs with access(2)."""
    program = tmp_path / "program"
    program.touch(mode=0o755)
    tmp_path.chmod(0o700)
    code = f"import os; print(os.geteuid() != 0, os.access({str(program)!r}, os.X_OK))"
    as_nobody = replace(command(code), run_as="nobody", reach=True)
    assert await run_to_end(as_nobody) == (0, "True True\n")


def test_ports_are_not_chosen_where_outgoing_connections_get_theirs() -> None:
    chosen = {free_port() for _ in range(50)}
    assert all(1024 < port < 32768 for port in chosen)
    assert len(chosen) > 1


async def test_the_holder_of_a_port_is_known() -> None:
    port = free_port()
    assert is_free(port)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with server:
        own = psutil.Process()
        assert not is_free(port)
        assert is_listener(own.pid, port)
        assert not is_listener(own.pid, free_port())
        assert str(own.pid) in (holder_of(port) or "")
