"""Outputs of a run, assembled from its node executions."""

from activities.outputs import assemble_outputs
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
