"""Ports in memory."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from models.errors import NotFoundError
from models.events import ExecutionEvent
from models.execution import ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.execution_records import NodeCursor
from models.ids import GraphExecId, NodeExecId
from models.wire import CloseExecutionInput, NodeRecord, RunIdentity, RunOpening


class MemoryBlobStore:
    """The port BlobStore; counts what is written."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.puts = 0

    async def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        self.blobs[key] = data

    async def get(self, key: str) -> bytes:
        try:
            return self.blobs[key]
        except KeyError:
            raise NotFoundError(f"There is no blob {key!r}.") from None

    async def delete_prefix(self, prefix: str) -> None:
        for key in [key for key in self.blobs if key.startswith(prefix)]:
            del self.blobs[key]


class MemoryEventBus:
    """The part of the port EventBus that publishes; optionally away."""

    def __init__(self, *, failing: Exception | None = None) -> None:
        self.events: list[ExecutionEvent] = []
        self.calls = 0
        self.failing = failing

    async def publish(self, events: Sequence[ExecutionEvent]) -> None:
        self.calls += 1
        if self.failing is not None:
            raise self.failing
        known = {(event.graph_exec_id, event.identity) for event in self.events}
        self.events += [event for event in events if (event.graph_exec_id, event.identity) not in known]

    async def read(
        self, graph_exec_id: GraphExecId, *, since: str, limit: int, wait_seconds: float
    ) -> Sequence[ExecutionEvent]:
        mine = [event for event in self.events if event.graph_exec_id == graph_exec_id]
        numbered = [event.model_copy(update={"cursor": str(place)}) for place, event in enumerate(mine, start=1)]
        return numbered[int(since) :][:limit]


class MemoryRecorder:
    """The part of the port ExecutionRecorder that `execute_block` uses. While `away` is set every call raises it."""

    def __init__(self) -> None:
        self.records: list[NodeRecord] = []
        self.claims: dict[tuple[str, int], tuple[int, datetime]] = {}
        self.away: Exception | None = None
        self.writing: asyncio.Event = asyncio.Event()
        self.may_write: asyncio.Event = asyncio.Event()
        self.may_write.set()

    def _check(self) -> None:
        if self.away is not None:
            raise self.away

    async def open_execution(self, run: RunIdentity, opening: RunOpening) -> None:
        self._check()

    async def record_nodes(
        self, run: RunIdentity, records: Sequence[NodeRecord], *, opening: RunOpening | None = None
    ) -> None:
        self._check()
        self.writing.set()
        await self.may_write.wait()
        self.records += records

    async def list_output_values(
        self, run: RunIdentity, node_ids: Sequence[str], *, after: NodeCursor | None = None, limit: int | None = None
    ) -> Sequence[NodeRecord]:
        wanted = [record for record in self.records if record.node_id in node_ids]
        wanted.sort(key=lambda record: (record.route_seq, record.node_exec_id))
        rest = [r for r in wanted if after is None or (r.route_seq, r.node_exec_id) > after]
        return rest[:limit]

    async def find_ended(self, node_exec_id: NodeExecId, generation: int) -> NodeRecord | None:
        self._check()
        ended = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED)
        mine = [r for r in self.records if (r.node_exec_id, r.generation) == (node_exec_id, generation)]
        return next((record for record in mine if record.status in ended), None)

    async def close_execution(self, closing: CloseExecutionInput, outputs: RecordedOutputs) -> None:
        self._check()

    async def claim(
        self, run: RunIdentity, node_exec_id: NodeExecId, generation: int, attempt: int, *, at: datetime
    ) -> bool:
        self._check()
        return self.claims.setdefault((node_exec_id, generation), (attempt, at)) == (attempt, at)

    async def release_claim(self, node_exec_id: NodeExecId, generation: int) -> None:
        self._check()
        self.claims.pop((node_exec_id, generation), None)
