"""The port WaitRecorder, in memory and on migrated Postgres: what has ended stays ended, in any order of calls."""

import asyncio
from typing import Any

import pytest

from infra.postgres import Database
from models.execution import ExecutionStatus
from models.ids import NodeExecId, new_id
from models.reviews import Review, ReviewStatus
from models.values import Value
from models.waits import Resolution
from models.wire import RunIdentity
from tests.contract.runs import at, identity
from tests.contract.waits import APPROVED, REJECTED, OnPostgres, Waits, event, review

TERMINATED, COMPLETED = ExecutionStatus.TERMINATED, ExecutionStatus.COMPLETED

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
