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

MAX_OUTPUT_VALUES: Final = 100_000
MAX_OUTPUT_BYTES: Final = 64 * 1024 * 1024
"""Outputs of a run, large values counted as references. They are one column of one row, which is read as a whole."""

_ENDED_BY_ITSELF = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED})


class OutputCollector:
    """Collects the outputs of a run, also of one that is still going on, from its node executions by `route_seq`.

    What comes after the first value that does not fit is left out and counted.

    Args:
        output_nodes: OUTPUT node -> name of the graph output it declares.
        terminal_nodes: nodes without outgoing links; they count only when there is no OUTPUT node.
    """

    def __init__(
        self,
        *,
        output_nodes: Mapping[NodeId, str],
        terminal_nodes: Sequence[NodeId],
        max_values: int = MAX_OUTPUT_VALUES,
        max_bytes: int = MAX_OUTPUT_BYTES,
    ) -> None:
        self._output_nodes = output_nodes
        self._terminal_nodes = frozenset(terminal_nodes)
        self._graph: dict[str, list[Value]] = {}
        self._terminal: dict[NodeId, dict[str, list[Value]]] = {}
        self._omitted = 0
        self._values_left = max_values
        self._bytes_left = max_bytes

    def add(self, record: NodeRecord) -> None:
        """Takes the next node execution; those of other nodes, and unfinished ones, are passed over."""
        if record.status not in _ENDED_BY_ITSELF:
            return
        if self._output_nodes:
            name = self._output_nodes.get(record.node_id)
            value = record.inputs.get(OUTPUT_VALUE_PIN)
            if name is not None and value is not None and self._has_room_for(value):
                self._graph.setdefault(name, []).append(value)
        elif record.node_id in self._terminal_nodes:
            for pin, value in record.outputs:
                if self._has_room_for(value):
                    self._terminal.setdefault(record.node_id, {}).setdefault(pin, []).append(value)

    def outputs(self) -> RecordedOutputs:
        if self._output_nodes:
            outputs = RecordedOutputs(kind="graph", graph=self._graph)
        else:
            outputs = RecordedOutputs(kind="terminal", terminal=self._terminal)
        return outputs.model_copy(update={"omitted": self._omitted}) if self._omitted else outputs

    def _has_room_for(self, value: Value) -> bool:
        self._values_left -= 1
        self._bytes_left -= value.inline_bytes
        if self._omitted == 0 and self._values_left >= 0 and self._bytes_left >= 0:
            return True
        self._omitted += 1
        return False


def assemble_outputs(
    records: Sequence[NodeRecord], *, output_nodes: Mapping[NodeId, str], terminal_nodes: Sequence[NodeId]
) -> RecordedOutputs:
    """The outputs of a run from all its node executions, in any order. See OutputCollector."""
    collector = OutputCollector(output_nodes=output_nodes, terminal_nodes=terminal_nodes)
    for record in sorted(records, key=lambda record: (record.route_seq, record.firing)):
        collector.add(record)
    return collector.outputs()
