"""A row that Postgres refuses for good must not keep the others, or the run, open."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.record_execution import RecordingActivities
from models.controls import ControlAction, ControlRecord
from models.errors import ServiceUnavailableError
from models.execution import ExecutionStatus
from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId, new_id
from models.wire import NodeRecord, RecordExecutionsInput, RunIdentity


class PickyRecorder:
    """Refuses batches and rows that hold the named record. Stands for the recorders of rows and of controls."""

    def __init__(self, refused: str, error: Exception) -> None:
        self.written: list[str] = []
        self._refused = refused
        self._error = error

    async def record_nodes(self, run: RunIdentity, records: Sequence[NodeRecord]) -> None:
        if any(record.node_exec_id == self._refused for record in records):
            raise self._error
        self.written += [record.node_exec_id for record in records]

    async def record_controls(self, run: RunIdentity, controls: Sequence[ControlRecord]) -> None:
        if any(control.id == self._refused for control in controls):
            raise self._error
        self.written += [control.id for control in controls]


def record(name: str) -> NodeRecord:
    return NodeRecord(
        node_exec_id=NodeExecId(name),
        node_id=NodeId("n"),
        block_id=BlockId("b"),
        firing=0,
        status=ExecutionStatus.TERMINATED,
    )


def control(name: str) -> ControlRecord:
    return ControlRecord(id=name, action=ControlAction.PAUSE, at=datetime(2026, 1, 1, tzinfo=UTC))


async def record_all(recorder: PickyRecorder, *, controls: str = "") -> None:
    activities = RecordingActivities(
        recorder=recorder,  # type: ignore[arg-type]
        recording=None,  # type: ignore[arg-type]
        values=None,  # type: ignore[arg-type]
        runner=None,  # type: ignore[arg-type]
        waits=recorder,  # type: ignore[arg-type]
        clock=None,  # type: ignore[arg-type]
    )
    run = RunIdentity(graph_exec_id=GraphExecId(new_id()), graph_id=GraphId("g"), graph_version=1, user_id=UserId("u"))
    task = RecordExecutionsInput(
        run=run, records=tuple(record(name) for name in "abc"), controls=tuple(control(name) for name in controls)
    )
    await ActivityEnvironment().run(activities.record_executions, task)


async def test_the_other_rows_are_written() -> None:
    recorder = PickyRecorder("b", ValueError("refused"))
    await record_all(recorder)
    assert recorder.written == ["a", "c"]


async def test_the_other_controls_are_written() -> None:
    recorder = PickyRecorder("y", ValueError("refused"))
    await record_all(recorder, controls="xyz")
    assert recorder.written == ["a", "b", "c", "x", "z"]


async def test_an_absent_server_is_waited_for() -> None:
    recorder = PickyRecorder("b", ServiceUnavailableError("away"))
    with pytest.raises(ServiceUnavailableError):
        await record_all(recorder)
    assert recorder.written == []
