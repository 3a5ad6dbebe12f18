"""What `execute_block` gets for one node execution."""

from dataclasses import dataclass
from datetime import datetime

from models.blocks import ExecutorKind
from models.controls import RunOptions
from models.pins import dynamic_sources
from models.plan import PlanNode
from models.values import NODE_STORAGE_BYTES, RUN_STORAGE_BYTES, total_inline_bytes
from models.waits import ChildWait, Resumption
from models.wire import ExecuteBlockInput, RunOpening
from workflows.node_state import Firing
from workflows.run_state import RunState
from workflows.waits import Parked

_NO_OPTIONS = RunOptions()


@dataclass(frozen=True, slots=True)
class Turn:
    """A node execution that may begin or, with a resumption, go on after a wait."""

    firing: Firing
    node: PlanNode
    queued_at: datetime
    resumption: Resumption | None = None


def resumption_of(parked: Parked) -> Resumption:
    assert parked.resolution is not None, "only what is resolved goes on"
    wait = parked.wait
    if isinstance(wait, ChildWait):
        wait = wait.model_copy(update={"inputs": {}, "masks": {}})
    return Resumption(wait=wait, resolution=parked.resolution, attempt=parked.attempt)


class BlockInputs:
    def __init__(self, state: RunState, *, opening: RunOpening | None) -> None:
        """`opening` goes with the first node execution, which records the run as RUNNING; None if that has happened."""
        self._state = state
        self._opening = opening

    def size_of(self, turn: Turn) -> int:
        """About how many bytes its values take inside a payload."""
        node, resumption = turn.node, turn.resumption
        size = sum(total_inline_bytes(values.values()) for values in (turn.firing.received, node.defaults, node.masks))
        if resumption is not None and resumption.resolution.data is not None:
            size += resumption.resolution.data.inline_bytes
        if self._runs_a_graph(node):
            size += sum(total_inline_bytes(pins.values()) for pins in self._state.options.masks.values())
        return size

    def build(self, turn: Turn, *, timeout_seconds: float) -> ExecuteBlockInput:
        state, firing, node = self._state, turn.firing, turn.node
        opening, self._opening = self._opening, None
        left = max(0, RUN_STORAGE_BYTES - state.report.stored_bytes)
        return ExecuteBlockInput(
            run=state.run,
            node_id=firing.node_id,
            node_exec_id=state.exec_id_of(firing),
            block_id=node.block_id,
            firing=firing.number,
            generation=firing.generation,
            route_seq=firing.route_seq,
            queued_at=turn.queued_at,
            defaults=node.defaults,
            received=firing.received,
            masks=node.masks,
            selectors=dynamic_sources(link.source_name for link in node.links),
            graph_pin=node.graph_pin,
            max_attempts=node.retry.max_attempts,
            timeout_seconds=timeout_seconds,
            user_timezone=state.user_timezone,
            storage_left_bytes=left if left < NODE_STORAGE_BYTES else None,
            opening=opening,
            options=self._options_for(node),
            resumption=turn.resumption,
            auto_approved=node.id in state.auto_approved,
            review=node.review,
        )

    def _options_for(self, node: PlanNode) -> RunOptions | None:
        """Masks travel only to nodes that run other graphs; options that say nothing do not travel at all."""
        given = self._state.options
        if given.masks and not self._runs_a_graph(node):
            given = given.model_copy(update={"masks": {}})
        return given if given != _NO_OPTIONS else None

    def _runs_a_graph(self, node: PlanNode) -> bool:
        return self._state.flow.executor_of(node.id) is ExecutorKind.CHILD
