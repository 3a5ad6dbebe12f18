"""The write side of the execution projection. Every statement is an upsert that never goes back in status."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from infra.postgres import Database
from infra.stores.wait_recorder import close_waits
from models.execution import ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.execution_records import NodeCursor
from models.ids import NodeExecId
from models.tables.execution import ExecutionClaimRow, GraphExecutionRow, NodeExecutionRow
from models.values import Value, Values
from models.waits import WaitShown
from models.wire import CloseExecutionInput, NodeRecord, RunIdentity, RunOpening

_runs = GraphExecutionRow.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
_nodes = NodeExecutionRow.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
_claims = ExecutionClaimRow.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

_NODE_IDENTITY = ("id", "graph_exec_id", "user_id", "graph_id", "graph_version", "node_id", "block_id", "firing")
_ENDED_BY_ITSELF = (ExecutionStatus.COMPLETED.value, ExecutionStatus.FAILED.value)


class PostgresExecutionRecorder:
    """The port ExecutionRecorder on Postgres; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_execution(self, run: RunIdentity, opening: RunOpening) -> None:
        async with self._database.transaction() as session:
            await _open(session, run, opening)

    async def record_nodes(
        self, run: RunIdentity, records: Sequence[NodeRecord], *, opening: RunOpening | None = None
    ) -> None:
        if opening is not None:
            await self.open_execution(run, opening)
        if records:
            # Every row stands alone and may be written again, so the common single row needs no transaction around it.
            async with self._database.single_statement() as connection:
                await connection.execute(_UPSERT_NODE, [_row(run, record) for record in records])

    async def list_output_values(
        self, run: RunIdentity, node_ids: Sequence[str], *, after: NodeCursor | None = None, limit: int | None = None
    ) -> Sequence[NodeRecord]:
        query = (
            select(NodeExecutionRow)
            .where(
                _nodes.c.graph_exec_id == run.graph_exec_id,
                _nodes.c.node_id.in_(node_ids),
                _nodes.c.status.in_(_ENDED_BY_ITSELF),
            )
            .order_by(_nodes.c.route_seq, _nodes.c.id)
            .limit(limit)
        )
        if after is not None:
            place = tuple_(_nodes.c.route_seq, _nodes.c.id)
            query = query.where(place > tuple_(after.route_seq, after.node_exec_id))
        async with self._database.transaction() as session:
            rows = (await session.scalars(query)).all()
        return [_record(row) for row in rows]

    async def find_ended(self, node_exec_id: NodeExecId, generation: int) -> NodeRecord | None:
        query = select(NodeExecutionRow).where(
            _nodes.c.id == node_exec_id, _nodes.c.generation == generation, _nodes.c.status.in_(_ENDED_BY_ITSELF)
        )
        async with self._database.transaction() as session:
            row = (await session.scalars(query)).one_or_none()
        return None if row is None else _record(row)

    async def close_execution(self, closing: CloseExecutionInput, outputs: RecordedOutputs) -> None:
        run = closing.run
        final = {
            "status": closing.status.value,
            "status_rank": closing.status.rank,
            "ended_at": closing.ended_at,
            "error": closing.error,
            "error_code": closing.error_code,
            "stats": closing.stats.model_dump(mode="json"),
            "outputs": outputs.model_dump(mode="json", exclude_unset=True),
            "paused_at": None,
            "status_reason": None,
        }
        async with self._database.transaction() as session:
            await _open(session, run, closing.opening)
            await session.execute(
                update(_runs)
                .where(_runs.c.id == run.graph_exec_id, _runs.c.status_rank < closing.status.rank)
                .values(**final)
            )
            await session.execute(
                update(_nodes)
                .where(
                    _nodes.c.graph_exec_id == run.graph_exec_id,
                    _nodes.c.status_rank < ExecutionStatus.TERMINATED.rank,
                )
                .values(
                    status=ExecutionStatus.TERMINATED.value,
                    status_rank=ExecutionStatus.TERMINATED.rank,
                    ended_at=closing.ended_at,
                    wait=None,
                )
            )
            await close_waits(session, run.graph_exec_id, closing.status, at=closing.ended_at)

    async def claim(
        self, run: RunIdentity, node_exec_id: NodeExecId, generation: int, attempt: int, *, at: datetime
    ) -> bool:
        insertion = insert(_claims).values(
            node_exec_id=node_exec_id,
            generation=generation,
            graph_exec_id=run.graph_exec_id,
            attempt=attempt,
            claimed_at=at,
        )
        new = insertion.excluded
        # A claim of the same attempt is one whose commit was not answered: it may be made again.
        is_same = and_(_claims.c.attempt == new.attempt, _claims.c.claimed_at == new.claimed_at)
        statement = insertion.on_conflict_do_update(
            index_elements=["node_exec_id", "generation"], set_={"attempt": new.attempt}, where=is_same
        ).returning(_claims.c.attempt)
        async with self._database.transaction() as session:
            return (await session.execute(statement)).first() is not None

    async def release_claim(self, node_exec_id: NodeExecId, generation: int) -> None:
        statement = _claims.delete().where(_claims.c.node_exec_id == node_exec_id, _claims.c.generation == generation)
        async with self._database.transaction() as session:
            await session.execute(statement)


