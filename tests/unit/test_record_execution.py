"""A row that Postgres refuses for good must not keep the others, or the run, open."""

from collections.abc import Sequence

import pytest
from temporalio.testing import ActivityEnvironment

from activities.record_execution import RecordingActivities
from models.errors import ServiceUnavailableError
from models.execution import ExecutionStatus
from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId, new_id
from models.wire import NodeRecord, RecordExecutionsInput, RunIdentity


class PickyRecorder:
    """Refuses batches and rows that hold the named record."""

    def __init__(self, refused: str, error: Exception) -> None:
        self.written: list[str] = []
        self._refused = refused
        self._error = error

    async def record_nodes(self, run: RunIdentity, records: Sequence[NodeRecord]) -> None:
        if any(record.node_exec_id == self._refused for record in records):
            raise self._error
        self.written += [record.node_exec_id for record in records]


def record(name: str) -> NodeRecord:
    return NodeRecord(
        node_exec_id=NodeExecId(name),
        node_id=NodeId("n"),
        block_id=BlockId("b"),
        firing=0,
        status=ExecutionStatus.TERMINATED,
    )


async def record_all(recorder: PickyRecorder) -> None:
    activities = RecordingActivities(
        recorder=recorder,  # type: ignore[arg-type]
        recording=None,  # type: ignore[arg-type]
        values=None,  # type: ignore[arg-type]
        runner=None,  # type: ignore[arg-type]
        waits=None,  # type: ignore[arg-type]
        clock=None,  # type: ignore[arg-type]
    )
    run = RunIdentity(graph_exec_id=GraphExecId(new_id()), graph_id=GraphId("g"), graph_version=1, user_id=UserId("u"))
    task = RecordExecutionsInput(run=run, records=tuple(record(name) for name in "abc"))
    await ActivityEnvironment().run(activities.record_executions, task)


async def test_the_other_rows_are_written() -> None:
    recorder = PickyRecorder("b", ValueError("refused"))
    await record_all(recorder)
    assert recorder.written == ["a", "c"]


async def test_an_absent_server_is_waited_for() -> None:
    recorder = PickyRecorder("b", ServiceUnavailableError("away"))
    with pytest.raises(ServiceUnavailableError):
        await record_all(recorder)
    assert recorder.written == []
