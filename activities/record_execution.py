"""Projections of whole executions: the closing activity, and node executions that only the workflow knows of."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog
from temporalio import activity

from activities.heartbeat import heartbeats
from activities.outputs import OutputCollector
from activities.owner import owner_key_id
from activities.recording import Recording
from models.controls import ControlRecord, RunPhase
from models.errors import ServiceUnavailableError
from models.events import EventKind, ExecutionEvent
from models.execution import ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.execution_records import NodeCursor
from models.ports import Clock, ExecutionRecorder, GraphRunner, WaitRecorder
from models.value_store import ValueStore
from models.wire import CloseExecutionInput, CloseExecutionResult, NodeRecord, RecordExecutionsInput, RunIdentity

ROWS_AT_ONCE: Final = 100
"""Node executions read together; each may hold close to 4 MB of inline values, most hold next to none."""

_TOLD: Final = {"node_exec_id", "action"}
_Record = TypeVar("_Record", NodeRecord, ControlRecord)

_log = structlog.get_logger(__name__)


class RecordingActivities:
    """Every call may be repeated: rows are upserted and never go back in status."""

    def __init__(
        self,
        *,
        recorder: ExecutionRecorder,
        waits: WaitRecorder,
        recording: Recording,
        values: ValueStore,
        runner: GraphRunner,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._waits = waits
        self._runner = runner
        self._recorder = recorder
        self._recording = recording
        self._values = values

    @activity.defn(name="record_executions")
    async def record_executions(self, input: RecordExecutionsInput) -> None:
        """Writes node executions that no `execute_block` could record, what people did, and whether the run waits."""
        structlog.contextvars.bind_contextvars(graph_exec_id=input.run.graph_exec_id, user_id=input.run.user_id)
        async with heartbeats():
            if input.opening is not None:
                await self._recorder.open_execution(input.run, input.opening)
            await self._record(input.run, input.records, input.controls)
            if input.phase is not None:
                await self._waits.record_phase(input.run, input.phase)
                await self._tell_phase(input.run, input.phase)

    async def _tell_phase(self, run: RunIdentity, phase: RunPhase) -> None:
        await self._recording.publish(
            ExecutionEvent(
                kind=EventKind.GRAPH,
                graph_exec_id=run.graph_exec_id,
                status=ExecutionStatus(phase.status),
                attempt=phase.number,
                at=self._clock.now(),
            )
        )

    @activity.defn(name="request_cancellation")
    async def request_cancellation(self, run: RunIdentity) -> None:
        """Requests Temporal cancellation of the execution this activity belongs to."""
        await self._runner.cancel(run.graph_exec_id, owner_key_id=owner_key_id())

    @activity.defn(name="close_execution")
    async def close_execution(self, closing: CloseExecutionInput) -> CloseExecutionResult:
        """Writes the end of a run: what is still unrecorded, its outputs, status and statistics."""
        structlog.contextvars.bind_contextvars(graph_exec_id=closing.run.graph_exec_id, user_id=closing.run.user_id)
        async with heartbeats():
            await self._record(closing.run, closing.unrecorded, closing.controls)
            outputs = await self._collect_outputs(closing)
            if outputs.omitted:
                _log.warning("outputs left out", omitted=outputs.omitted)
                stats = closing.stats.model_copy(update={"omitted_outputs": outputs.omitted})
                closing = closing.model_copy(update={"stats": stats})
            await self._recorder.close_execution(closing, outputs)
            packed = await self._values.pack(
                outputs.model_dump(mode="json", exclude_unset=True),
                graph_exec_id=closing.run.graph_exec_id,
                limit_bytes=None,
            )
        await self._recording.publish(
            ExecutionEvent(
                kind=EventKind.GRAPH,
                graph_exec_id=closing.run.graph_exec_id,
                status=closing.status,
                at=closing.ended_at,
                error=closing.error,
            )
        )
        return CloseExecutionResult(outputs=packed, omitted_outputs=outputs.omitted)

    async def _collect_outputs(self, closing: CloseExecutionInput) -> RecordedOutputs:
        """Reads page by page: the rows of a large run do not fit into memory together."""
        collector = OutputCollector(output_nodes=closing.output_nodes, terminal_nodes=closing.terminal_nodes)
        nodes = list(closing.output_nodes) or list(closing.terminal_nodes)
        after: NodeCursor | None = None
        while True:
            page = await self._recorder.list_output_values(closing.run, nodes, after=after, limit=ROWS_AT_ONCE)
            for record in page:
                collector.add(record)
            if len(page) < ROWS_AT_ONCE:
                return collector.outputs()
            after = NodeCursor(page[-1].route_seq, page[-1].node_exec_id)

    async def _record(self, run: RunIdentity, records: Sequence[NodeRecord], controls: Sequence[ControlRecord]) -> None:
        await _write(partial(self._recorder.record_nodes, run), records)
        await _write(partial(self._waits.record_controls, run), controls)


async def _write(write: Callable[[Sequence[_Record]], Awaitable[None]], records: Sequence[_Record]) -> None:
    """Writes all together; one that Postgres refuses for good must not keep the others, or the run, open."""
    if not records:
        return
    try:
        await write(records)
    except ServiceUnavailableError:
        raise
    except Exception as error:
        if len(records) == 1:
            _log.error("record refused", error=type(error).__name__, **records[0].model_dump(include=_TOLD))
            return
        for record in records:
            await _write(write, (record,))