async def _open(session: AsyncSession, run: RunIdentity, opening: RunOpening) -> None:
    status = ExecutionStatus.QUEUED if opening.started_at is None else ExecutionStatus.RUNNING
    row = {
        "id": run.graph_exec_id,
        "user_id": run.user_id,
        "graph_id": run.graph_id,
        "graph_version": run.graph_version,
        "status": status.value,
        "status_rank": status.rank,
        "inputs": dump_values(opening.inputs),
        "trigger": opening.trigger,
        "preset_id": opening.preset_id,
        "parent_graph_exec_id": opening.parent_graph_exec_id,
        "created_at": opening.created_at,
        "started_at": opening.started_at,
    }
    await session.execute(_OPEN_RUN, [row])


def _open_run() -> Insert:
    """Makes the row of a run, or moves it on to RUNNING. Built once, so that its SQL is compiled once."""
    statement = insert(_runs)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_={"status": new.status, "status_rank": new.status_rank, "started_at": new.started_at},
        where=_runs.c.status_rank < new.status_rank,
    )


def _upsert_node() -> Insert:
    """Writes one row, unless what is there is newer. Built once, so that its SQL is compiled once."""
    columns = [column.name for column in _nodes.columns]
    statement = insert(_nodes)
    new = statement.excluded
    changes: dict[str, Any] = {name: getattr(new, name) for name in columns if name not in _NODE_IDENTITY}
    # A record that the workflow makes knows neither attempt nor inputs nor start, nor what was emitted before a wait:
    # it must not erase them.
    is_same_generation = new.generation == _nodes.c.generation
    highest = func.greatest(new.attempt, _nodes.c.attempt)
    changes["attempt"] = case((is_same_generation, highest), else_=new.attempt)
    changes["inputs"] = func.coalesce(func.nullif(new.inputs, func.jsonb_build_object()), _nodes.c.inputs)
    for name in ("queued_at", "started_at"):
        changes[name] = func.coalesce(getattr(new, name), _nodes.c[name])
    keeps_outputs = and_(is_same_generation, new.started_at.is_(None), new.outputs == func.jsonb_build_array())
    changes["outputs"] = case((keeps_outputs, _nodes.c.outputs), else_=new.outputs)
    return statement.on_conflict_do_update(index_elements=["id"], set_=changes, where=_is_newer(new))


def _is_newer(new: Any) -> ColumnElement[bool]:
    """A later generation, or the same with a later attempt or status.

    Within a generation an end is replaced by the end of a later attempt only: of two attempts that ran at once, because
    one was taken for dead, Temporal took the later one's answer. Ends made by the workflow (they have no start) close
    what is open, whatever its attempt. A wait begins within the attempt that has announced itself; what the workflow
    says of one changes it, but begins none: the node execution may have gone on.
    """
    ended = ExecutionStatus.COMPLETED.rank
    is_open = _nodes.c.status_rank < ended
    ends = new.status_rank >= ended
    later_attempt = and_(new.attempt > _nodes.c.attempt, or_(is_open, ends))
    same_attempt = and_(new.attempt == _nodes.c.attempt, is_open, new.status_rank > _nodes.c.status_rank)
    by_workflow = and_(new.started_at.is_(None), is_open, ends)
    its_own = and_(new.attempt == _nodes.c.attempt, new.started_at.is_not(None))
    waits = and_(
        new.wait.is_not(None),
        is_open,
        new.status_rank >= _nodes.c.status_rank,
        or_(its_own, and_(new.started_at.is_(None), _nodes.c.wait.is_not(None))),
    )
    same_generation = new.generation == _nodes.c.generation
    return or_(
        new.generation > _nodes.c.generation,
        and_(same_generation, or_(later_attempt, same_attempt, by_workflow, waits)),
    )


_UPSERT_NODE: Final = _upsert_node()
_OPEN_RUN: Final = _open_run()


def _row(run: RunIdentity, record: NodeRecord) -> dict[str, Any]:
    return {
        "id": record.node_exec_id,
        "graph_exec_id": run.graph_exec_id,
        "user_id": run.user_id,
        "graph_id": run.graph_id,
        "graph_version": run.graph_version,
        "node_id": record.node_id,
        "block_id": record.block_id,
        "firing": record.firing,
        "generation": record.generation,
        "attempt": record.attempt,
        "status": record.status.value,
        "status_rank": record.status.rank,
        "route_seq": record.route_seq,
        "inputs": dump_values(record.inputs),
        "outputs": [[pin, value.model_dump(mode="json", exclude_unset=True)] for pin, value in record.outputs],
        "error": record.error,
        "error_code": record.error_code,
        "queued_at": record.queued_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "execution_time": record.execution_time,
        "wait": None if record.wait is None or record.status.is_terminal else record.wait.model_dump(mode="json"),
        "pinned": record.pinned,
    }


def dump_values(values: Values) -> dict[str, Any]:
    return {name: value.model_dump(mode="json", exclude_unset=True) for name, value in values.items()}


def _record(row: NodeExecutionRow) -> NodeRecord:
    return NodeRecord(
        node_exec_id=NodeExecId(row.id),
        node_id=row.node_id,  # pyright: ignore[reportArgumentType]
        block_id=row.block_id,  # pyright: ignore[reportArgumentType]
        firing=row.firing,
        generation=row.generation,
        attempt=row.attempt,
        status=ExecutionStatus(row.status),
        route_seq=row.route_seq,
        inputs={pin: Value.model_validate(value) for pin, value in row.inputs.items()},
        outputs=tuple((pin, Value.model_validate(value)) for pin, value in row.outputs),
        error=row.error,
        error_code=row.error_code,
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        execution_time=row.execution_time,
        wait=None if row.wait is None else WaitShown.model_validate(row.wait),
        pinned=row.pinned,
    )
