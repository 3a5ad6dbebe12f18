"""SQL for logins elsewhere that open accounts here."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.users import to_user
from models.ids import UserId
from models.tables.external_identity import ExternalIdentityRow
from models.tables.user import UserRow
from models.users import User


class SqlExternalIdentityStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_user(self, issuer: str, subject: str) -> User | None:
        statement = (
            select(UserRow)
            .join(ExternalIdentityRow, col(ExternalIdentityRow.user_id) == col(UserRow.id))
            .where(col(ExternalIdentityRow.issuer) == issuer, col(ExternalIdentityRow.subject) == subject)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return to_user(row) if row else None

    async def link(self, user_id: UserId, issuer: str, subject: str, *, now: datetime) -> bool:
        statement = (
            insert(ExternalIdentityRow)
            .values(issuer=issuer, subject=subject, user_id=user_id, created_at=now)
            .on_conflict_do_nothing()
            .returning(col(ExternalIdentityRow.user_id))
        )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def unlink_all(self, user_id: UserId) -> None:
        await self._session.execute(delete(ExternalIdentityRow).where(col(ExternalIdentityRow.user_id) == user_id))
