"""Outputs of a run, assembled from its node executions."""

import pytest

from activities.outputs import OutputCollector, assemble_outputs
from models.execution import ExecutionStatus
from models.ids import BlockId, NodeExecId, NodeId
from models.values import Value
from models.wire import NodeRecord

A, B = NodeId("a"), NodeId("b")


def make_record(
    node_id: NodeId,
    *,
    route_seq: int,
    value: object = None,
    outputs: tuple[tuple[str, object], ...] = (),
    status: ExecutionStatus = ExecutionStatus.COMPLETED,
) -> NodeRecord:
    return NodeRecord(
        node_exec_id=NodeExecId(f"{node_id}:{route_seq}"),
        node_id=node_id,
        block_id=BlockId("block"),
        firing=route_seq,
        status=status,
        route_seq=route_seq,
        inputs={} if value is None else {"value": Value(inline=value)},
        outputs=tuple((pin, Value(inline=emitted)) for pin, emitted in outputs),
    )


def test_values_of_one_name_follow_the_order_of_routing_over_all_its_nodes() -> None:
    records = [
        make_record(A, route_seq=7, value="third"),
        make_record(B, route_seq=3, value="second"),
        make_record(A, route_seq=1, value="first"),
    ]
    recorded = assemble_outputs(records, output_nodes={A: "out", B: "out"}, terminal_nodes=[A, B])
    assert recorded.kind == "graph"
    assert [value.inline for value in recorded.graph["out"]] == ["first", "second", "third"]
    assert recorded.terminal == {}


def test_the_input_of_an_output_node_counts_and_not_what_it_formatted() -> None:
    record = make_record(A, route_seq=0, value=3, outputs=(("output", "formatted: 3"),))
    recorded = assemble_outputs([record], output_nodes={A: "out"}, terminal_nodes=[])
    assert [value.inline for value in recorded.graph["out"]] == [3]


def test_without_output_nodes_the_last_nodes_count_pin_by_pin() -> None:
    records = [
        make_record(A, route_seq=2, outputs=(("x", 2), ("y", "b"))),
        make_record(A, route_seq=1, outputs=(("x", 1),)),
        make_record(B, route_seq=0, outputs=(("x", "not terminal"),)),
    ]
    recorded = assemble_outputs(records, output_nodes={}, terminal_nodes=[A])
    assert recorded.kind == "terminal"
    assert {pin: [value.inline for value in values] for pin, values in recorded.terminal[A].items()} == {
        "x": [1, 2],
        "y": ["b"],
    }
    assert set(recorded.terminal) == {A}


def test_unfinished_executions_give_nothing_yet() -> None:
    unfinished = [
        make_record(A, route_seq=number, value=number, status=status)
        for number, status in enumerate((ExecutionStatus.QUEUED, ExecutionStatus.RUNNING, ExecutionStatus.TERMINATED))
    ]
    assert assemble_outputs(unfinished, output_nodes={A: "out"}, terminal_nodes=[]).graph == {}


@pytest.mark.parametrize("limits", [{"max_values": 2}, {"max_bytes": 2 * Value(inline=0).inline_bytes}], ids=str)
@pytest.mark.parametrize("declared", [True, False], ids=["graph", "terminal"])
def test_what_does_not_fit_is_left_out_and_counted(limits: dict[str, int], declared: bool) -> None:
    collector = OutputCollector(output_nodes={A: "out"} if declared else {}, terminal_nodes=[A], **limits)
    for number in range(5):
        collector.add(make_record(A, route_seq=number, value=number, outputs=(("x", number),)))
    outputs = collector.outputs()
    values = outputs.graph["out"] if declared else outputs.terminal[A]["x"]
    assert [value.inline for value in values] == [0, 1]
    assert outputs.omitted == 3


def test_a_small_value_does_not_jump_over_one_that_was_left_out() -> None:
    collector = OutputCollector(output_nodes={A: "out"}, terminal_nodes=[], max_bytes=100)
    for number, value in enumerate(["first", "x" * 200, "third"]):
        collector.add(make_record(A, route_seq=number, value=value))
    outputs = collector.outputs()
    assert [value.inline for value in outputs.graph["out"]] == ["first"]
    assert outputs.omitted == 2
