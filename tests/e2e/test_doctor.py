"""`perdure doctor` on installations that are in order, and on broken ones: each time it names the cause."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.client import Client

from infra.blobs import open_blob_store
from infra.crypto import KeyRing, new_key
from infra.diagnosis.examination import diagnose
from infra.diagnosis.finding import Status
from infra.diagnosis.folder import MIB, Space
from infra.embedded.home import StackHome
from infra.embedded.ports import free_port
from infra.embedded.stack_secrets import ensure_secrets
from infra.migrate import upgrade_database
from infra.settings import BlobSettings, TemporalSettings
from infra.temporal.namespace import prepare_namespace
from tests.databases import fresh_database
from tests.e2e.stack_folder import StackFolder
from tests.servers import TemporalServer, ValkeyServer

TOKEN_KEY = "a-key-of-more-than-thirty-two-characters"
SECRETS = ("hunter2", "swordfish")


@dataclass
class Report:
    """What was found; `code`: how the command ends that prints it."""

    code: int
    findings: list[dict[str, str]]

    def of(self, check: str) -> list[dict[str, str]]:
        return [finding for finding in self.findings if finding["check"] == check]

    def problems(self) -> dict[str, str]:
        return {f["check"]: f["message"] for f in self.findings if f["status"] == "problem"}


def report_of(printed: str, code: int) -> Report:
    findings = json.loads(printed)
    assert all(finding.keys() == {"check", "status", "message", "hint"} for finding in findings)
    assert all(bool(finding["hint"]) == (finding["status"] != "ok") for finding in findings), findings
    assert not any(secret in printed for secret in SECRETS)
    return Report(code, findings)


async def command(stack: StackFolder, *arguments: str) -> Report:
    """`perdure doctor` as a process, as a user types it."""
    ended = await asyncio.to_thread(stack.perdure, "doctor", "--json", *arguments)
    assert "Traceback" not in ended.stderr
    return report_of(ended.stdout, ended.returncode)


async def doctor(stack: StackFolder) -> Report:
    """The same in this process, which saves the start of one: in the folder and with the environment of the stack."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(stack.env)
        with contextlib.chdir(stack.folder):
            findings = await diagnose(Path(".perdure"))
    finally:
        os.environ.clear()
        os.environ.update(before)
    code = int(any(finding.status is Status.PROBLEM for finding in findings))
    return report_of(json.dumps([finding.model_dump(mode="json") for finding in findings]), code)


async def problem(stack: StackFolder, check: str) -> str:
    """Message and hint of the problem that is found in this check, and in no other."""
    report = await doctor(stack)
    assert report.problems().keys() == {check}, report.findings
    (found,) = [finding for finding in report.of(check) if finding["status"] == "problem"]
    return f"{found['message']} {found['hint']}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def migrated(database_url: str) -> AsyncIterator[str]:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        yield url


@pytest.fixture
def postgres_only(tmp_path: Path, migrated: str) -> StackFolder:
    """A user who has a database of their own; the rest would be started by `perdure up`."""
    return StackFolder(tmp_path, DATABASE_URL=migrated, JWT_VERIFY_KEY=TOKEN_KEY)


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", f":{password}@")


# --- in order -----------------------------------------------------------------------------------------------------


