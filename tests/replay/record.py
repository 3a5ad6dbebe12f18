"""Records histories of every scenario into tests/replay/histories: `python -m tests.replay.record`.

Run it after a change to a workflow: the new histories join the old ones, which must still replay. Histories are
recorded without encryption, so that a reader sees what happened.
"""

import asyncio
import dataclasses
import gzip
import hashlib
import json
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.converter import DataConverter

from infra.crypto import new_key
from infra.embedded.ports import free_port
from infra.embedded.server import running
from infra.embedded.temporal import TemporalServer
from infra.migrate import upgrade_database
from infra.settings import (
    BlobSettings,
    EncryptionSettings,
    PostgresSettings,
    RedisSettings,
    Settings,
    TemporalSettings,
    WorkerSettings,
)
from infra.temporal.converter import WirePayloadConverter
from models.ids import new_id
from tests.engine import open_engine
from tests.replay import scenarios
from tests.servers import running_postgres, running_temporal, running_valkey

FOLDER: Final = Path(__file__).parent / "histories"
SOURCES: Final = FOLDER / "recorded-from.json"
LONGEST_TEXT: Final = 100_000
WORKFLOWS: Final = Path(__file__).parents[2] / "workflows"
PLAIN_CONVERTER: Final = dataclasses.replace(DataConverter.default, payload_converter_class=WirePayloadConverter)


def workflow_digests() -> dict[str, str]:
    """Which workflow code a set of histories was recorded from: file -> digest."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in sorted(WORKFLOWS.glob("*.py"))}


async def record(folder: Path) -> None:
    set_name = hashlib.sha256(json.dumps(workflow_digests()).encode()).hexdigest()[:8]
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(running_postgres(folder))
        valkey = await stack.enter_async_context(running_valkey(folder))
        temporal = await stack.enter_async_context(running_temporal(folder))
        settings = Settings(
            postgres=PostgresSettings(database_url=SecretStr(postgres.url)),
            redis=RedisSettings(redis_url=SecretStr(valkey.url)),
            temporal=TemporalSettings(temporal_address=temporal.address),
            worker=WorkerSettings(worker_graceful_shutdown_seconds=1),
            blobs=BlobSettings(blob_store_url=f"file:{folder / 'blobs'}"),
            encryption=EncryptionSettings(encryption_keys=SecretStr(new_key())),
        )
        await upgrade_database(postgres.url)
        await record_scenarios(settings, dict(scenarios.SCENARIOS), set_name)
        eager = TemporalServer(
            folder / "eager",
            port=free_port(),
            ui_port=free_port(),
            extra_config=("limit.historyCount.suggestContinueAsNew=20",),
        )
        await stack.enter_async_context(running(eager, log_path=folder / "eager.log"))
        settings = dataclasses.replace(settings, temporal=TemporalSettings(temporal_address=eager.address))
        await record_scenarios(settings, dict(scenarios.RESTLESS_SCENARIOS), set_name)
    SOURCES.write_text(json.dumps(workflow_digests(), indent=2) + "\n")


async def record_scenarios(settings: Settings, wanted: dict[str, scenarios.Scenario], set_name: str) -> None:
    client = await Client.connect(settings.temporal.temporal_address, data_converter=PLAIN_CONVERTER)
    async with (
        open_engine(client, settings, task_queue=f"record-{new_id()}") as engine,
        engine.worker(),
    ):
        for name, scenario in wanted.items():
            handle = await scenario(engine)
            history = await handle.fetch_history()
            content = without_machine(json.loads(history.to_json()))
            path = write(f"{name}-{set_name}", content)
            sys.stdout.write(f"{path.name}: {len(history.events)} events\n")


def write(name: str, content: dict[str, object]) -> Path:
    text = json.dumps(content, separators=(",", ":")) + "\n"
    if len(text) > LONGEST_TEXT:
        path = FOLDER / f"{name}.json.gz"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path = FOLDER / f"{name}.json"
        path.write_text(text)
    return path


def read(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def without_machine(history: Any) -> Any:
    """The history without what tells where it was recorded: processes, sticky queues, paths in stack traces."""
    if isinstance(history, list):
        return [without_machine(item) for item in history]
    if not isinstance(history, dict):
        return history
    replaced = {"identity": "recorder", "stackTrace": ""}
    scrubbed = {key: replaced.get(key, without_machine(value)) for key, value in history.items()}
    if scrubbed.get("kind") == "TASK_QUEUE_KIND_STICKY":
        scrubbed["name"] = "recorder-sticky"
    return scrubbed


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="perdure-record-") as temporary:
        Path(temporary).chmod(0o711)
        asyncio.run(record(Path(temporary)))
    sys.stdout.flush()
    os._exit(0)
