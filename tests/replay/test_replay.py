"""Every committed history replays with today's workflows; and a replay notices what it must notice."""

import json
import socket
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from services.worker.container import sandbox
from tests.replay.record import FOLDER, PLAIN_CONVERTER, SOURCES, read, workflow_digests
from tests.replay.scenarios import RESTLESS_SCENARIOS, SCENARIOS
from workflows.registry import WORKFLOWS

ROOT = Path(__file__).parents[2]
HISTORIES = sorted(path for path in FOLDER.glob("*.json*") if path != SOURCES)


def load(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json("graph-exec-recorded", read(path))


def replayer() -> Replayer:
    return Replayer(workflows=list(WORKFLOWS), data_converter=PLAIN_CONVERTER, workflow_runner=sandbox())


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.name.partition(".")[0])
async def test_history_replays(path: Path) -> None:
    await replayer().replay_workflow(load(path))


def test_every_shape_has_a_history_of_this_code() -> None:
    """A changed workflow needs new histories: run `python -m tests.replay.record` and commit what it writes."""
    assert json.loads(SOURCES.read_text()) == workflow_digests()
    recorded = {path.name.rpartition("-")[0] for path in HISTORIES}
    assert recorded == {*SCENARIOS, *RESTLESS_SCENARIOS}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.name.partition(".")[0])
def test_history_tells_nothing_of_the_machine_that_recorded_it(path: Path) -> None:
    text = read(path)
    assert str(ROOT) not in text
    assert socket.gethostname() not in text
    assert "site-packages" not in text


@pytest.mark.parametrize(
    ("scenario", "old", "new"),
    [
        ("chain", '"execute_block"', '"execute_blocks"'),
        ("chain", '"close_execution"', '"record_executions"'),
    ],
    ids=["renamed activity", "another activity"],
)
async def test_replay_notices_a_changed_history(scenario: str, old: str, new: str) -> None:
    path = next(path for path in HISTORIES if path.stem.startswith(f"{scenario}-"))
    text = read(path)
    assert old in text
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json("graph-exec-recorded", text.replace(old, new)))


async def test_replay_notices_reordered_activities() -> None:
    path = next(path for path in HISTORIES if path.stem.startswith("chain-"))
    history = json.loads(path.read_text())
    scheduled = [event for event in history["events"] if "activityTaskScheduledEventAttributes" in event]
    first, last = (event["activityTaskScheduledEventAttributes"] for event in (scheduled[0], scheduled[-1]))
    first["activityType"], last["activityType"] = last["activityType"], first["activityType"]
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json("graph-exec-recorded", history))
