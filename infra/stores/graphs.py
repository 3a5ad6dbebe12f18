"""SQL for graph versions, their nodes and links."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.paging import count_rows, read_page
from models.errors import PayloadTooLargeError
from models.graph import Graph, GraphSummary, Link, Node
from models.ids import GraphId, UserId
from models.pages import Page, PageRequest
from models.tables.graph import GraphRow, LinkRow, NodeRow

_VersionKey = tuple[str, int]

_VERSIONS_AT_ONCE: Final = 2
"""Each may have megabytes: how many are read before their size is looked at."""


class SqlGraphStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_version(self, graph: Graph) -> None:
        if graph.is_active:
            await self._session.execute(
                update(GraphRow)
                .where(col(GraphRow.id) == graph.id, col(GraphRow.user_id) == graph.user_id)
                .values(is_active=False)
            )
        await self._session.execute(insert(GraphRow).values(graph.model_dump(exclude={"nodes", "links"})))
        key = {"graph_id": graph.id, "graph_version": graph.version}
        nodes: list[dict[str, Any]] = [
            {**key, "ordinal": i, **node.model_dump(exclude={"metadata"}), "node_metadata": node.metadata}
            for i, node in enumerate(graph.nodes)
        ]
        links: list[dict[str, Any]] = [{**key, "ordinal": i, **link.model_dump()} for i, link in enumerate(graph.links)]
        if nodes:
            await self._session.execute(insert(NodeRow), nodes)
        if links:
            await self._session.execute(insert(LinkRow), links)

    async def find(self, user_id: UserId, graph_id: GraphId, *, version: int | None = None) -> Graph | None:
        statement = _present(user_id).where(col(GraphRow.id) == graph_id)
        if version is not None:
            statement = statement.where(col(GraphRow.version) == version)
        return await self._first(statement.order_by(col(GraphRow.version).desc()).limit(1))

    async def find_active(self, user_id: UserId, graph_id: GraphId) -> Graph | None:
        return await self._first(_present(user_id).where(col(GraphRow.id) == graph_id, col(GraphRow.is_active)))

    async def find_any(self, user_id: UserId, graph_id: GraphId, *, version: int) -> Graph | None:
        statement = select(GraphRow).where(
            col(GraphRow.user_id) == user_id, col(GraphRow.id) == graph_id, col(GraphRow.version) == version
        )
        return await self._first(statement)

    async def owns(self, user_id: UserId, graph_id: GraphId) -> bool:
        owned = select(GraphRow).where(col(GraphRow.user_id) == user_id, col(GraphRow.id) == graph_id)
        return bool(await self._session.scalar(select(owned.exists())))

    async def list_active(self, user_id: UserId, page: PageRequest) -> Page[GraphSummary]:
        wanted = _present(user_id).where(col(GraphRow.is_active))
        newest_first = (col(GraphRow.updated_at).desc(), col(GraphRow.id).desc())
        return await read_page(self._session, wanted, page, *newest_first, convert=_summary)

    async def list_versions(
        self, user_id: UserId, graph_id: GraphId, page: PageRequest, *, max_bytes: int
    ) -> Page[Graph]:
        wanted = _present(user_id).where(col(GraphRow.id) == graph_id)
        rows = await self._session.scalars(
            wanted.order_by(col(GraphRow.version).desc()).offset(page.offset).limit(page.page_size)
        )
        graphs: list[Graph] = []
        size = 0
        newest = rows.all()
        for start in range(0, len(newest), _VERSIONS_AT_ONCE):
            found = await self._with_parts(newest[start : start + _VERSIONS_AT_ONCE])
            size += sum(graph.stored_bytes for graph in found)
            graphs += found
            if size > max_bytes:
                raise PayloadTooLargeError(
                    f"These versions take more than the {max_bytes} bytes of one answer. Ask for smaller pages "
                    "(`page_size`), or for single versions."
                )
        return Page(items=tuple(graphs), total_items=await count_rows(self._session, wanted))

    async def lock_latest_version(self, user_id: UserId, graph_id: GraphId) -> int | None:
        versions = _present(user_id).where(col(GraphRow.id) == graph_id)
        # The lowest version always exists, so everyone who adds one queues at the same row.
        first = await self._session.scalar(versions.order_by(col(GraphRow.version)).limit(1).with_for_update())
        if first is None:
            return None
        return await self._session.scalar(select(func.max(GraphRow.version)).where(col(GraphRow.id) == graph_id))

    async def activate(self, user_id: UserId, graph_id: GraphId, version: int, *, now: datetime) -> bool:
        if await self.lock_latest_version(user_id, graph_id) is None:
            return False
        found = await self._session.scalar(
            _present(user_id).where(col(GraphRow.id) == graph_id, col(GraphRow.version) == version)
        )
        if found is None:
            return False
        versions = update(GraphRow).where(col(GraphRow.id) == graph_id)
        await self._session.execute(versions.where(col(GraphRow.version) != version).values(is_active=False))
        await self._session.execute(
            versions.where(col(GraphRow.version) == version).values(is_active=True, updated_at=now)
        )
        return True

    async def delete(self, user_id: UserId, graph_id: GraphId, *, now: datetime) -> int:
        versions = await self._session.scalars(
            update(GraphRow)
            .where(col(GraphRow.id) == graph_id, col(GraphRow.user_id) == user_id, col(GraphRow.deleted_at).is_(None))
            .values(deleted_at=now)
            .returning(col(GraphRow.version))
        )
        return len(versions.all())

    async def _first(self, statement: Select[GraphRow]) -> Graph | None:
        graphs = await self._with_parts(list((await self._session.scalars(statement)).all()))
        return graphs[0] if graphs else None

    async def _with_parts(self, rows: Iterable[GraphRow]) -> list[Graph]:
        """Graphs of rows, their nodes and links read in two statements for all."""
        rows = list(rows)
        keys: list[_VersionKey] = [(row.id, row.version) for row in rows]
        if not keys:
            return []
        nodes: dict[_VersionKey, list[Node]] = {key: [] for key in keys}
        links: dict[_VersionKey, list[Link]] = {key: [] for key in keys}
        for node in await self._session.scalars(
            select(NodeRow)
            .where(tuple_(col(NodeRow.graph_id), col(NodeRow.graph_version)).in_(keys))
            .order_by(col(NodeRow.ordinal))
        ):
            values = {**node.model_dump(exclude={"node_metadata"}), "metadata": node.node_metadata}
            nodes[node.graph_id, node.graph_version].append(Node.model_validate(values))
        for link in await self._session.scalars(
            select(LinkRow)
            .where(tuple_(col(LinkRow.graph_id), col(LinkRow.graph_version)).in_(keys))
            .order_by(col(LinkRow.ordinal))
        ):
            links[link.graph_id, link.graph_version].append(Link.model_validate(link.model_dump()))
        return [
            Graph.model_validate({**row.model_dump(), "nodes": nodes[key], "links": links[key]})
            for row, key in zip(rows, keys, strict=True)
        ]


def _present(user_id: UserId) -> Select[GraphRow]:
    return select(GraphRow).where(col(GraphRow.user_id) == user_id, col(GraphRow.deleted_at).is_(None))


def _summary(row: GraphRow) -> GraphSummary:
    return GraphSummary.model_validate(row.model_dump())
