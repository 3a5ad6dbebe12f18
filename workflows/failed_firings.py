"""Node executions that failed and could be repeated: their inputs are kept, within limits."""

from collections.abc import Iterator
from typing import Any

from models.ids import NodeExecId
from models.values import Values, total_inline_bytes
from workflows.node_state import Firing, dump_firing, load_firing

MAX_FAILED = 500
MAX_FAILED_BYTES = 2 * 1024 * 1024


class FailedFirings:
    """The latest failed firings by node execution; beyond the limits the oldest are forgotten."""

    def __init__(self) -> None:
        self._firings: dict[NodeExecId, tuple[Firing, int]] = {}
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._firings)

    def __len__(self) -> int:
        return len(self._firings)

    def __contains__(self, exec_id: NodeExecId) -> bool:
        return exec_id in self._firings

    def add(self, exec_id: NodeExecId, firing: Firing) -> None:
        size = total_inline_bytes(firing.received.values())
        if size > MAX_FAILED_BYTES:
            return
        self._firings[exec_id] = (firing, size)
        self._bytes += size
        while len(self._firings) > MAX_FAILED or self._bytes > MAX_FAILED_BYTES:
            self.take(next(iter(self._firings)))

    def get(self, exec_id: NodeExecId) -> Firing:
        """Raises KeyError."""
        return self._firings[exec_id][0]

    def take(self, exec_id: NodeExecId) -> Firing:
        """Raises KeyError."""
        firing, size = self._firings.pop(exec_id)
        self._bytes -= size
        return firing

    def iter_inputs(self) -> Iterator[Values]:
        for firing, _ in self._firings.values():
            yield firing.received

    def dump(self) -> list[Any]:
        return [[exec_id, dump_firing(firing)] for exec_id, (firing, _) in self._firings.items()]

    def load(self, dumped: list[Any]) -> None:
        for exec_id, firing in dumped:
            self.add(NodeExecId(exec_id), load_firing(*firing))
