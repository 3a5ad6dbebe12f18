"""The port ExecutionRecorder on migrated Postgres: of all attempts at a node execution one gets the claim."""

import asyncio

from infra.stores.execution_recorder import PostgresExecutionRecorder
from models.ids import NodeExecId, new_id
from models.wire import RunIdentity
from tests.contract.runs import T0, at


async def test_only_one_attempt_gets_the_claim(recorder: PostgresExecutionRecorder, run: RunIdentity) -> None:
    id = NodeExecId(new_id())
    answers = await asyncio.gather(*(recorder.claim(run, id, 0, attempt, at=at(attempt)) for attempt in range(1, 9)))
    assert sorted(answers) == [False] * 7 + [True]


async def test_claim_whose_answer_was_lost_may_be_repeated_by_the_same_attempt_only(
    recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    id = NodeExecId(new_id())
    assert [await recorder.claim(run, id, 0, 1, at=T0) for _ in range(3)] == [True] * 3
    assert not await recorder.claim(run, id, 0, 2, at=T0)
    assert not await recorder.claim(run, id, 0, 1, at=at(1)), "an attempt after a reset counts from 1 again"


async def test_claims_of_generations_and_executions_are_apart(
    recorder: PostgresExecutionRecorder, run: RunIdentity
) -> None:
    one, two = NodeExecId(new_id()), NodeExecId(new_id())
    assert [await recorder.claim(run, id, generation, 1, at=T0) for id in (one, two) for generation in (0, 1)] == [
        True
    ] * 4
    await recorder.release_claim(one, 0)
    assert await recorder.claim(run, one, 0, 2, at=at(2))
    assert not await recorder.claim(run, one, 1, 2, at=at(2))
    assert not await recorder.claim(run, two, 0, 2, at=at(2))


async def test_releasing_twice_or_nothing_is_no_trouble(recorder: PostgresExecutionRecorder, run: RunIdentity) -> None:
    for _ in range(2):
        await recorder.release_claim(NodeExecId(new_id()), 0)
