"""Recorders of waits, in memory and on Postgres, and what is recorded with them."""

import hashlib
from datetime import datetime
from typing import Any, Protocol

from infra.postgres import Database
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.stores.wait_recorder import PostgresWaitRecorder
from infra.unit_of_work import UnitsOfWork
from models.controls import ControlRecord
from models.execution import ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.ids import GraphExecId, NodeExecId, NodeId, new_id
from models.pages import PageRequest
from models.ports import WaitRecorder
from models.reviews import AwaitedEvent, OpenEvent, OpenReview, Review
from models.values import Value
from models.waits import Resolution
from models.wire import CloseExecutionInput, RunIdentity, RunOpening
from tests.contract.runs import T0, at
from tests.memory_waits import MemoryWaitRecorder


class Waits(Protocol):
    """A recorder, and what it has recorded."""

    recorder: WaitRecorder

    async def begin(self, run: RunIdentity) -> None: ...

    async def end(self, run: RunIdentity, status: ExecutionStatus) -> None: ...

    async def review(self, run: RunIdentity, id: NodeExecId) -> Review | None: ...

    async def waiting(self, run: RunIdentity) -> list[AwaitedEvent]: ...

    async def by_token(self, token_hash: str) -> AwaitedEvent | None: ...

    async def controls(self, run: RunIdentity) -> list[ControlRecord]: ...

    async def phase(self, run: RunIdentity) -> tuple[str, str | None, datetime | None]: ...


class InMemory:
    def __init__(self) -> None:
        self.recorder = MemoryWaitRecorder()
        self._statuses: dict[GraphExecId, ExecutionStatus] = {}

    async def begin(self, run: RunIdentity) -> None:
        self._statuses[run.graph_exec_id] = ExecutionStatus.RUNNING

    async def end(self, run: RunIdentity, status: ExecutionStatus) -> None:
        self.recorder.ended.add(run.graph_exec_id)
        self._statuses[run.graph_exec_id] = status

    async def review(self, run: RunIdentity, id: NodeExecId) -> Review | None:
        mine = [review for key, review in sorted(self.recorder.reviews.items()) if key[0] == id]
        return mine[-1] if mine else None

    async def waiting(self, run: RunIdentity) -> list[AwaitedEvent]:
        mine = [event for event in self.recorder.events.values() if event.graph_exec_id == run.graph_exec_id]
        return sorted((event for event in mine if event.status == "WAITING"), key=lambda event: event.created_at)

    async def by_token(self, token_hash: str) -> AwaitedEvent | None:
        key = self.recorder.token_hashes.get(token_hash)
        event = None if key is None else self.recorder.events[key]
        return event if event is not None and event.status == "WAITING" else None

    async def controls(self, run: RunIdentity) -> list[ControlRecord]:
        mine = [record for (id, _), record in self.recorder.controls.items() if id == run.graph_exec_id]
        return sorted(mine, key=lambda record: (record.at, record.id))

    async def phase(self, run: RunIdentity) -> tuple[str, str | None, datetime | None]:
        status, phase = self._statuses[run.graph_exec_id], self.recorder.phases.get(run.graph_exec_id)
        if phase is None or status.is_terminal:
            return status.value, None, None
        return phase.status, phase.reason, phase.paused_at


class OnPostgres:
    def __init__(self, database: Database) -> None:
        self.recorder = PostgresWaitRecorder(database)
        self._runs = PostgresExecutionRecorder(database)
        self._units = UnitsOfWork(database)

    async def begin(self, run: RunIdentity) -> None:
        await self._runs.open_execution(run, RunOpening(created_at=T0, started_at=T0))

    async def end(self, run: RunIdentity, status: ExecutionStatus) -> None:
        opening = RunOpening(created_at=T0, started_at=T0)
        closing = CloseExecutionInput(run=run, opening=opening, status=status, ended_at=at(100))
        await self._runs.close_execution(closing, RecordedOutputs())

    async def review(self, run: RunIdentity, id: NodeExecId) -> Review | None:
        async with self._units() as unit:
            found = await unit.reviews.list_latest(run.user_id, [id])
        return found[0] if found else None

    async def waiting(self, run: RunIdentity) -> list[AwaitedEvent]:
        async with self._units() as unit:
            return list(await unit.awaited_events.list_waiting(run.user_id, run.graph_exec_id, limit=100))

    async def by_token(self, token_hash: str) -> AwaitedEvent | None:
        async with self._units() as unit:
            return await unit.awaited_events.find_by_token_hash(token_hash)

    async def controls(self, run: RunIdentity) -> list[ControlRecord]:
        async with self._units() as unit:
            found = await unit.controls.list_of_execution(run.user_id, run.graph_exec_id, PageRequest(page_size=100))
        assert found.total_items == len(found.items)
        return list(found.items)

    async def phase(self, run: RunIdentity) -> tuple[str, str | None, datetime | None]:
        async with self._units() as unit:
            found = await unit.executions.find(run.user_id, run.graph_exec_id)
        assert found is not None
        return found.status.value, found.status_reason, found.paused_at


def review(id: str | None = None, *, generation: int = 0, payload: Any = "first", seconds: float = 0) -> OpenReview:
    return OpenReview(
        node_exec_id=NodeExecId(id or new_id()),
        generation=generation,
        node_id=NodeId("n"),
        payload=Value(inline=payload),
        instructions="Look",
        editable=True,
        expires_at=None,
        at=at(seconds),
    )


def event(id: str | None = None, *, token: str | None = None, name: str = "paid", seconds: float = 0) -> OpenEvent:
    return OpenEvent(
        node_exec_id=NodeExecId(id or new_id()),
        generation=0,
        node_id=NodeId("n"),
        name=name,
        token_hash=hashed(token or new_id()),
        schema={"type": "object"},
        expires_at=at(50),
        at=at(seconds),
    )


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


APPROVED = Resolution(kind="approved", data=Value(inline=None), has_data=True, message="Fine", by="ann", at=at(5))
REJECTED = Resolution(kind="rejected", message="No", by="bob", at=at(6))
