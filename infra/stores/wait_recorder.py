"""The projection of waits: reviews, awaited events, what people did to a run, and whether it goes on without them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from infra.postgres import Database
from models.controls import ControlAction, ControlRecord, RunPhase
from models.execution import ExecutionStatus
from models.ids import GraphExecId, NodeExecId
from models.reviews import AwaitedEventStatus, OpenEvent, OpenReview, ReviewStatus
from models.tables.awaited_event import AwaitedEventRow
from models.tables.execution import GraphExecutionRow, NodeExecutionRow
from models.tables.execution_control import ExecutionControlRow
from models.tables.review import ReviewRow
from models.waits import Resolution
from models.wire import RunIdentity

_runs: Table = GraphExecutionRow.__table__  # pyright: ignore[reportAttributeAccessIssue]
_nodes: Table = NodeExecutionRow.__table__  # pyright: ignore[reportAttributeAccessIssue]
_reviews: Table = ReviewRow.__table__  # pyright: ignore[reportAttributeAccessIssue]
_events: Table = AwaitedEventRow.__table__  # pyright: ignore[reportAttributeAccessIssue]
_controls: Table = ExecutionControlRow.__table__  # pyright: ignore[reportAttributeAccessIssue]

STOPPED: Final = "Execution was stopped by user"
ENDED: Final = "Execution has ended"
EXPIRED: Final = "Nobody decided in time"

_REPLACED: Final = {
    ControlAction.SKIP_NODE: "The node was skipped",
    ControlAction.SET_OUTPUT: "The outputs of the node were set",
}
"""An operator has decided for the node instead of what it waited for."""

_ENDED_RANK: Final = ExecutionStatus.TERMINATED.rank


class PostgresWaitRecorder:
    """The port WaitRecorder on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_review(self, run: RunIdentity, review: OpenReview) -> None:
        row = {
            **_identity(run, review.node_exec_id, review.generation, review.node_id),
            "graph_id": run.graph_id,
            "graph_version": run.graph_version,
            "payload": review.payload.model_dump(mode="json", exclude_unset=True),
            "instructions": review.instructions,
            "editable": review.editable,
            "status": ReviewStatus.WAITING.value,
            "expires_at": review.expires_at,
            "created_at": review.at,
            "updated_at": review.at,
        }
        changing = ("payload", "instructions", "editable", "expires_at", "updated_at")
        await self._open(run, _reviews, row, changing=changing, waiting=ReviewStatus.WAITING)

    async def open_event(self, run: RunIdentity, event: OpenEvent) -> None:
        row = {
            **_identity(run, event.node_exec_id, event.generation, event.node_id),
            "name": event.name,
            "token_hash": event.token_hash,
            "schema": event.schema,
            "expires_at": event.expires_at,
            "status": AwaitedEventStatus.WAITING.value,
            "created_at": event.at,
        }
        changing = ("name", "token_hash", "schema", "expires_at")
        await self._open(run, _events, row, changing=changing, waiting=AwaitedEventStatus.WAITING)

    async def end_wait(self, node_exec_id: NodeExecId, generation: int, resolution: Resolution) -> None:
        at = func.now() if resolution.at is None else resolution.at
        decision = {
            "status": (ReviewStatus.APPROVED if resolution.kind == "approved" else ReviewStatus.REJECTED).value,
            "review_message": resolution.message or (EXPIRED if resolution.kind == "expired" else None),
            "reviewed_data": _dump_data(resolution),
            "was_edited": resolution.has_data,
            "decided_by": resolution.by or None,
            "updated_at": at,
            "reviewed_at": at,
        }
        end = {"status": _EVENT_ENDS.get(resolution.kind, AwaitedEventStatus.ENDED).value, "ended_at": at}
        async with self._database.transaction() as session:
            for table, values in ((_reviews, decision), (_events, end)):
                await session.execute(
                    update(table)
                    .where(
                        table.c.node_exec_id == node_exec_id,
                        table.c.generation == generation,
                        table.c.status == ReviewStatus.WAITING.value,
                    )
                    .values(**values)
                )

    async def record_controls(self, run: RunIdentity, controls: Sequence[ControlRecord]) -> None:
        async with self._database.transaction() as session:
            added = await _insert_controls(session, run, controls)
            for control in controls:
                if control.id in added and control.action in _REPLACED:
                    await _end_replaced(session, control)
                elif control.id in added and control.action is ControlAction.EXTEND_DEADLINE:
                    await _move_deadline(session, control)

    async def record_phase(self, run: RunIdentity, phase: RunPhase) -> None:
        status = ExecutionStatus(phase.status)
        async with self._database.transaction() as session:
            await session.execute(
                update(_runs)
                .where(
                    _runs.c.id == run.graph_exec_id,
                    _runs.c.status_rank < _ENDED_RANK,
                    _runs.c.phase < phase.number,
                )
                .values(
                    status=status.value,
                    status_rank=status.rank,
                    status_reason=phase.reason,
                    paused_at=phase.paused_at,
                    phase=phase.number,
                )
            )

    async def _open(
        self, run: RunIdentity, table: Table, row: Mapping[str, Any], *, changing: Sequence[str], waiting: str
    ) -> None:
        insertion = insert(table).values(**row)
        async with self._database.transaction() as session:
            # Whoever closes the run waits for this lock, and then ends the wait; afterwards none may begin.
            status_rank = await session.scalar(
                select(_runs.c.status_rank).where(_runs.c.id == run.graph_exec_id).with_for_update(read=True)
            )
            if status_rank is not None and status_rank >= _ENDED_RANK:
                return
            await session.execute(
                insertion.on_conflict_do_update(
                    index_elements=["node_exec_id", "generation"],
                    set_={name: insertion.excluded[name] for name in changing},
                    where=table.c.status == waiting,
                )
            )


