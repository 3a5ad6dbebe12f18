"""Ports in memory."""

from collections.abc import Sequence

from models.errors import NotFoundError
from models.events import ExecutionEvent
from models.ids import GraphExecId


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
