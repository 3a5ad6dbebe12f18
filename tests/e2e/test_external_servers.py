"""The deployment's settings against servers that `perdure up` did not start: gateway and workers by URL alone."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from infra.crypto import new_key
from infra.embedded.ports import free_port
from infra.embedded.postgres import postgres_binaries
from models.ids import new_id
from perdure_client import AsyncPerdureClient
from tests.compose import ROOT, compose
from tests.llm_server import LLMServer, RecordedRequest
from tests.polling import eventually
from tests.servers import TemporalServer, running_postgres

PERDURE = Path(sys.executable).with_name("perdure")
HEALTHCHECK = ROOT / "infra/deploy/healthcheck.py"
PASSWORD = "a1b2c3d4e5f6"
CITIES = ["Ankara", "Bern", "Cairo", "Dakar", "Erfurt", "Fes"]
END_SECONDS = 60


@dataclass
class Deployment:
    """Our services with the environment that docker-compose.yml gives them, but other addresses."""

    folder: Path
    services: Mapping[str, Mapping[str, str]]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self, service: str, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.services[service], **more}

    def run(self, service: str, *arguments: str) -> str:
        """What a command prints; as `docker compose run` or `exec` of a service."""
        ended = subprocess.run(
            [PERDURE, *arguments],
            cwd=self.folder,
            env=self.environment(service),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def start(self, name: str, service: str, **more: str) -> dict[str, str]:
        """Starts a process; its environment."""
        environment = self.environment(service, **more)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [PERDURE, service], cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        return environment

    async def until_healthy(self, name: str, environment: Mapping[str, str]) -> None:
        """Asks the health check of the image."""

        async def healthy() -> bool:
            assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()
            check = await asyncio.create_subprocess_exec(sys.executable, str(HEALTHCHECK), env=environment)
            return await check.wait() == 0

        await eventually(healthy, seconds=END_SECONDS)

    def end(self) -> list[int]:
        """Ends everything as Compose would; the exit codes."""
        for process in self.processes.values():
            process.terminate()
        return [process.wait(END_SECONDS) for process in self.processes.values()]


@asynccontextmanager
async def deployed_postgres(folder: Path, secrets: Mapping[str, str]) -> AsyncIterator[str]:
    """A Postgres prepared by the deployment's script; host:port."""
    async with running_postgres(folder) as server:
        # The names are those of the embedded server; the script makes its own.
        admin = await asyncpg.connect(server.url)
        await admin.execute(f"CREATE ROLE postgres SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        await admin.close()
        url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{server.port}/postgres"
        admin = await asyncpg.connect(url)
        await admin.execute("ALTER ROLE perdure RENAME TO embedded")
        await admin.execute("ALTER DATABASE perdure RENAME TO embedded")
        await admin.close()
        script = ROOT / "infra/deploy/postgres/create-databases.sql"
        command = [postgres_binaries() / "psql", url, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-f", script]
        subprocess.run(command, env={"PATH": os.environ["PATH"], **secrets}, check=True, stdout=subprocess.DEVNULL)
        yield f"127.0.0.1:{server.port}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deployment(
    servers_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    redis_url: str,
    temporal_server: TemporalServer,
    llm_endpoint: LLMServer,
) -> AsyncIterator[Deployment]:
    """Servers outside, migrated; no process of ours runs yet. The Temporal namespace does not exist before."""
    passwords = dict.fromkeys(
        ("POSTGRES_PASSWORD", "PERDURE_DB_PASSWORD", "TEMPORAL_DB_PASSWORD", "REDIS_PASSWORD"), PASSWORD
    )
    folder = tmp_path_factory.mktemp("deployment")
    outside = servers_folder / "outside"
    outside.mkdir(mode=0o711)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(deployed_postgres(outside, passwords))
        file = compose(
            {
                **passwords,
                "JWT_VERIFY_KEY": token_hex(32),
                "ENCRYPTION_KEYS": new_key(),
                "CODEC_TOKEN": token_hex(24),
                "TEMPORAL_NAMESPACE": f"outside-{new_id()}",
                "TEMPORAL_UI_URL": temporal_server.ui_url,
                "BLOB_STORE_URL": f"file:{folder / 'blobs'}",
                "OPENAI_API_KEY": "sk-local-0123456789abcdef",
                "OPENAI_BASE_URL": llm_endpoint.base_url,
            }
        )
        services = {name: file["services"][name]["environment"] for name in ("migrate", "gateway", "worker")}
        for environment in services.values():
            environment["DATABASE_URL"] = environment["DATABASE_URL"].replace("postgres:5432", database)
            environment["REDIS_URL"] = redis_url
            environment["TEMPORAL_ADDRESS"] = temporal_server.address
        deployment = Deployment(folder, services)
        said = await asyncio.to_thread(deployment.run, "migrate", "migrate")
        assert "schema is up to date" in said
        assert "namespace" in said
        try:
            yield deployment
        finally:
            for process in deployment.processes.values():
                process.kill()
                process.wait()


def asking_about_each_city() -> dict[str, Any]:
    return {
        "name": "Ask about each city",
        "nodes": [
            {"id": "cities", "block_id": "agent_input_block", "input_default": {"name": "cities"}},
            {"id": "each", "block_id": "f66a3543-28d3-4ab5-8945-9b336371e2ce", "input_default": {}},
            {"id": "ask", "block_id": "llm_call_block", "input_default": {"prompt": "Where is {city}?"}},
            {"id": "out", "block_id": "agent_output_block", "input_default": {"name": "answers"}},
        ],
        "links": [
            {"source_id": "cities", "sink_id": "each", "source_name": "result", "sink_name": "items"},
            {"source_id": "each", "sink_id": "ask", "source_name": "item", "sink_name": "city"},
            {"source_id": "ask", "sink_id": "out", "source_name": "response", "sink_name": "value"},
        ],
    }


async def pids_of_workers_at_work(deployment: Deployment, temporal_url: str | None) -> Sequence[int]:
    settings = deployment.services["gateway"]
    client = await Client.connect(settings["TEMPORAL_ADDRESS"], namespace=settings["TEMPORAL_NAMESPACE"])
    described = await client.get_workflow_handle((temporal_url or "").rpartition("/")[2]).describe()
    pending = described.raw_description.pending_activities
    return [int(activity.last_worker_identity.partition("@")[0]) for activity in pending]


async def test_a_run_by_url_survives_the_death_of_a_worker(deployment: Deployment, llm_server: LLMServer) -> None:
    killed = asyncio.Event()

    async def answer(request: RecordedRequest) -> str:
        await killed.wait()
        return request.prompt.upper()

    llm_server.answer_with(answer)
    port = free_port()
    started = {"gateway": deployment.start("gateway", "gateway", GATEWAY_PORT=str(port))}
    for name in ("first", "second"):
        ready = str(deployment.folder / f"{name}.ready")
        started[name] = deployment.start(name, "worker", WORKER_READY_FILE=ready)
    created = await asyncio.to_thread(
        deployment.run, "gateway", "users", "create", "--email", "ada@example.com", "--with-key", "--json"
    )
    user = json.loads(created)
    for name, environment in started.items():
        await deployment.until_healthy(name, environment)

    async with AsyncPerdureClient(f"http://127.0.0.1:{port}", user["api_key"]) as client:
        assert (await client.user()).email == "ada@example.com"
        graph = await client.graphs.create(asking_about_each_city())
        run = await client.execute(graph.id, {"cities": CITIES})
        await eventually(lambda: len(llm_server.requests) == len(CITIES))

        at_work = await pids_of_workers_at_work(deployment, (await client.executions.get(run.id)).temporal_url)
        [victim] = [name for name, process in deployment.processes.items() if process.pid == at_work[0]]
        os.kill(at_work[0], signal.SIGKILL)
        assert deployment.processes.pop(victim).wait() == -signal.SIGKILL
        killed.set()

        await client.executions.wait(run.id, timeout=END_SECONDS)
        results = await client.executions.results(run.id)
    assert results.status == "COMPLETED"
    assert sorted(results.outputs["answers"]) == [f"WHERE IS {city.upper()}?" for city in CITIES]
    assert len(llm_server.requests) == len(CITIES) + at_work.count(at_work[0])
    assert await asyncio.to_thread(deployment.end) == [0, 0]
