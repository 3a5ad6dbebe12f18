"""SQL for rows that executions of one node collect within a run."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from infra.postgres import Database
from models.errors import ValueTooLargeError
from models.ids import GraphExecId, NodeExecId, NodeId
from models.json_values import dump_json, normalise_json
from models.tables.collected_rows import CollectedRowsRow
from models.values import VALUE_LIMIT_BYTES

_table = CollectedRowsRow.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


class PostgresRowBuffer:
    """The port RowBuffer. Each call is one transaction, and those of one node in a run follow one another.

    Args:
        limit_bytes: of the JSON of all rows that wait; they have to fit into one value in the end.
    """

    def __init__(self, database: Database, *, limit_bytes: int = VALUE_LIMIT_BYTES) -> None:
        self._database = database
        self._limit_bytes = limit_bytes

    async def add(
        self,
        rows: Sequence[Any],
        *,
        graph_exec_id: GraphExecId,
        node_id: NodeId,
        node_exec_id: NodeExecId,
        enough: int,
    ) -> Sequence[Any] | None:
        """As the port says; ValueTooLargeError if all waiting rows together take too much."""
        plain = normalise_json(rows)
        own = {"graph_exec_id": graph_exec_id, "node_id": node_id, "node_exec_id": node_exec_id}
        of_node = and_(_table.c.graph_exec_id == graph_exec_id, _table.c.node_id == node_id)
        taken = and_(of_node, _table.c.taken_by == node_exec_id)
        waiting = and_(of_node, _table.c.taken_by.is_(None))
        async with self._database.transaction() as session:
            await _lock(session, graph_exec_id, node_id)
            earlier = await _load(session, taken)
            if earlier is not None:
                return earlier
            new = {**own, "rows": plain, "row_count": len(plain), "size_bytes": len(dump_json(plain))}
            await session.execute(insert(_table).values(new).on_conflict_do_nothing())
            totals = select(func.sum(_table.c.row_count), func.sum(_table.c.size_bytes)).where(waiting)
            count, size = (await session.execute(totals)).one()
            if (size or 0) > self._limit_bytes:
                raise ValueTooLargeError(
                    f"The collected rows take {size} bytes; the limit is {self._limit_bytes}. Collect fewer at once."
                )
            if count is None or count < enough:
                return None
            await session.execute(update(_table).where(waiting).values(taken_by=node_exec_id))
            return await _load(session, taken)


async def _lock(session: AsyncSession, graph_exec_id: GraphExecId, node_id: NodeId) -> None:
    """Until the end of the transaction."""
    name = f"collected_rows {graph_exec_id} {node_id}"
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


async def _load(session: AsyncSession, condition: Any) -> list[Any] | None:
    parts = list(await session.scalars(select(_table.c.rows).where(condition).order_by(_table.c.position)))
    # Postgres gives large floats back as integers that no JSON reader keeps exact.
    return normalise_json(list(chain.from_iterable(parts))) if parts else None
