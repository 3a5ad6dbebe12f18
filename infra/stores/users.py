"""SQL for users."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.errors import NotFoundError
from models.ids import UserId
from models.tables.user import UserRow
from models.users import User, UserClaims, new_owner_key_id


class SqlUserStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, user_id: UserId) -> User | None:
        row = await self._session.get(UserRow, user_id)
        return _user(row) if row else None

    async def find_by_email(self, email: str) -> User | None:
        same = select(UserRow).where(func.lower(UserRow.email) == email.lower())
        row = await self._session.scalar(same.order_by(col(UserRow.created_at), col(UserRow.id)).limit(1))
        return _user(row) if row else None

    async def ensure(self, claims: UserClaims, *, now: datetime) -> User:
        known = await self._session.get(UserRow, claims.id)
        if known is None:
            return await self._create(claims, now=now)
        changes: dict[str, object] = {}
        if known.role != claims.role:
            changes["role"] = claims.role
        if claims.last_sign_in_at and (known.last_login_at is None or known.last_login_at < claims.last_sign_in_at):
            changes["last_login_at"] = claims.last_sign_in_at
        if not changes:
            return _user(known)
        return await self._change(claims.id, changes, now=now)

    async def _create(self, claims: UserClaims, *, now: datetime) -> User:
        values = {
            "id": claims.id,
            "email": claims.email,
            "name": claims.name,
            "role": claims.role,
            "timezone": "not-set",
            "key_id": new_owner_key_id(),
            "created_at": claims.created_at or now,
            "updated_at": now,
            "last_login_at": claims.last_sign_in_at,
        }
        # Another request with the same new token may be a moment ahead; then its row counts.
        await self._session.execute(insert(UserRow).values(values).on_conflict_do_nothing(index_elements=["id"]))
        row = await self._session.get_one(UserRow, claims.id)
        return _user(row)

    async def update(
        self, user_id: UserId, *, now: datetime, name: str | None, email: str | None, timezone: str | None
    ) -> User:
        given = {"name": name, "email": email, "timezone": timezone}
        return await self._change(user_id, {k: v for k, v in given.items() if v is not None}, now=now)

    async def _change(self, user_id: UserId, changes: dict[str, object], *, now: datetime) -> User:
        statement = (
            update(UserRow)
            .where(col(UserRow.id) == user_id)
            .values({**changes, "updated_at": now})
            .returning(UserRow)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFoundError(f"User {user_id!r} does not exist.")
        return _user(row)


def _user(row: UserRow) -> User:
    return User.model_validate(row.model_dump())
