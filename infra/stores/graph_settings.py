"""SQL for the settings of graphs."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.graph_settings import GraphSettings, GraphSettingsChange
from models.ids import GraphId, UserId
from models.tables.graph_settings import GraphSettingsRow


class SqlGraphSettingsStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, user_id: UserId, graph_id: GraphId) -> GraphSettings:
        row = await self._session.scalar(
            select(GraphSettingsRow)
            .where(col(GraphSettingsRow.user_id) == user_id, col(GraphSettingsRow.graph_id) == graph_id)
            .execution_options(populate_existing=True)
        )
        return GraphSettings() if row is None else GraphSettings.model_validate(row.model_dump())

    async def change(self, user_id: UserId, graph_id: GraphId, change: GraphSettingsChange) -> GraphSettings:
        changes = change.model_dump(exclude_none=True)
        if changes:
            await self._session.execute(
                insert(GraphSettingsRow)
                .values(user_id=user_id, graph_id=graph_id, **{**GraphSettings().model_dump(), **changes})
                .on_conflict_do_update(index_elements=["user_id", "graph_id"], set_=changes)
            )
        return await self.get(user_id, graph_id)
