"""The port WaitRecorder, in memory and on migrated Postgres: what has ended stays ended, in any order of calls."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, Protocol

import pytest

from infra.postgres import Database
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.stores.wait_recorder import PostgresWaitRecorder
from infra.unit_of_work import UnitsOfWork
from models.controls import ControlAction, ControlRecord, RunPhase
from models.execution import ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId, new_id
from models.pages import PageRequest
from models.ports import WaitRecorder
from models.reviews import AwaitedEvent, OpenEvent, OpenReview, Review, ReviewStatus
from models.values import Value
from models.waits import Resolution, WaitShown
from models.wire import CloseExecutionInput, NodeRecord, RunIdentity, RunOpening
from tests.memory_waits import MemoryWaitRecorder

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
TERMINATED, COMPLETED = ExecutionStatus.TERMINATED, ExecutionStatus.COMPLETED


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def identity() -> RunIdentity:
    return RunIdentity(
        graph_exec_id=GraphExecId(new_id()), graph_id=GraphId("g"), graph_version=1, user_id=UserId(f"user-{new_id()}")
    )


@pytest.fixture
def run() -> RunIdentity:
    return identity()


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


@pytest.fixture(params=["memory", "postgres"])
async def waits(request: pytest.FixtureRequest, run: RunIdentity, migrated_database: Database) -> Waits:
    waits: Waits = InMemory() if request.param == "memory" else OnPostgres(migrated_database)
    await waits.begin(run)
    return waits


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


# --- reviews -----------------------------------------------------------------------------------------------------


async def test_review_waits_and_is_decided(waits: Waits, run: RunIdentity) -> None:
    opened = review()
    await waits.recorder.open_review(run, opened)
    waiting = await waits.review(run, opened.node_exec_id)
    assert waiting is not None
    assert (waiting.status, waiting.payload, waiting.instructions) == ("WAITING", Value(inline="first"), "Look")
    assert (waiting.graph_exec_id, waiting.user_id, waiting.reviewed_at) == (run.graph_exec_id, run.user_id, None)

    await waits.recorder.end_wait(opened.node_exec_id, 0, APPROVED)
    decided = await waits.review(run, opened.node_exec_id)
    assert decided is not None
    assert (decided.status, decided.review_message, decided.decided_by) == ("APPROVED", "Fine", "ann")
    assert (decided.reviewed_data, decided.was_edited, decided.reviewed_at) == (Value(inline=None), True, at(5))


async def test_first_decision_counts_and_nothing_opens_a_decided_review(waits: Waits, run: RunIdentity) -> None:
    opened = review()
    await waits.recorder.open_review(run, opened)
    await waits.recorder.end_wait(opened.node_exec_id, 0, APPROVED)
    first = await waits.review(run, opened.node_exec_id)
    await waits.recorder.end_wait(opened.node_exec_id, 0, REJECTED)
    await waits.recorder.open_review(run, review(opened.node_exec_id, payload="again", seconds=9))
    assert await waits.review(run, opened.node_exec_id) == first


async def test_review_opened_again_by_a_later_attempt_shows_what_that_one_asks(waits: Waits, run: RunIdentity) -> None:
    opened = review()
    await waits.recorder.open_review(run, opened)
    await waits.recorder.open_review(run, review(opened.node_exec_id, payload="second", seconds=3))
    found = await waits.review(run, opened.node_exec_id)
    assert found is not None
    assert (found.payload, found.created_at, found.status) == (Value(inline="second"), at(0), "WAITING")


async def test_generations_are_reviewed_apart(waits: Waits, run: RunIdentity) -> None:
    opened = review()
    await waits.recorder.open_review(run, opened)
    await waits.recorder.end_wait(opened.node_exec_id, 0, REJECTED)
    await waits.recorder.open_review(run, review(opened.node_exec_id, generation=1, payload="retried"))
    found = await waits.review(run, opened.node_exec_id)
    assert found is not None
    assert (found.generation, found.status, found.payload) == (1, "WAITING", Value(inline="retried"))


async def test_expired_review_counts_as_rejected(waits: Waits, run: RunIdentity) -> None:
    opened = review()
    await waits.recorder.open_review(run, opened)
    await waits.recorder.end_wait(opened.node_exec_id, 0, Resolution(kind="expired", at=at(60)))
    found = await waits.review(run, opened.node_exec_id)
    assert found is not None
    assert (found.status, found.review_message, found.decided_by) == ("REJECTED", "Nobody decided in time", None)


async def test_ending_what_nobody_waits_for_does_nothing(waits: Waits, run: RunIdentity) -> None:
    await waits.recorder.end_wait(NodeExecId(new_id()), 0, APPROVED)
    assert await waits.waiting(run) == []


async def test_of_many_decisions_at_once_one_counts(waits: Waits, run: RunIdentity) -> None:
    opened = review()
    await waits.recorder.open_review(run, opened)
    decisions = [Resolution(kind="approved", by=f"reviewer {n}", at=at(n)) for n in range(20)]
    await asyncio.gather(*(waits.recorder.end_wait(opened.node_exec_id, 0, decision) for decision in decisions))
    found = await waits.review(run, opened.node_exec_id)
    assert found is not None
    assert found.status is ReviewStatus.APPROVED
    assert (found.decided_by, found.reviewed_at) in {(decision.by, decision.at) for decision in decisions}


# --- events ------------------------------------------------------------------------------------------------------


async def test_event_is_awaited_until_it_is_delivered(waits: Waits, run: RunIdentity) -> None:
    opened = event(token="secret")
    await waits.recorder.open_event(run, opened)
    [waiting] = await waits.waiting(run)
    assert (waiting.name, waiting.payload_schema, waiting.expires_at) == ("paid", {"type": "object"}, at(50))
    assert await waits.by_token(opened.token_hash) == waiting

    await waits.recorder.end_wait(opened.node_exec_id, 0, Resolution(kind="event", at=at(2)))
    assert await waits.waiting(run) == []
    assert await waits.by_token(opened.token_hash) is None


async def test_only_the_last_token_of_an_awaited_event_delivers_it(waits: Waits, run: RunIdentity) -> None:
    lost = event()
    await waits.recorder.open_event(run, lost)
    known = event(lost.node_exec_id, seconds=4)
    await waits.recorder.open_event(run, known)
    [waiting] = await waits.waiting(run)
    assert waiting.created_at == at(0)
    assert await waits.by_token(lost.token_hash) is None
    assert await waits.by_token(known.token_hash) == waiting


@pytest.mark.parametrize("kind", ["event", "expired", "rejected"])
async def test_ended_event_is_not_awaited_again(waits: Waits, run: RunIdentity, kind: Any) -> None:
    opened = event()
    await waits.recorder.open_event(run, opened)
    await waits.recorder.end_wait(opened.node_exec_id, 0, Resolution(kind=kind, at=at(2)))
    again = event(opened.node_exec_id)
    await waits.recorder.open_event(run, again)
    assert await waits.by_token(again.token_hash) is None


async def test_events_are_listed_from_the_longest_wait_on(waits: Waits, run: RunIdentity) -> None:
    opened = [event(seconds=seconds, name=f"e{seconds}") for seconds in (3, 1, 2)]
    for wait in opened:
        await waits.recorder.open_event(run, wait)
    assert [wait.name for wait in await waits.waiting(run)] == ["e1", "e2", "e3"]


async def test_nothing_begins_to_wait_in_a_run_that_has_ended(waits: Waits, run: RunIdentity) -> None:
    await waits.end(run, TERMINATED)
    late, lost = review(), event()
    await waits.recorder.open_review(run, late)
    await waits.recorder.open_event(run, lost)
    assert await waits.review(run, late.node_exec_id) is None
    assert await waits.by_token(lost.token_hash) is None


# --- controls and phases -----------------------------------------------------------------------------------------


def control(id: str, seconds: float, **details: Any) -> ControlRecord:
    return ControlRecord(
        id=id, action=ControlAction.SKIP_NODE, at=at(seconds), requested_by="ann", node_exec_id="x", details=details
    )


async def test_controls_are_kept_once_and_oldest_first(waits: Waits, run: RunIdentity) -> None:
    records = [control("b", 2), control("a", 1, reason="because"), control("c", 2)]
    await waits.recorder.record_controls(run, records)
    await waits.recorder.record_controls(run, [control("a", 9), *records])
    await waits.recorder.record_controls(identity(), [control("a", 1)])
    assert await waits.controls(run) == [control("a", 1, reason="because"), control("b", 2), control("c", 2)]
    await waits.recorder.record_controls(run, [])


@pytest.mark.parametrize("action", [ControlAction.SKIP_NODE, ControlAction.SET_OUTPUT, ControlAction.RETRY_NODE])
async def test_a_node_that_an_operator_ends_waits_no_more(waits: Waits, run: RunIdentity, action: Any) -> None:
    opened, other, awaited = review(), review(), event()
    await waits.recorder.open_review(run, opened)
    await waits.recorder.open_review(run, other)
    await waits.recorder.open_event(run, awaited)
    ended = [
        control("a", 7).model_copy(update={"action": action, "node_exec_id": opened.node_exec_id}),
        control("b", 8).model_copy(update={"action": action, "node_exec_id": awaited.node_exec_id}),
    ]
    await waits.recorder.record_controls(run, ended)
    found = await waits.review(run, opened.node_exec_id)
    untouched = await waits.review(run, other.node_exec_id)
    assert found is not None
    assert untouched is not None
    assert untouched.status is ReviewStatus.WAITING
    if action is ControlAction.RETRY_NODE:
        assert found.status is ReviewStatus.WAITING
        assert len(await waits.waiting(run)) == 1
    else:
        assert (found.status, found.decided_by, found.reviewed_at) == ("REJECTED", "ann", at(7))
        assert await waits.waiting(run) == []


def moved(id: str, node_exec_id: NodeExecId, seconds: float) -> ControlRecord:
    return ControlRecord(
        id=id,
        action=ControlAction.EXTEND_DEADLINE,
        at=at(1),
        node_exec_id=node_exec_id,
        details={"until": at(seconds).isoformat()},
    )


async def test_a_moved_deadline_is_shown_and_an_older_one_does_not_come_back(waits: Waits, run: RunIdentity) -> None:
    asked, decided, awaited = review(), review(), event()
    for opened in (asked, decided):
        await waits.recorder.open_review(run, opened)
    await waits.recorder.open_event(run, awaited)
    await waits.recorder.end_wait(decided.node_exec_id, 0, APPROVED)
    first = [moved(f"{n}", wait.node_exec_id, 300) for n, wait in enumerate((asked, decided, awaited))]
    second = [moved("4", asked.node_exec_id, 200), moved("5", awaited.node_exec_id, 400)]
    for controls in (first, second, first):
        await waits.recorder.record_controls(run, controls)
    found, untouched = await waits.review(run, asked.node_exec_id), await waits.review(run, decided.node_exec_id)
    assert found is not None
    assert untouched is not None
    assert (found.expires_at, untouched.expires_at) == (at(200), None)
    assert [wait.expires_at for wait in await waits.waiting(run)] == [at(400)]


PHASES = (
    RunPhase(number=1, status="REVIEW", reason="reviews"),
    RunPhase(number=2, status="RUNNING", paused_at=at(7)),
    RunPhase(number=3, status="REVIEW", reason="failed_nodes"),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_latest_phase_is_shown_in_whatever_order_they_come(
    waits: Waits, run: RunIdentity, order: tuple[int, ...]
) -> None:
    for number in (*order, *order):
        await waits.recorder.record_phase(run, PHASES[number])
    assert await waits.phase(run) == ("REVIEW", "failed_nodes", None)


async def test_pause_is_shown_and_taken_back(waits: Waits, run: RunIdentity) -> None:
    await waits.recorder.record_phase(run, RunPhase(number=1, status="RUNNING", paused_at=at(7)))
    assert await waits.phase(run) == ("RUNNING", None, at(7))
    await waits.recorder.record_phase(run, RunPhase(number=2, status="RUNNING"))
    assert await waits.phase(run) == ("RUNNING", None, None)


async def test_phase_of_an_ended_run_changes_nothing(waits: Waits, run: RunIdentity) -> None:
    await waits.recorder.record_phase(run, RunPhase(number=1, status="RUNNING", paused_at=at(7)))
    await waits.end(run, COMPLETED)
    await waits.recorder.record_phase(run, RunPhase(number=9, status="REVIEW", reason="reviews"))
    assert await waits.phase(run) == ("COMPLETED", None, None)


# --- what only Postgres does -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message"), [(TERMINATED, "Execution was stopped by user"), (COMPLETED, "Execution has ended")]
)
async def test_closing_a_run_ends_its_waits_and_no_others(
    migrated_database: Database, run: RunIdentity, status: ExecutionStatus, message: str
) -> None:
    waits, neighbour = OnPostgres(migrated_database), identity()
    await waits.begin(run)
    open_one, decided, other = review(), review(), review()
    awaited, other_event = event(), event()
    for owner, wait in ((run, open_one), (run, decided), (neighbour, other)):
        await waits.recorder.open_review(owner, wait)
    await waits.recorder.open_event(run, awaited)
    await waits.recorder.open_event(neighbour, other_event)
    await waits.recorder.end_wait(decided.node_exec_id, 0, APPROVED)
    for _ in range(2):
        await waits.end(run, status)

    ended = await waits.review(run, open_one.node_exec_id)
    assert ended is not None
    assert (ended.status, ended.review_message, ended.reviewed_at) == ("REJECTED", message, at(100))
    kept = await waits.review(run, decided.node_exec_id)
    assert kept is not None
    assert (kept.status, kept.review_message) == ("APPROVED", "Fine")
    untouched = await waits.review(neighbour, other.node_exec_id)
    assert untouched is not None
    assert untouched.status is ReviewStatus.WAITING
    assert await waits.by_token(awaited.token_hash) is None
    assert await waits.by_token(other_event.token_hash) is not None


async def test_no_wait_outlives_a_run_that_is_closed_meanwhile(migrated_database: Database) -> None:
    waits = OnPostgres(migrated_database)

    async def race() -> Review | None:
        run, opened = identity(), review()
        await waits.begin(run)
        await asyncio.gather(waits.end(run, TERMINATED), waits.recorder.open_review(run, opened))
        return await waits.review(run, opened.node_exec_id)

    for found in [await race() for _ in range(20)]:
        assert found is None or found.status is ReviewStatus.REJECTED


async def test_the_control_that_ended_a_run_is_kept_with_its_end(migrated_database: Database, run: RunIdentity) -> None:
    recorder, waits = PostgresExecutionRecorder(migrated_database), OnPostgres(migrated_database)
    stopped = ControlRecord(id="s", action=ControlAction.STOP, at=at(3), requested_by="ann")
    closing = CloseExecutionInput(
        run=run, opening=RunOpening(created_at=T0), status=TERMINATED, ended_at=at(9), controls=(stopped,)
    )
    for _ in range(2):
        await recorder.close_execution(closing, RecordedOutputs())
    assert await waits.controls(run) == [stopped]


async def test_a_moved_deadline_is_shown_with_the_node(migrated_database: Database, run: RunIdentity) -> None:
    recorder, waits = PostgresExecutionRecorder(migrated_database), OnPostgres(migrated_database)
    waiting = NodeRecord(
        node_exec_id=NodeExecId(new_id()),
        node_id=NodeId("n"),
        block_id=BlockId("b"),
        firing=0,
        status=ExecutionStatus.RUNNING,
        started_at=T0,
        wait=WaitShown(kind="timer", until=at(50), name="paid"),
    )
    busy = waiting.model_copy(update={"node_exec_id": NodeExecId(new_id()), "wait": None})
    await recorder.record_nodes(run, [waiting, busy])
    await waits.recorder.record_controls(run, [moved("a", waiting.node_exec_id, 500), moved("b", busy.node_exec_id, 9)])
    async with UnitsOfWork(migrated_database)() as unit:
        found = [await unit.executions.find_node(run.graph_exec_id, record.node_exec_id) for record in (waiting, busy)]
    assert found == [
        waiting.model_copy(update={"wait": WaitShown(kind="timer", until=at(500), name="paid")}),
        busy,
    ]
