"""Which of the values that flowed through a run are its outputs."""

from collections.abc import Mapping, Sequence
from typing import Final

from models.execution import ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.ids import NodeId
from models.values import Value
from models.wire import NodeRecord

OUTPUT_VALUE_PIN: Final = "value"
"""An OUTPUT node's input counts, not what it formats."""

_ENDED_BY_ITSELF = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED})


def assemble_outputs(
    records: Sequence[NodeRecord], *, output_nodes: Mapping[NodeId, str], terminal_nodes: Sequence[NodeId]
) -> RecordedOutputs:
    """The outputs of a run, also of one that is still going on.

    Args:
        records: node executions in any order; those of other nodes, and unfinished ones, are passed over.
        output_nodes: OUTPUT node -> name of the graph output it declares.
        terminal_nodes: nodes without outgoing links; they count only when there is no OUTPUT node.
    """
    fired = sorted(
        (record for record in records if record.status in _ENDED_BY_ITSELF),
        key=lambda record: (record.route_seq, record.firing),
    )
    if output_nodes:
        graph: dict[str, list[Value]] = {}
        for record in fired:
            name = output_nodes.get(record.node_id)
            value = record.inputs.get(OUTPUT_VALUE_PIN)
            if name is not None and value is not None:
                graph.setdefault(name, []).append(value)
        return RecordedOutputs(kind="graph", graph=graph)
    wanted = frozenset(terminal_nodes)
    terminal: dict[NodeId, dict[str, list[Value]]] = {}
    for record in fired:
        if record.node_id in wanted:
            for pin, value in record.outputs:
                terminal.setdefault(record.node_id, {}).setdefault(pin, []).append(value)
    return RecordedOutputs(kind="terminal", terminal=terminal)
