"""`perdure up` and its companions, as processes: the life of one stack from start to end."""

import json
import os
import select
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest
from temporalio.client import Client

from infra.embedded.log_sink import LogSink
from infra.embedded.stack import RunningStack
from tests.e2e.stack_folder import PERDURE, PROCESS_NAMES, StackFolder, is_alive, pids
from tests.polling import eventually_blocking

KEYS = {
    "gateway_url",
    "console_url",
    "docs_url",
    "temporal_address",
    "temporal_namespace",
    "temporal_ui_url",
    "database_url",
    "redis_url",
    "processes",
    "dev_token",
    "dev_api_key",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFolder]:
    stack = StackFolder(tmp_path_factory.mktemp("stack"))
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def get(url: str, token: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, response.read()


def ports_of(running: RunningStack) -> list[int]:
    addresses = (running.gateway_url, running.temporal_ui_url or "", running.database_url, running.redis_url)
    own = [urlsplit(address).port or 0 for address in addresses]
    return [*own, int(running.temporal_address.rpartition(":")[2])]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_status_describes_a_healthy_stack(stack: StackFolder) -> None:
    ended = stack.perdure("status", "--json")
    assert ended.returncode == 0
    status = json.loads(ended.stdout)
    assert status.keys() == KEYS
    assert status["processes"].keys() == set(PROCESS_NAMES)
    assert all(is_alive(pid) for pid in status["processes"].values())
    assert get(f"{status['gateway_url']}/ready")[0] == 200
    assert get(status["docs_url"])[0] == 200
    assert get(status["temporal_ui_url"])[0] == 200
    for secret in (status["dev_token"], status["dev_api_key"]):
        assert get(f"{status['gateway_url']}/api/user", secret)[0] == 200
    table = stack.perdure("status")
    assert table.returncode == 0
    assert status["gateway_url"] in table.stdout


def test_files_with_secrets_are_private(stack: StackFolder) -> None:
    for name in ("secrets.json", "stack.json", "redis/valkey.conf"):
        assert (stack.home / name).stat().st_mode & 0o077 == 0, name
    password = json.loads((stack.home / "secrets.json").read_text())["postgres_password"]
    assert all(password not in path.read_text(errors="replace") for path in (stack.home / "logs").iterdir())


def test_a_second_up_reports_the_running_stack(stack: StackFolder) -> None:
    before = pids(stack.running())
    ended = stack.perdure("up")
    assert ended.returncode == 0
    assert "running already" in ended.stdout
    assert stack.running().gateway_url in ended.stdout
    assert pids(stack.running()) == before


def test_logs_show_what_processes_print(stack: StackFolder) -> None:
    ended = stack.perdure("logs", "postgres", "-n", "500")
    assert ended.returncode == 0
    assert "ready to accept connections" in ended.stdout
    everything = stack.perdure("logs", "-n", "500").stdout
    assert "postgres | " in everything
    assert stack.perdure("logs", "postgres", "-n", "1").stdout.count("\n") == 1


def test_followed_logs_show_new_lines(stack: StackFolder) -> None:
    following = subprocess.Popen(
        [str(PERDURE), "logs", "perdure", "--follow", "-n", "0"],
        cwd=stack.folder,
        env=stack.env,
        stdout=subprocess.PIPE,
    )
    with LogSink(stack.home / "logs", to_terminal=False) as sink, following:
        assert following.stdout is not None
        try:
            eventually_blocking(
                lambda: sink.write("perdure", "a word") or select.select([following.stdout], [], [], 0.2)[0],
                what="a line that is written is shown",
            )
            assert following.stdout.readline() == b"a word\n"
        finally:
            following.send_signal(signal.SIGINT)
    assert following.returncode == 130


def test_a_second_gateway_and_worker_join_the_stack(stack: StackFolder, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gateway = stack.start("gateway", "--port", str(port))
    ready_file = tmp_path / "ready"
    worker = stack.start("worker", WORKER_READY_FILE=str(ready_file))
    try:
        eventually_blocking(lambda: is_listening(port), what="the second gateway listens")
        token = stack.running().dev_api_key
        assert get(f"http://127.0.0.1:{port}/api/user", token)[0] == 200
        eventually_blocking(ready_file.exists, what="the second worker polls")
    finally:
        gateway.terminate()
        worker.terminate()
        codes = (gateway.wait(30), worker.wait(60))
    # uvicorn, having shut down, ends by the signal it got.
    assert codes[0] in (0, -signal.SIGTERM)
    assert codes[1] == 0


async def write_something(running: RunningStack) -> None:
    connection = await asyncpg.connect(running.database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
    await connection.execute("INSERT INTO kept VALUES ('durable')")
    await connection.close()
    async with redis.asyncio.Redis.from_url(running.redis_url) as client:
        await client.xadd("kept", {"word": "durable"})
    temporal = await Client.connect(running.temporal_address, namespace=running.temporal_namespace)
    await temporal.workflow_service.start_workflow_execution(
        StartWorkflowExecutionRequest(
            namespace=running.temporal_namespace,
            workflow_id="kept",
            workflow_type=WorkflowType(name="nobody-runs-this"),
            task_queue=TaskQueue(name="nobody-polls-this"),
            request_id="kept",
        )
    )


async def check_it_is_there(running: RunningStack) -> None:
    connection = await asyncpg.connect(running.database_url)
    assert await connection.fetchval("SELECT word FROM kept") == "durable"
    await connection.close()
    async with redis.asyncio.Redis.from_url(running.redis_url) as client:
        assert [fields for _, fields in await client.xrange("kept")] == [{b"word": b"durable"}]
    temporal = await Client.connect(running.temporal_address, namespace=running.temporal_namespace)
    assert (await temporal.get_workflow_handle("kept").describe()).id == "kept"


async def test_killed_processes_come_back_with_their_data(stack: StackFolder) -> None:
    before = stack.running()
    await write_something(before)
    killed = pids(before)
    for pid in killed.values():
        os.kill(pid or 0, signal.SIGKILL)

    def all_are_back() -> bool:
        now = pids(stack.running())
        return all(now[name] not in (None, killed[name]) for name in PROCESS_NAMES) and is_ready(before)

    eventually_blocking(all_are_back, what="all processes are back")
    after = stack.running()
    assert ports_of(after) == ports_of(before)
    await check_it_is_there(after)


def is_ready(running: RunningStack) -> bool:
    try:
        return get(f"{running.gateway_url}/ready")[0] == 200
    except OSError:
        return False


async def test_a_killed_supervisor_leaves_nothing_that_hinders_the_next(stack: StackFolder) -> None:
    before = stack.running()
    os.kill(stack.supervisor_pid(), signal.SIGKILL)
    eventually_blocking(lambda: stack.perdure("status").returncode == 3, what="the stack counts as gone")
    after = stack.up()
    assert not any(is_alive(pid) for pid in pids(before).values() if pid)
    assert ports_of(after) == ports_of(before)
    await check_it_is_there(after)


def test_down_leaves_no_process_and_no_port(stack: StackFolder) -> None:
    running = stack.running()
    processes = [pid for pid in (*pids(running).values(), stack.supervisor_pid()) if pid]
    stack.down()
    assert not any(is_alive(pid) for pid in processes)
    assert not any(is_listening(port) for port in ports_of(running))
    ended = stack.perdure("status", "--json")
    assert ended.returncode == 3
    assert "perdure up" in json.loads(ended.stdout)["error"]
    assert stack.perdure("down").returncode == 0
    assert "ready to accept connections" in stack.perdure("logs", "postgres").stdout
