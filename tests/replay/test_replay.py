"""Every committed history replays with today's workflows; and a replay notices what it must notice."""

import json
import socket
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from services.worker.container import sandbox
from tests.engine import OWNER
from tests.replay.mutants import WithAnotherTimer, WithoutItsTimer
from tests.replay.record import FOLDER, PLAIN_CONVERTER, SOURCES, read, workflow_digests
from tests.replay.scenarios import RESTLESS_SCENARIOS, SCENARIOS
from workflows.execute_graph import ExecuteGraphWorkflow
from workflows.registry import WORKFLOWS

ROOT = Path(__file__).parents[2]
HISTORIES = sorted(path for path in FOLDER.glob("*.json*") if path != SOURCES)


WORKFLOW_ID = f"graph-exec-recorded.{OWNER}"


def load(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(WORKFLOW_ID, read(path))


def replayer() -> Replayer:
    return Replayer(workflows=list(WORKFLOWS), data_converter=PLAIN_CONVERTER, workflow_runner=sandbox())


def recorded(scenario: str) -> Path:
    return next(path for path in HISTORIES if path.name.rpartition("-")[0] == scenario)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.name.partition(".")[0])
async def test_history_replays(path: Path) -> None:
    await replayer().replay_workflow(load(path))


def test_every_shape_has_a_history_of_this_code() -> None:
    """A changed workflow needs new histories: run `python -m tests.replay.record` and commit what it writes."""
    assert json.loads(SOURCES.read_text()) == workflow_digests()
    assert {path.name.rpartition("-")[0] for path in HISTORIES} == {*SCENARIOS, *RESTLESS_SCENARIOS}


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
    text = read(recorded(scenario))
    assert old in text
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json(WORKFLOW_ID, text.replace(old, new)))


async def test_replay_notices_reordered_activities() -> None:
    history = json.loads(read(recorded("chain")))
    scheduled = [event for event in history["events"] if "activityTaskScheduledEventAttributes" in event]
    first, last = (event["activityTaskScheduledEventAttributes"] for event in (scheduled[0], scheduled[-1]))
    first["activityType"], last["activityType"] = last["activityType"], first["activityType"]
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(WorkflowHistory.from_json(WORKFLOW_ID, history))


@pytest.mark.parametrize(
    ("scenario", "mutant"),
    [("chain", WithAnotherTimer), ("fan_out_beyond_the_budget", WithoutItsTimer)],
    ids=["one more", "one less"],
)
async def test_replay_notices_a_changed_timer(scenario: str, mutant: type[ExecuteGraphWorkflow]) -> None:
    """Temporal compares neither the durations of timers nor their ids, only that and where they are started."""
    history = load(recorded(scenario))
    changed = Replayer(workflows=[mutant], data_converter=PLAIN_CONVERTER, workflow_runner=UnsandboxedWorkflowRunner())
    with pytest.raises(NondeterminismError):
        await changed.replay_workflow(history)
