"""Attempts of blocks that die at a chosen point, in this process: what they did before stays, then they do nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.execute_block import BlockActivities
from activities.recording import Recording
from models.errors import ServiceUnavailableError
from models.execution import ExecutionStatus
from models.ids import GraphExecId, NodeExecId, NodeId, OwnerKeyId
from models.ports import ExecutionRecorder, GraphRunner
from models.wire import ExecuteBlockInput, ExecuteBlockResult, NodeRecord, RunIdentity, RunOpening, StreamedOutputs
from services.worker.container import activity_set, build_worker, sandbox
from tests.engine import Engine
from tests.fakes import MemoryEventBus


class DiedError(Exception):
    """The process is gone, as far as anybody outside can tell."""


@dataclass
class Life:
    """One attempt. Each claim, batch and final record has a point before and one after it; the answer has one before.

    Attributes:
        dies_at: the number of the point, from 0; None if it lives.
        accepted: emissions that the execution has accepted from this attempt, counted from the first of all attempts.
        claimed: it has the node execution's claim.
        recorded: how the node execution ended, once that is recorded.
        lost_answers: batches, from 0, that are accepted but seem to fail.
    """

    dies_at: int | None = None
    lost_answers: frozenset[int] = frozenset()
    points: int = 0
    batches: int = 0
    accepted: int = 0
    claimed: bool = False
    recorded: ExecutionStatus | None = None
    death: asyncio.Event = field(default_factory=asyncio.Event)

    def go_on(self) -> None:
        """Raises DiedError at the point where this attempt dies, and ever after."""
        if not self.death.is_set():
            if self.points != self.dies_at:
                self.points += 1
                return
            self.death.set()
        raise DiedError


@dataclass
class Fate:
    """What happens to the attempts of one node, in their order; those after the last live."""

    lives: list[Life]
    had: list[Life] = field(default_factory=list[Life])

    def next(self) -> Life:
        life = self.lives[len(self.had)] if len(self.had) < len(self.lives) else Life()
        self.had.append(life)
        return life

    @property
    def accepted(self) -> int:
        return max(life.accepted for life in self.had)


_life: ContextVar[Life | None] = ContextVar("life", default=None)


def _go_on() -> None:
    life = _life.get()
    if life is not None:
        life.go_on()


class MortalRunner:
    """The part of the port GraphRunner that running blocks use."""

    def __init__(self, runner: GraphRunner) -> None:
        self._runner = runner

    async def send_outputs(
        self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, outputs: StreamedOutputs
    ) -> None:
        _go_on()
        await self._runner.send_outputs(graph_exec_id, owner_key_id=owner_key_id, outputs=outputs)
        life = _life.get()
        if life is not None:
            life.batches += 1
            life.accepted = outputs.first_seq + len(outputs.outputs)
            if life.batches - 1 in life.lost_answers:
                raise ServiceUnavailableError("No answer came.")
        _go_on()


class MortalRecorder:
    """The part of the port ExecutionRecorder that running blocks use."""

    def __init__(self, recorder: ExecutionRecorder) -> None:
        self._recorder = recorder

    async def record_nodes(
        self, run: RunIdentity, records: Sequence[NodeRecord], *, opening: RunOpening | None = None
    ) -> None:
        end = next((record.status for record in records if record.status.is_terminal), None)
        if end is not None:
            _go_on()
        await self._recorder.record_nodes(run, records, opening=opening)
        if end is not None:
            life = _life.get()
            if life is not None:
                life.recorded = end
            _go_on()

    async def find_ended(self, node_exec_id: NodeExecId, generation: int) -> NodeRecord | None:
        return await self._recorder.find_ended(node_exec_id, generation)

    async def claim(
        self, run: RunIdentity, node_exec_id: NodeExecId, generation: int, attempt: int, *, at: datetime
    ) -> bool:
        _go_on()
        has_claim = await self._recorder.claim(run, node_exec_id, generation, attempt, at=at)
        life = _life.get()
        if life is not None:
            life.claimed = has_claim
        _go_on()
        return has_claim

    async def release_claim(self, node_exec_id: NodeExecId, generation: int) -> None:
        _go_on()
        await self._recorder.release_claim(node_exec_id, generation)
        life = _life.get()
        if life is not None:
            life.claimed = False
        _go_on()


class MortalActivities(BlockActivities):
    """`fates` by (execution, node); nodes without one never die."""

    def __init__(self, real: BlockActivities) -> None:
        recorder: Any = MortalRecorder(real.recorder)
        runner: Any = MortalRunner(real.runner)
        super().__init__(
            blocks=real.blocks,
            values=real.values,
            recorder=recorder,
            recording=Recording(recorder, MemoryEventBus(), retry_for=timedelta(0)),
            credits=real.credits,
            clock=real.clock,
            services=real.services,
            waits=real.waits,
            runner=runner,
        )
        self.fates: dict[tuple[GraphExecId, NodeId], Fate] = {}

    @activity.defn(name="execute_block")
    async def execute_block(self, task: ExecuteBlockInput) -> ExecuteBlockResult:
        fate = self.fates.get((task.run.graph_exec_id, task.node_id))
        if fate is None:
            return await super().execute_block(task)
        life = fate.next()
        _life.set(life)
        attempt = asyncio.create_task(super().execute_block(task))
        death = asyncio.create_task(life.death.wait())
        try:
            await asyncio.wait({attempt, death}, return_when=asyncio.FIRST_COMPLETED)
            life.go_on()
        except DiedError:
            # As the last heartbeat of a process would have told.
            activity.heartbeat(*((life.accepted,) if life.accepted else ()))
            raise ApplicationError("The process has died.", type="died") from None
        finally:
            death.cancel()
            if not attempt.done():
                attempt.cancel()
            await asyncio.wait({attempt, death})
            if life.death.is_set() and not attempt.cancelled():
                attempt.exception()
        return attempt.result()


@asynccontextmanager
async def mortal_worker(engine: Engine) -> AsyncIterator[MortalActivities]:
    """A worker on the engine's task queue for as long as the context is open."""
    async with activity_set(engine.client, engine.settings, blocks=engine.blocks) as activities:
        mortal = MortalActivities(activities.blocks)
        async with build_worker(
            engine.client,
            replace(activities, blocks=mortal),
            task_queue=engine.task_queue,
            settings=engine.settings.worker,
            workflow_runner=sandbox(),
        ):
            yield mortal