_EVENT_ENDS: Final = {"event": AwaitedEventStatus.DELIVERED, "expired": AwaitedEventStatus.EXPIRED}


async def close_waits(
    session: AsyncSession, graph_exec_id: GraphExecId, status: ExecutionStatus, *, at: datetime
) -> None:
    """Ends what a run that has ended still waits for."""
    await session.execute(
        update(_reviews)
        .where(_reviews.c.graph_exec_id == graph_exec_id, _reviews.c.status == ReviewStatus.WAITING.value)
        .values(
            status=ReviewStatus.REJECTED.value,
            review_message=STOPPED if status is ExecutionStatus.TERMINATED else ENDED,
            was_edited=False,
            updated_at=at,
            reviewed_at=at,
        )
    )
    await session.execute(
        update(_events)
        .where(_events.c.graph_exec_id == graph_exec_id, _events.c.status == AwaitedEventStatus.WAITING.value)
        .values(status=AwaitedEventStatus.ENDED.value, ended_at=at)
    )


async def _end_replaced(session: AsyncSession, control: ControlRecord) -> None:
    """Ends what a node execution waits for that an operator has ended."""
    await session.execute(
        update(_reviews)
        .where(_reviews.c.node_exec_id == control.node_exec_id, _reviews.c.status == ReviewStatus.WAITING.value)
        .values(
            status=ReviewStatus.REJECTED.value,
            review_message=_REPLACED[control.action],
            was_edited=False,
            decided_by=control.requested_by or None,
            updated_at=control.at,
            reviewed_at=control.at,
        )
    )
    await session.execute(
        update(_events)
        .where(_events.c.node_exec_id == control.node_exec_id, _events.c.status == AwaitedEventStatus.WAITING.value)
        .values(status=AwaitedEventStatus.ENDED.value, ended_at=control.at)
    )


async def _move_deadline(session: AsyncSession, control: ControlRecord) -> None:
    """Shows the new end of what a node execution waits for; that of a run is its workflow's own."""
    until = control.details.get("until")
    if control.node_exec_id is None or not isinstance(until, str):
        return
    moved = func.jsonb_set(_nodes.c.wait, cast(["until"], ARRAY(Text)), func.to_jsonb(cast(until, Text)))
    await session.execute(
        update(_nodes).where(_nodes.c.id == control.node_exec_id, _nodes.c.wait.is_not(None)).values(wait=moved)
    )
    for table in (_reviews, _events):
        await session.execute(
            update(table)
            .where(table.c.node_exec_id == control.node_exec_id, table.c.status == ReviewStatus.WAITING.value)
            .values(expires_at=datetime.fromisoformat(until))
        )


async def _insert_controls(
    session: AsyncSession, run: RunIdentity, controls: Sequence[ControlRecord]
) -> frozenset[str]:
    """Keeps what people did to a run, and tells which of it is new; what is kept already stays as it is."""
    rows = [
        {
            "graph_exec_id": run.graph_exec_id,
            "id": control.id,
            "user_id": run.user_id,
            "action": control.action.value,
            "node_exec_id": control.node_exec_id,
            "requested_by": control.requested_by,
            "at": control.at,
            "details": control.model_dump(mode="json")["details"],
        }
        for control in controls
    ]
    if not rows:
        return frozenset()
    insertion = insert(_controls).on_conflict_do_nothing(index_elements=["graph_exec_id", "id"])
    return frozenset(await session.scalars(insertion.returning(_controls.c.id), rows))


def _identity(run: RunIdentity, node_exec_id: str, generation: int, node_id: str) -> dict[str, Any]:
    return {
        "node_exec_id": node_exec_id,
        "generation": generation,
        "graph_exec_id": run.graph_exec_id,
        "node_id": node_id,
        "user_id": run.user_id,
    }


def _dump_data(resolution: Resolution) -> dict[str, Any] | None:
    if not resolution.has_data or resolution.data is None:
        return None
    return resolution.data.model_dump(mode="json", exclude_unset=True)