async def test_before_the_first_start_all_is_well(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    report = await command(stack)
    assert (report.code, report.problems()) == (0, {})
    assert {"python", "packages", "settings", "disk", "ports", "postgres", "temporal", "redis"} <= {
        finding["check"] for finding in report.findings
    }
    assert not stack.home.exists()


async def test_a_running_stack_is_in_order(running_stack: StackFolder) -> None:
    report = await command(running_stack)
    assert (report.code, report.problems()) == (0, {})
    for check in ("schema", "clock", "namespace", "search attributes", "worker", "blob store", "gateway", "version"):
        assert [finding["status"] for finding in report.of(check)] == ["ok"], check


async def test_people_get_a_table_and_the_cause(tmp_path: Path) -> None:
    ended = await asyncio.to_thread(StackFolder(tmp_path, REDIS_URL="redis://:hunter2@127.0.0.1:1/0").perdure, "doctor")
    assert ended.returncode == 1
    assert "Nothing listens at 127.0.0.1:1" in " ".join(ended.stdout.split())
    assert "1 problems" in ended.stdout
    assert "hunter2" not in ended.stdout


async def test_external_servers_are_examined_by_settings(
    tmp_path: Path, migrated: str, redis_server: ValkeyServer, temporal_server: TemporalServer
) -> None:
    """Everything answers, but nobody has started a worker."""
    stack = StackFolder(
        tmp_path,
        DATABASE_URL=migrated,
        REDIS_URL=redis_server.url,
        TEMPORAL_ADDRESS=temporal_server.address,
        TEMPORAL_TASK_QUEUE=f"doctor-{uuid4()}",
        ENCRYPTION_KEYS=new_key(),
        JWT_VERIFY_KEY=TOKEN_KEY,
        GATEWAY_PORT=str(free_port()),
    )
    report = await doctor(stack)
    assert report.problems().keys() == {"worker"}
    assert "perdure worker" in report.of("worker")[0]["hint"]
    assert [finding["status"] for finding in report.of("gateway")] == ["warning"]


# --- Postgres -----------------------------------------------------------------------------------------------------


async def test_a_wrong_database_password(postgres_only: StackFolder, migrated: str) -> None:
    postgres_only.env["DATABASE_URL"] = with_password(migrated, "hunter2")
    assert "wrong password" in await problem(postgres_only, "postgres")


async def test_a_missing_database(postgres_only: StackFolder, migrated: str) -> None:
    postgres_only.env["DATABASE_URL"] = f"{migrated.rpartition('/')[0]}/nowhere"
    assert "no database 'nowhere'" in await problem(postgres_only, "postgres")


async def test_postgres_is_down(postgres_only: StackFolder) -> None:
    port = free_port()
    postgres_only.env["DATABASE_URL"] = f"postgresql://perdure:hunter2@127.0.0.1:{port}/perdure"
    assert f"Nothing listens at 127.0.0.1:{port}" in await problem(postgres_only, "postgres")


async def test_an_unknown_database_host(postgres_only: StackFolder) -> None:
    postgres_only.env["DATABASE_URL"] = "postgresql://perdure:hunter2@no-such-host.invalid/perdure"
    assert "'no-such-host.invalid', is not known" in await problem(postgres_only, "postgres")


@pytest.mark.parametrize(
    ("statement", "said", "hint"),
    [
        ("DELETE FROM alembic_version", "no schema yet", "perdure migrate"),
        ("UPDATE alembic_version SET version_num = '9999'", "a newer one has migrated it", "Install the newer release"),
    ],
    ids=["not migrated", "from the future"],
)
async def test_a_schema_of_another_release(
    postgres_only: StackFolder, database_url: str, statement: str, said: str, hint: str
) -> None:
    async with fresh_database(database_url) as url:
        await upgrade_database(url)
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()
        postgres_only.env["DATABASE_URL"] = url
        found = await problem(postgres_only, "schema")
    assert said in found
    assert hint in found


async def test_something_that_is_no_postgres(postgres_only: StackFolder, redis_server: ValkeyServer) -> None:
    postgres_only.env["DATABASE_URL"] = f"postgresql://perdure:hunter2@127.0.0.1:{redis_server.port}/perdure"
    assert f"127.0.0.1:{redis_server.port}" in await problem(postgres_only, "postgres")


# --- Redis --------------------------------------------------------------------------------------------------------


async def test_redis_is_down(tmp_path: Path) -> None:
    port = free_port()
    found = await problem(StackFolder(tmp_path, REDIS_URL=f"redis://:hunter2@127.0.0.1:{port}/0"), "redis")
    assert f"Nothing listens at 127.0.0.1:{port}" in found


@pytest.mark.parametrize("password", ["hunter2", ""])
async def test_a_wrong_redis_password(tmp_path: Path, redis_server: ValkeyServer, password: str) -> None:
    credentials = f":{password}@" if password else ""
    stack = StackFolder(tmp_path, REDIS_URL=f"redis://{credentials}127.0.0.1:{redis_server.port}/0")
    assert "wrong password" in await problem(stack, "redis")


# --- Temporal -----------------------------------------------------------------------------------------------------


async def test_temporal_is_down(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    assert f"does not answer at {address}" in await problem(StackFolder(tmp_path, TEMPORAL_ADDRESS=address), "temporal")


async def test_a_missing_namespace(tmp_path: Path, temporal_server: TemporalServer) -> None:
    stack = StackFolder(tmp_path, TEMPORAL_ADDRESS=temporal_server.address, TEMPORAL_NAMESPACE="nowhere")
    found = await problem(stack, "namespace")
    assert "no namespace 'nowhere'" in found
    assert "perdure migrate" in found


async def test_missing_search_attributes(tmp_path: Path, temporal_server: TemporalServer) -> None:
    namespace = f"doctor-{uuid4().hex[:8]}"
    settings = TemporalSettings(temporal_address=temporal_server.address, temporal_namespace=namespace)
    await prepare_namespace(settings)
    client = await Client.connect(temporal_server.address, namespace=namespace)
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=namespace, search_attributes=["GraphId", "Trigger"])
    )
    stack = StackFolder(tmp_path, TEMPORAL_ADDRESS=temporal_server.address, TEMPORAL_NAMESPACE=namespace)
    found = await problem(stack, "search attributes")
    assert "lacks GraphId, Trigger" in found
    assert "perdure migrate" in found


