"""SQL for the setup of the first administrator."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.first_setup import FirstSetup
from models.tables.first_setup import FirstSetupRow
from models.tables.user import UserRow
from models.users import ROLE_ADMIN


class SqlFirstSetupStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def has_administrator(self) -> bool:
        found = select(col(UserRow.id)).where(func.lower(UserRow.role) == ROLE_ADMIN).limit(1)
        return await self._session.scalar(found) is not None

    async def ensure(self, salt: str, *, now: datetime) -> FirstSetup:
        await self._session.execute(
            insert(FirstSetupRow).values(id=1, salt=salt, created_at=now).on_conflict_do_nothing()
        )
        return _setup((await self._session.scalars(select(FirstSetupRow))).one())

    async def lock(self) -> FirstSetup | None:
        statement = select(FirstSetupRow).with_for_update().execution_options(populate_existing=True)
        row = (await self._session.scalars(statement)).one_or_none()
        return _setup(row) if row else None

    async def mark_used(self, *, now: datetime) -> None:
        await self._session.execute(update(FirstSetupRow).values(used_at=now))


def _setup(row: FirstSetupRow) -> FirstSetup:
    return FirstSetup(salt=row.salt, used_at=row.used_at)
