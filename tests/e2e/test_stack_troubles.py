"""`perdure up` where something is in its way: taken ports, damaged folders, servers of the user's own."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.ports import free_port
from infra.embedded.postgres import PostgresServer
from infra.embedded.server import EmbeddedServer, running
from infra.embedded.temporal import TemporalServer
from infra.embedded.valkey import ValkeyServer
from tests.e2e.stack_folder import StackFolder, is_alive


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def external(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: ValkeyServer, temporal_server: TemporalServer
) -> Iterator[StackFolder]:
    """A folder whose user has servers of their own, so that little has to be started."""
    stack = StackFolder(
        tmp_path,
        DATABASE_URL=postgres_server.url,
        REDIS_URL=redis_server.url,
        TEMPORAL_ADDRESS=temporal_server.address,
        TEMPORAL_UI_URL=temporal_server.ui_url,
    )
    yield stack
    # A damaged state file, which some tests leave, makes even this fail: nothing runs then.
    stack.perdure("down")


def test_external_servers_are_used_not_started(external: StackFolder, postgres_server: PostgresServer) -> None:
    stack = external.up()
    assert stack.database_url == postgres_server.url
    assert (stack.processes.postgres, stack.processes.redis, stack.processes.temporal) == (None, None, None)
    assert stack.processes.worker
    assert stack.processes.gateway
    assert external.perdure("migrate").returncode == 0


def test_a_taken_port_is_replaced(external: StackFolder, taken_port: int) -> None:
    external.home.mkdir()
    (external.home / "ports.json").write_text(json.dumps({"gateway": taken_port}))
    stack = external.up()
    assert stack.gateway_url != f"http://127.0.0.1:{taken_port}"
    said = external.perdure("logs", "perdure").stdout
    assert f"port {taken_port} is taken by" in said


def test_a_demanded_port_that_is_taken_is_an_error(external: StackFolder, taken_port: int) -> None:
    ended = external.perdure("up", "--detach", "--port", str(taken_port))
    assert ended.returncode == 1
    assert f"Port {taken_port} is taken by" in ended.stderr


def test_damaged_secrets_are_named(external: StackFolder) -> None:
    external.home.mkdir()
    (external.home / "secrets.json").write_text("{")
    ended = external.perdure("up", "--detach")
    assert ended.returncode == 1
    assert str(external.home / "secrets.json") in ended.stderr
    assert "Restore" in ended.stderr


def test_a_damaged_state_file_is_named(external: StackFolder) -> None:
    external.home.mkdir()
    (external.home / "stack.json").write_text("\x00garbage")
    for command in (("up", "--detach"), ("down",)):
        ended = external.perdure(*command)
        assert ended.returncode == 1
        assert str(external.home / "stack.json") in ended.stderr


def test_a_server_that_cannot_be_reached_is_named(tmp_path: Path, taken_port: int) -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{taken_port + 1 if taken_port < 65535 else 1}/db"
    address = f"127.0.0.1:{taken_port}"
    stack = StackFolder(tmp_path, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1/0", TEMPORAL_ADDRESS=address)
    ended = stack.perdure("up", "--detach")
    assert ended.returncode == 1
    assert "database" in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("server", "damaged"),
    [
        ("postgres", "cluster-18/global/pg_control"),
        ("redis", "appendonlydir/appendonly.aof.1.incr.aof"),
        ("temporal", "temporal.db"),
    ],
)
async def test_damaged_data_is_named(external: StackFolder, server: str, damaged: str) -> None:
    variable = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "temporal": "TEMPORAL_ADDRESS"}[server]
    external.env.pop(variable)
    data = external.home / server
    await make_data(server, data)
    (data / damaged).write_bytes(b"garbage that is no data\n" * 50)
    # Left beside a damaged database, SQLite's log of the last writes would repair it.
    (data / f"{damaged}-wal").unlink(missing_ok=True)
    ended = external.perdure("up", "--detach")
    assert ended.returncode == 1
    assert str(data) in ended.stderr
    assert "move the folder away" in ended.stderr
    assert "Traceback" not in ended.stderr
    state = json.loads((external.home / "stack.json").read_text())
    assert state["phase"] == "failed"
    assert not is_alive(state["supervisor"]["pid"])


async def make_data(server: str, folder: Path) -> None:
    folder.parent.mkdir()
    made: EmbeddedServer
    if server == "postgres":
        made = PostgresServer(folder, port=free_port(), password="password")
    elif server == "redis":
        made = ValkeyServer(folder, port=free_port(), password="password")
    else:
        made = TemporalServer(folder, port=free_port(), ui_port=free_port())
    async with running(made, log_path=folder.parent / "first.log"):
        assert await made.is_ready()
