"""What a run keeps to tell at its end, and how it hands over what nobody could record."""

import json

from models.execution import ExecutionStatus
from models.ids import BlockId, NodeExecId, NodeId
from models.plan import PlanNode
from models.values import Value
from models.wire import NodeRecord
from workflows.run_report import MAX_ERROR_TEXT, RECORD_BYTES, RunReport


def record(name: str, *, size: int = 0) -> NodeRecord:
    return NodeRecord(
        node_exec_id=NodeExecId(name),
        node_id=NodeId("n"),
        block_id=BlockId("b"),
        firing=0,
        status=ExecutionStatus.COMPLETED,
        outputs=(("out", Value(inline="x" * size)),) if size else (),
    )


def names(records: "tuple[NodeRecord, ...]") -> list[str]:
    return [item.node_exec_id for item in records]


def test_unrecorded_are_handed_over_oldest_first_as_many_as_fit() -> None:
    report = RunReport()
    for name in "abc":
        report.add_unrecorded(record(name, size=1000))
    limit = 2 * (RECORD_BYTES + 1000) + 200
    assert names(report.take_unrecorded(max_bytes=limit)) == ["a", "b"]
    assert names(report.take_unrecorded(max_bytes=limit)) == ["c"]
    assert report.take_unrecorded(max_bytes=limit) == ()
    assert report.unrecorded_bytes == 0


def test_one_record_is_handed_over_even_if_it_is_too_large() -> None:
    report = RunReport()
    report.add_unrecorded(record("a", size=5000))
    report.add_unrecorded(record("b"))
    assert names(report.take_unrecorded(max_bytes=100)) == ["a"]


def test_errors_are_counted_by_node_and_the_first_one_kept() -> None:
    report = RunReport()
    node = PlanNode(id=NodeId("n"), block_id=BlockId("b"), title="Title")
    report.add_error(node, code="first", message="m" * 1000)
    report.add_error(node, code="second", message="other")
    [failed] = report.failed.values()
    assert (failed.count, failed.code, failed.title) == (2, "first", "Title")
    assert failed.error == "m" * MAX_ERROR_TEXT


def test_survives_serialisation() -> None:
    report = RunReport()
    report.add_ended(seconds=1.5, cost=2, unrecorded=record("a", size=10), stored_bytes=7)
    report.add_error(PlanNode(id=NodeId("n"), block_id=BlockId("b"), title="t"), code="c", message="m")
    copy = RunReport.load(json.loads(json.dumps(report.dump())))
    assert copy == report


def test_reports_from_before_stored_bytes_were_counted_can_be_read() -> None:
    dumped = RunReport(cost=3).dump()
    del dumped["stored_bytes"]
    assert RunReport.load(dumped) == RunReport(cost=3)
