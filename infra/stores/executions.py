"""SQL for reading the projection of executions. The worker's writing side is `execution_recorder.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.execution_conditions import matching
from infra.stores.paging import read_page
from models.execution import TERMINAL_STATUSES, ExecutionStatus
from models.execution_query.conditions import ExecutionQuery
from models.execution_records import GraphExecutionRecord, NodeCursor
from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.pages import Page, PageRequest
from models.tables.execution import GraphExecutionRow, NodeExecutionRow
from models.values import Values
from models.wire import NodeRecord, RunIdentity, RunOpening


class SqlExecutionStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ensure_queued(
        self, run: RunIdentity, opening: RunOpening, *, masks: Mapping[NodeId, Values] | None = None
    ) -> None:
        queued = ExecutionStatus.QUEUED
        values: dict[str, Any] = {
            "id": run.graph_exec_id,
            "user_id": run.user_id,
            "graph_id": run.graph_id,
            "graph_version": run.graph_version,
            "status": queued.value,
            "status_rank": queued.rank,
            "inputs": _dump(opening.inputs),
            "nodes_input_masks": {node_id: _dump(pins) for node_id, pins in masks.items()} if masks else None,
            "trigger": opening.trigger,
            "preset_id": opening.preset_id,
            "parent_graph_exec_id": opening.parent_graph_exec_id,
            "created_at": opening.created_at,
        }
        statement = insert(GraphExecutionRow).values(values)
        if masks:
            # A worker that was faster has recorded the run without them: its input does not tell who set a mask.
            statement = statement.on_conflict_do_update(
                index_elements=["id"], set_={"nodes_input_masks": statement.excluded.nodes_input_masks}
            )
        else:
            statement = statement.on_conflict_do_nothing(index_elements=["id"])
        await self._session.execute(statement)

    async def find(self, user_id: UserId, graph_exec_id: GraphExecId) -> GraphExecutionRecord | None:
        statement = _present(user_id).where(col(GraphExecutionRow.id) == graph_exec_id)
        row = (await self._session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
        return _execution(row) if row else None

    async def was_deleted(self, user_id: UserId, graph_exec_id: GraphExecId) -> bool:
        same = (col(GraphExecutionRow.id) == graph_exec_id, col(GraphExecutionRow.user_id) == user_id)
        return bool(
            await self._session.scalar(
                select(func.count()).where(*same, col(GraphExecutionRow.deleted_at).is_not(None))
            )
        )

    async def list_of_user(
        self,
        user_id: UserId,
        page: PageRequest,
        *,
        graph_id: GraphId | None = None,
        query: ExecutionQuery | None = None,
    ) -> Page[GraphExecutionRecord]:
        wanted = _present(user_id)
        if graph_id is not None:
            wanted = wanted.where(col(GraphExecutionRow.graph_id) == graph_id)
        if query is not None:
            wanted = wanted.where(matching(query, user_id))
        newest_first = (col(GraphExecutionRow.created_at).desc(), col(GraphExecutionRow.id).desc())
        return await read_page(self._session, wanted, page, *newest_first, convert=_execution)

    async def list_open(self, user_id: UserId, graph_id: GraphId | None = None) -> Sequence[GraphExecId]:
        wanted = select(col(GraphExecutionRow.id)).where(
            col(GraphExecutionRow.user_id) == user_id,
            col(GraphExecutionRow.status).not_in([status.value for status in TERMINAL_STATUSES]),
        )
        if graph_id is not None:
            wanted = wanted.where(col(GraphExecutionRow.graph_id) == graph_id)
        ids = await self._session.scalars(wanted)
        return [GraphExecId(graph_exec_id) for graph_exec_id in ids]

    async def list_nodes(
        self, graph_exec_id: GraphExecId, *, after: NodeCursor | None, limit: int
    ) -> Sequence[NodeRecord]:
        statement = _nodes(graph_exec_id).limit(limit)
        if after is not None:
            place = tuple_(col(NodeExecutionRow.route_seq), col(NodeExecutionRow.id))
            statement = statement.where(place > tuple_(after.route_seq, after.node_exec_id))
        return [_node(row) for row in await self._session.scalars(statement)]

    async def list_nodes_of(self, graph_exec_id: GraphExecId, node_ids: Sequence[NodeId]) -> Sequence[NodeRecord]:
        statement = _nodes(graph_exec_id).where(col(NodeExecutionRow.node_id).in_(node_ids))
        return [_node(row) for row in await self._session.scalars(statement)]

    async def find_node(self, graph_exec_id: GraphExecId, node_exec_id: NodeExecId) -> NodeRecord | None:
        row = await self._session.scalar(_nodes(graph_exec_id).where(col(NodeExecutionRow.id) == node_exec_id))
        return None if row is None else _node(row)

    async def count_nodes(self, graph_exec_id: GraphExecId) -> int:
        statement = select(func.count()).where(col(NodeExecutionRow.graph_exec_id) == graph_exec_id)
        return await self._session.scalar(statement) or 0

    async def delete(self, user_id: UserId, graph_exec_id: GraphExecId, *, now: datetime) -> bool:
        hidden = await self._session.scalar(
            update(GraphExecutionRow)
            .where(
                col(GraphExecutionRow.id) == graph_exec_id,
                col(GraphExecutionRow.user_id) == user_id,
                col(GraphExecutionRow.deleted_at).is_(None),
            )
            .values(deleted_at=now)
            .returning(col(GraphExecutionRow.id))
        )
        return hidden is not None


def _present(user_id: UserId) -> Select[GraphExecutionRow]:
    return select(GraphExecutionRow).where(
        col(GraphExecutionRow.user_id) == user_id, col(GraphExecutionRow.deleted_at).is_(None)
    )


def _nodes(graph_exec_id: GraphExecId) -> Select[NodeExecutionRow]:
    return (
        select(NodeExecutionRow)
        .where(col(NodeExecutionRow.graph_exec_id) == graph_exec_id)
        .order_by(col(NodeExecutionRow.route_seq), col(NodeExecutionRow.id))
    )


def _dump(values: Values) -> dict[str, Any]:
    return {name: value.model_dump(mode="json") for name, value in values.items()}


def _execution(row: GraphExecutionRow) -> GraphExecutionRecord:
    return GraphExecutionRecord.model_validate(row.model_dump())


def _node(row: NodeExecutionRow) -> NodeRecord:
    return NodeRecord.model_validate({**row.model_dump(), "node_exec_id": row.id})