# --- settings and keys --------------------------------------------------------------------------------------------


async def test_garbage_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=INFO\nthis is !! no setting\nDATABSE_URL=x\n")
    stack = StackFolder(tmp_path)
    assert ".env, line 2" in await problem(stack, "settings")
    warnings = [f["hint"] for f in (await doctor(stack)).of("settings") if f["status"] == "warning"]
    assert any("DATABASE_URL" in hint for hint in warnings)


async def test_an_env_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00hunter2\x00")
    report = await doctor(StackFolder(tmp_path))
    assert report.problems().keys() == {"settings"}
    assert "UTF-8" in report.problems()["settings"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATABASE_POOL_SIZE": "hunter2"}, "DATABASE_POOL_SIZE cannot be used"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL cannot be used"),
        ({"OPENAI_BASE_URL": "api.example.com/v1"}, "OPENAI_BASE_URL cannot be used"),
        ({"TEMPORAL_UI_URL": "localhost:8233"}, "TEMPORAL_UI_URL cannot be used"),
        ({"CORS_ORIGINS": "https://a.example.com,*"}, "CORS_ORIGINS cannot be used"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_settings_that_cannot_be_used(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    assert said in await problem(StackFolder(tmp_path, **settings), "settings")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DATABASE_URL", "mysql://perdure:hunter2@localhost/perdure"),
        ("DATABASE_URL", "postgresql://perdure:hunter2#@localhost/perdure"),
        ("REDIS_URL", "http://:hunter2@localhost"),
        ("TEMPORAL_ADDRESS", "http://localhost:7233"),
        ("BLOB_STORE_URL", "gs://bucket"),
    ],
)
async def test_addresses_that_are_none(tmp_path: Path, setting: str, value: str) -> None:
    report = await doctor(StackFolder(tmp_path, **{setting: value}))
    assert report.code == 1
    assert f"{setting} cannot be used" in report.problems()["settings"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("swordfish", "must be `id:base64"),
        ("k1:c2hvcnQ=", "must have 32 bytes"),
        (f"k1:{'A' * 43}=", "is not random"),
    ],
    ids=["no form", "too short", "guessable"],
)
async def test_malformed_and_unsafe_encryption_keys(tmp_path: Path, keys: str, said: str) -> None:
    assert said in await problem(StackFolder(tmp_path, ENCRYPTION_KEYS=keys), "encryption keys")


async def test_a_short_token_key_is_a_problem_in_production_only(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path, JWT_VERIFY_KEY="swordfish")
    report = await doctor(stack)
    assert (report.code, [finding["status"] for finding in report.of("token key")]) == (0, ["warning"])
    stack.env["ENVIRONMENT"] = "production"
    assert "at least 32 are needed" in await problem(stack, "token key")


async def store_value(folder: Path, keys: str) -> None:
    store = open_blob_store(BlobSettings(blob_store_url=f"file:{folder}"), KeyRing.parse(keys))
    await store.put("runs/some-run/value", b"private")


async def test_data_that_was_encrypted_with_another_key(tmp_path: Path) -> None:
    await store_value(tmp_path / "blobs", new_key())
    stack = StackFolder(tmp_path, BLOB_STORE_URL=f"file:{tmp_path / 'blobs'}", ENCRYPTION_KEYS=new_key())
    found = await problem(stack, "blob store")
    assert "is not in ENCRYPTION_KEYS" in found
    assert "Add the key" in found


