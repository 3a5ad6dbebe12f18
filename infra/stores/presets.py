"""SQL for presets."""

from datetime import datetime

from sqlalchemy import Update, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.paging import read_page
from models.ids import GraphId, PresetId, UserId
from models.pages import Page, PageRequest
from models.presets import Preset, PresetChange
from models.tables.preset import PresetRow


class SqlPresetStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, preset: Preset) -> None:
        await self._session.execute(insert(PresetRow).values(preset.model_dump()))

    async def find(self, user_id: UserId, preset_id: PresetId) -> Preset | None:
        statement = select(PresetRow).where(
            col(PresetRow.id) == preset_id, col(PresetRow.user_id) == user_id, col(PresetRow.deleted_at).is_(None)
        )
        row = (await self._session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
        return _preset(row) if row else None

    async def list_of_user(
        self, user_id: UserId, page: PageRequest, *, graph_id: GraphId | None = None
    ) -> Page[Preset]:
        wanted = select(PresetRow).where(col(PresetRow.user_id) == user_id, col(PresetRow.deleted_at).is_(None))
        if graph_id is not None:
            wanted = wanted.where(col(PresetRow.graph_id) == graph_id)
        newest_first = (col(PresetRow.updated_at).desc(), col(PresetRow.id).desc())
        return await read_page(self._session, wanted, page, *newest_first, convert=_preset)

    async def update(
        self, user_id: UserId, preset_id: PresetId, change: PresetChange, *, now: datetime
    ) -> Preset | None:
        values = change.model_dump(exclude_none=True) | {"updated_at": now}
        statement = _change(user_id, preset_id).values(values).returning(PresetRow)
        row = (await self._session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
        return _preset(row) if row else None

    async def delete(self, user_id: UserId, preset_id: PresetId, *, now: datetime) -> bool:
        statement = _change(user_id, preset_id).values(deleted_at=now).returning(col(PresetRow.id))
        return await self._session.scalar(statement) is not None


def _change(user_id: UserId, preset_id: PresetId) -> Update:
    return update(PresetRow).where(
        col(PresetRow.id) == preset_id, col(PresetRow.user_id) == user_id, col(PresetRow.deleted_at).is_(None)
    )


def _preset(row: PresetRow) -> Preset:
    return Preset.model_validate(row.model_dump())
