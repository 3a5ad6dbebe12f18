"""`perdure up` where something is in its way: taken ports, damaged folders, servers of the user's own."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.postgres import PostgresServer
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
) -> StackFolder:
    """A folder whose user has servers of their own, so that little has to be started."""
    return StackFolder(
        tmp_path,
        DATABASE_URL=postgres_server.url,
        REDIS_URL=redis_server.url,
        TEMPORAL_ADDRESS=temporal_server.address,
        TEMPORAL_UI_URL=temporal_server.ui_url,
    )


def test_external_servers_are_used_not_started(external: StackFolder, postgres_server: PostgresServer) -> None:
    running = external.up()
    try:
        assert running.database_url == postgres_server.url
        assert (running.processes.postgres, running.processes.redis, running.processes.temporal) == (None, None, None)
        assert running.processes.worker
        assert running.processes.gateway
        assert external.perdure("migrate").returncode == 0
    finally:
        external.down()


def test_a_taken_port_is_replaced(external: StackFolder, taken_port: int) -> None:
    external.home.mkdir()
    (external.home / "ports.json").write_text(json.dumps({"gateway": taken_port}))
    running = external.up()
    external.down()
    assert running.gateway_url != f"http://127.0.0.1:{taken_port}"
    said = external.perdure("logs", "perdure").stdout
    assert f"port {taken_port} is taken by" in said
    again = external.up()
    external.down()
    assert again.gateway_url == running.gateway_url


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
        ("postgres", "postgres/cluster-18/global/pg_control"),
        ("redis", "redis/appendonlydir/appendonly.aof.1.incr.aof"),
        ("temporal", "temporal/temporal.db"),
    ],
)
def test_damaged_data_is_named(external: StackFolder, server: str, damaged: str) -> None:
    variable = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "temporal": "TEMPORAL_ADDRESS"}[server]
    external.env.pop(variable)
    external.up()
    external.down()
    file = external.home / damaged
    file.write_bytes(b"garbage that is no data\n" * 50)
    # Left beside a damaged database, SQLite's log of the last writes would repair it.
    file.with_name(f"{file.name}-wal").unlink(missing_ok=True)
    ended = external.perdure("up", "--detach")
    assert ended.returncode == 1
    assert str(external.home / server) in ended.stderr
    assert "move the folder away" in ended.stderr
    assert "Traceback" not in ended.stderr
    state = json.loads((external.home / "stack.json").read_text())
    assert state["phase"] == "failed"
    assert not is_alive(state["supervisor"]["pid"])