async def test_data_without_any_key(tmp_path: Path) -> None:
    await store_value(tmp_path / "blobs", new_key())
    stack = StackFolder(tmp_path, BLOB_STORE_URL=f"file:{tmp_path / 'blobs'}")
    found = await problem(stack, "encryption keys")
    assert str(tmp_path / "blobs") in found
    assert "Restore ENCRYPTION_KEYS" in found


async def test_lost_secrets_of_a_stack_with_data(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    await store_value(stack.home / "blobs", new_key())
    report = await doctor(stack)
    assert report.problems().keys() == {"encryption keys", "secrets"}
    assert "secrets.json is missing" in report.problems()["secrets"]


# --- this machine -------------------------------------------------------------------------------------------------


async def test_a_demanded_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        found = await problem(StackFolder(tmp_path, GATEWAY_PORT=str(port)), "ports")
        assert f"Port {port}" in found
        assert f"(pid {os.getpid()})" in found
        (tmp_path / ".perdure").mkdir()
        (tmp_path / ".perdure/ports.json").write_text(json.dumps({"redis": port}))
        report = await doctor(StackFolder(tmp_path))
        assert report.code == 0
        warnings = [finding["message"] for finding in report.of("ports") if finding["status"] == "warning"]
        assert any(message.startswith(f"Port {port}, wanted for redis,") for message in warnings)


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / ".perdure").write_text("a file, where a folder should be")
    assert "cannot be made or written" in await problem(StackFolder(tmp_path), "folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_the_right_to_write(tmp_path: Path) -> None:
    (tmp_path / ".perdure").mkdir(mode=0o500)
    assert "cannot be written" in await problem(StackFolder(tmp_path), "folder")


@pytest.mark.parametrize(
    ("space", "status", "said"),
    [
        (Space(free_bytes=10 * MIB, files=None), Status.PROBLEM, "The disk is full: 10 MiB"),
        (Space(free_bytes=500_000 * MIB, files=3), Status.PROBLEM, "only 3 more files"),
        (Space(free_bytes=1000 * MIB, files=1_000_000), Status.WARNING, "1,000 MiB are free"),
        (Space(free_bytes=500_000 * MIB, files=None), Status.OK, "are free"),
    ],
)
async def test_a_full_disk(tmp_path: Path, space: Space, status: Status, said: str) -> None:
    measured: list[Path] = []

    def probe(folder: Path) -> Space:
        measured.append(folder)
        return space

    (found,) = [finding for finding in await diagnose(tmp_path / "home", space=probe) if finding.check == "disk"]
    assert (found.status, measured) == (status, [tmp_path / "home"])
    assert said in found.message


@pytest.mark.parametrize(
    ("name", "check"),
    [("stack.json", "state"), ("secrets.json", "secrets"), ("temporal/temporal.db", "data")],
)
async def test_damaged_files_of_the_stack(tmp_path: Path, name: str, check: str) -> None:
    stack = StackFolder(tmp_path, ENCRYPTION_KEYS=new_key())
    if check != "secrets":
        keep_secrets(stack)
    path = stack.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x00garbage that is no data\n" * 50)
    assert str(path) in await problem(stack, check)


async def test_data_of_another_version_of_postgres(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    keep_secrets(stack)
    (stack.home / "postgres/cluster-12").mkdir(parents=True)
    assert "not of PostgreSQL 18" in await problem(stack, "data")


async def test_a_stack_that_was_killed_has_left_its_state(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    keep_secrets(stack)
    state = {"phase": "running", "supervisor": {"pid": 4_000_000, "created": 1.0}}
    (stack.home / "stack.json").write_text(json.dumps(state))
    report = await doctor(stack)
    assert report.code == 0
    assert "was killed" in report.of("state")[0]["message"]


def keep_secrets(stack: StackFolder) -> None:
    """The secrets of a stack that has run before."""
    stack.home.mkdir(exist_ok=True)
    ensure_secrets(StackHome(stack.home))


# --- the gateway --------------------------------------------------------------------------------------------------


async def test_a_gateway_that_is_away_or_is_something_else(
    tmp_path: Path, temporal_server: TemporalServer, running_stack: StackFolder
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    for url, said in ((nowhere, "No gateway answers"), (temporal_server.ui_url, "Something else than a gateway")):
        report = await command(StackFolder(tmp_path), "--url", url)
        assert report.code == 1
        assert report.problems().keys() == {"gateway"}
        assert said in report.problems()["gateway"]
    report = await command(StackFolder(tmp_path), "--url", running_stack.running().gateway_url)
    assert report.code == 0
