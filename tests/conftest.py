"""Fixtures of the whole session: the real servers, started when a test first asks for them."""

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import settings
from temporalio.worker._workflow import _WorkflowWorker

from infra.embedded.postgres import PostgresServer
from infra.embedded.temporal import TemporalServer
from infra.embedded.valkey import ValkeyServer
from tests.servers import running_postgres, running_temporal, running_valkey

pytest_plugins = ["tests.gateway_fixtures"]

settings.register_profile("without timing", deadline=None)
settings.load_profile("without timing")

_session = pytest.StashKey[pytest.Session]()

# Side by side, files are given out in this order: the tests that last longest come first, so that all end together.
FOLDERS = ("workflow", "replay", "integration", "security", "contract", "e2e", "unit", "architecture")


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A short path that other accounts may enter: Postgres does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="perdure-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(servers_folder: Path) -> AsyncIterator[PostgresServer]:
    async with running_postgres(servers_folder) as server:
        yield server


@pytest.fixture(scope="session")
def database_url(postgres_server: PostgresServer) -> str:
    """postgresql://user:password@127.0.0.1:port/db, an empty database."""
    return postgres_server.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(servers_folder: Path) -> AsyncIterator[ValkeyServer]:
    async with running_valkey(servers_folder) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: ValkeyServer) -> str:
    return redis_server.url


@pytest.fixture(autouse=True, scope="session")
def patient_workers() -> None:
    """The SDK takes a workflow that computes for 2 s (wall time) for a deadlock and stops it anywhere.

    Side by side with other tests, in the sandbox, on few cores, one can wait that long for a core.
    """
    build = _WorkflowWorker.__init__

    def build_patiently(worker: Any, **options: Any) -> None:
        build(worker, **options)
        worker._deadlock_timeout_seconds = 60

    _WorkflowWorker.__init__ = build_patiently


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(servers_folder: Path) -> AsyncIterator[TemporalServer]:
    """Has `address`, `namespace` and `ui_url`; our search attributes are registered."""
    async with running_temporal(servers_folder) as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {Path(__file__).parent / folder: number for number, folder in enumerate(FOLDERS)}
    items.sort(key=lambda item: min((order[parent] for parent in item.path.parents if parent in order), default=-1))


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_session] = session


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leaves without finalising the interpreter, which crashes now and then with Temporal's native threads."""
    session = config.stash.get(_session, None)
    if session is None:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(session.exitstatus))
