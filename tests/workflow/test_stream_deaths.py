"""Attempts of streaming blocks die at every possible point: each value comes once and in order."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from activities.blocks.registry import BlockRegistry
from models.blocks import BlockContext, Emission
from models.execution import ExecutionStatus
from models.ids import NodeId, new_id
from tests.builders import make_graph, make_link, make_node, make_run
from tests.engine import OWNER, Engine
from tests.mortal_attempts import Fate, Life, MortalActivities, mortal_worker
from tests.sample_blocks import OnceStreamBlock, StreamBlock, StreamInput, sample_registry

Deaths = tuple[int, ...]
"""The point at which each attempt dies, in their order."""

BLOCKS = (StreamBlock.id, OnceStreamBlock.id)
COUNT = 120
"""Two full batches, and a rest that travels with the end."""

POINTS = 10
"""More than a first attempt has; a later one has some more. Behind the last point nothing dies."""


class NeverTheSameBlock(OnceStreamBlock):
    """Its values tell which attempt has emitted them."""

    id = "never_the_same"

    async def run(self, input: StreamInput, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(input.count):
            yield "out", [context.attempt, number]


@dataclass
class Told:
    """What had happened to the attempts, what came behind the stream, and the code of its error, if it failed."""

    fate: Fate
    values: list[Any]
    code: str | None


@asynccontextmanager
async def mortals(engine: Engine) -> AsyncIterator[tuple[Engine, MortalActivities]]:
    blocks = BlockRegistry([*sample_registry().all(), NeverTheSameBlock])
    own = replace(engine.on_task_queue(f"mortal-{new_id()}"), blocks=blocks)
    async with mortal_worker(own) as activities:
        yield own, activities


async def run(engine: Engine, activities: MortalActivities, block: str, lives: Sequence[Life]) -> Told:
    nodes = [
        make_node("stream", block, {"retry": {"initial_seconds": 0.01, "max_seconds": 0.01}}, count=COUNT),
        make_node("each", "echo"),
        make_node("error", "agent_output_block", name="error"),
    ]
    links = [make_link("stream.out", "each.value"), make_link("stream.error", "error.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    # A pinned node takes every value, and costs no activity.
    pinned = {"each": [("out", None)]}
    run = await make_run(graph, blocks=engine.blocks, values=engine.values, pinned=pinned)
    fate = activities.fates[run.run.graph_exec_id, NodeId("stream")] = Fate(list(lives))
    await engine.runner.start(run, owner_key_id=OWNER)
    handle = engine.handle(run)
    outcome = await engine.outcome(await asyncio.wait_for(handle.result(), 60))
    taken = [row.inputs["value"].inline for row in await engine.all_nodes(handle) if row.node_id == "each"]
    failed = outcome.result.stats.failed_nodes
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_error_count == len(failed) == len(outcome.outputs.get("error", []))
    return Told(fate, taken, failed[0].code if failed else None)


async def check(engine: Engine, activities: MortalActivities, block: str, deaths: Deaths) -> Told:
    told = await run(engine, activities, block, [Life(dies_at=point) for point in deaths])
    lives, where = told.fate.had, f"{block} dies at {deaths}"
    if told.code is None:
        assert told.values == list(range(COUNT)), where
        assert ExecutionStatus.COMPLETED in {life.recorded for life in lives}, where
    else:
        assert (block, told.code) == (OnceStreamBlock.id, "stream_interrupted"), where
        assert told.values == list(range(told.fate.accepted)), where
        assert any(life.claimed for life in lives[:-1]), f"{where}: nothing could have gone on"
    for earlier, later in itertools.pairwise(lives):
        may_begin = block == StreamBlock.id or not earlier.accepted
        assert may_begin or not later.batches, f"{where}: it has begun twice"
    return told


async def check_all(engine: Engine, cases: Sequence[tuple[str, Deaths]]) -> list[Told]:
    async with mortals(engine) as (own, activities):
        told: list[Told] = []
        for first in range(0, len(cases), 20):
            batch = cases[first : first + 20]
            told += await asyncio.gather(*(check(own, activities, block, deaths) for block, deaths in batch))
    return told


@pytest.mark.parametrize("block", BLOCKS)
async def test_an_attempt_dies_at_any_point(idle_engine: Engine, block: str) -> None:
    told = await check_all(idle_engine, [(block, (point,)) for point in range(POINTS)])
    died = [len(case.fate.had) == 2 for case in told]
    assert sorted(died, reverse=True) == died
    assert sum(died) == {StreamBlock.id: 7, OnceStreamBlock.id: 9}[block], "one point before and after each step"
    interrupted = [case.code is not None for case in told]
    assert sum(interrupted) == {StreamBlock.id: 0, OnceStreamBlock.id: 6}[block]


async def test_attempts_die_one_after_the_other(idle_engine: Engine) -> None:
    chance = random.Random(1)
    cases = [
        (block, tuple(chance.randrange(POINTS + 4) for _ in range(chance.randint(2, 5))))
        for block in BLOCKS
        for _ in range(20)
    ]
    await check_all(idle_engine, cases)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", BLOCKS)
async def test_two_attempts_die_at_any_two_points(idle_engine: Engine, block: str) -> None:
    await check_all(idle_engine, [(block, pair) for pair in itertools.product(range(POINTS), range(POINTS + 4))])


async def test_a_later_attempt_leaves_out_what_the_heartbeat_has_told(idle_engine: Engine) -> None:
    """It dies after its second batch; the one after it sends nothing more, and the rest comes with the end."""
    async with mortals(idle_engine) as (engine, activities):
        told = await run(engine, activities, StreamBlock.id, [Life(dies_at=4)])
    assert [life.accepted for life in told.fate.had] == [100, 0]
    assert told.values == list(range(COUNT))


@pytest.mark.parametrize("batch", [0, 1])
async def test_a_batch_that_arrives_but_seems_to_fail(idle_engine: Engine, batch: int) -> None:
    """What may be repeated is; a stream that may differ is not mixed with another one."""
    lost = [Life(lost_answers=frozenset({batch}))]
    async with mortals(idle_engine) as (engine, activities):
        replayed = await run(engine, activities, StreamBlock.id, list(lost))
        once = await run(engine, activities, NeverTheSameBlock.id, [Life(lost_answers=frozenset({batch}))])
    assert replayed.values == list(range(COUNT))
    assert len(replayed.fate.had) == 2
    assert once.code == "service_unavailable"
    assert len(once.fate.had) == 1
    assert once.values == [[1, number] for number in range(50 * (batch + 1))]
