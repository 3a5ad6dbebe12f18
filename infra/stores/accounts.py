"""SQL for accounts that are kept here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Select, Text, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.users import change_user, to_user
from models.identity import MailPurpose, MailToken, PasswordAccount, RefreshToken
from models.ids import UserId
from models.tables.user import MailTokenRow, PasswordRow, RefreshTokenRow, UserPreferencesRow, UserRow
from models.users import User

_USER_COLUMNS = (
    "id",
    "email",
    "name",
    "role",
    "timezone",
    "key_id",
    "status",
    "local",
    "token_version",
    "email_verified_at",
    "created_at",
    "updated_at",
    "last_login_at",
)


class SqlAccountStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_by_email(self, email: str) -> PasswordAccount | None:
        return await self._find(_accounts().where(func.lower(UserRow.email) == email.lower()))

    async def find(self, user_id: UserId) -> PasswordAccount | None:
        return await self._find(_accounts().where(col(UserRow.id) == user_id))

    async def hold(self, user_id: UserId) -> User | None:
        # Rows that only refer to the user are not held up.
        same = select(UserRow).where(col(UserRow.id) == user_id).with_for_update(key_share=True)
        row = (await self._session.scalars(same.execution_options(populate_existing=True))).one_or_none()
        return to_user(row) if row else None

    async def _find(self, statement: "Select[UserRow, str]") -> PasswordAccount | None:
        row = (await self._session.execute(statement.execution_options(populate_existing=True))).one_or_none()
        return PasswordAccount(user=to_user(row[0]), password_hash=row[1]) if row else None

    async def create(self, user: User, *, password_hash: str | None) -> bool:
        # One statement whether or not the address is free, so that neither takes longer.
        made = (
            insert(UserRow)
            .values({**user.model_dump(include=set(_USER_COLUMNS)), "status": user.status.value, "local": True})
            .on_conflict_do_nothing()
            .returning(col(UserRow.id))
            .cte("made")
        )
        if password_hash is None:
            statement = select(made.c.id)
        else:
            source = select(
                made.c.id, literal(password_hash, Text()), literal(user.created_at, DateTime(timezone=True))
            )
            statement = (
                insert(PasswordRow)
                .from_select(["user_id", "hash", "changed_at"], source)
                .returning(col(PasswordRow.user_id))
            )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def set_password(self, user_id: UserId, password_hash: str, *, now: datetime) -> User:
        user = await self.raise_token_version(user_id, now=now)
        values = {"hash": password_hash, "changed_at": now}
        await self._session.execute(
            insert(PasswordRow)
            .values(user_id=user_id, **values)
            .on_conflict_do_update(index_elements=["user_id"], set_=values)
        )
        return user

    async def rehash_password(self, user_id: UserId, *, old: str, new: str) -> None:
        same = (col(PasswordRow.user_id) == user_id, col(PasswordRow.hash) == old)
        await self._session.execute(update(PasswordRow).where(*same).values(hash=new))

    async def raise_token_version(self, user_id: UserId, *, now: datetime) -> User:
        return await change_user(self._session, user_id, {"token_version": col(UserRow.token_version) + 1}, now=now)

    async def set_email(self, user_id: UserId, email: str, *, now: datetime) -> bool:
        statement = (
            update(UserRow)
            .where(col(UserRow.id) == user_id)
            .values(email=email, email_verified_at=now, updated_at=now)
            .execution_options(synchronize_session=False)
        )
        try:
            async with self._session.begin_nested():
                await self._session.execute(statement)
        except IntegrityError:
            return False
        return True

    async def mark_login(self, user_id: UserId, *, now: datetime) -> None:
        await self._session.execute(
            update(UserRow)
            .where(col(UserRow.id) == user_id)
            .values(last_login_at=now)
            .execution_options(synchronize_session=False)
        )


class SqlRefreshTokenStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, token: RefreshToken) -> None:
        expired = (col(RefreshTokenRow.user_id) == token.user_id, col(RefreshTokenRow.expires_at) < token.created_at)
        await self._session.execute(delete(RefreshTokenRow).where(*expired))
        values = {name: getattr(token, name) for name in RefreshToken.__slots__}
        await self._session.execute(insert(RefreshTokenRow).values(values))

    async def find_owner(self, token_hash: str) -> UserId | None:
        owner = select(col(RefreshTokenRow.user_id)).where(col(RefreshTokenRow.hash) == token_hash)
        found = await self._session.scalar(owner)
        return None if found is None else UserId(found)

    async def lock(self, token_hash: str) -> RefreshToken | None:
        statement = select(RefreshTokenRow).where(col(RefreshTokenRow.hash) == token_hash).with_for_update()
        row = (await self._session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
        return RefreshToken(**row.model_dump()) if row else None

    async def mark_used(self, token_hash: str, *, now: datetime) -> None:
        await self._session.execute(
            update(RefreshTokenRow).where(col(RefreshTokenRow.hash) == token_hash).values(used_at=now)
        )

    async def revoke_family(self, family_id: str, *, now: datetime) -> None:
        await self._revoke(col(RefreshTokenRow.family_id) == family_id, now)

    async def revoke_all(self, user_id: UserId, *, now: datetime) -> None:
        await self._revoke(col(RefreshTokenRow.user_id) == user_id, now)

    async def _revoke(self, which: Any, now: datetime) -> None:
        open_ones = (which, col(RefreshTokenRow.revoked_at).is_(None))
        await self._session.execute(update(RefreshTokenRow).where(*open_ones).values(revoked_at=now))


class SqlMailTokenStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace(self, token: MailToken) -> None:
        same = (col(MailTokenRow.user_id) == token.user_id, col(MailTokenRow.purpose) == token.purpose.value)
        await self._session.execute(delete(MailTokenRow).where(*same))
        values = {name: getattr(token, name) for name in MailToken.__slots__}
        await self._session.execute(insert(MailTokenRow).values({**values, "purpose": token.purpose.value}))

    async def find_owner(self, token_hash: str) -> UserId | None:
        owner = select(col(MailTokenRow.user_id)).where(col(MailTokenRow.hash) == token_hash)
        found = await self._session.scalar(owner)
        return None if found is None else UserId(found)

    async def take(self, token_hash: str, purpose: MailPurpose, *, now: datetime) -> MailToken | None:
        statement = (
            delete(MailTokenRow)
            .where(
                col(MailTokenRow.hash) == token_hash,
                col(MailTokenRow.purpose) == purpose.value,
                col(MailTokenRow.expires_at) > now,
            )
            .returning(MailTokenRow)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return _mail_token(row) if row else None

    async def delete_all(self, user_id: UserId) -> None:
        await self._session.execute(delete(MailTokenRow).where(col(MailTokenRow.user_id) == user_id))


class SqlPreferenceStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, user_id: UserId) -> Mapping[str, Any]:
        row = await self._session.get(UserPreferencesRow, user_id)
        return row.values if row else {}

    async def merge(self, user_id: UserId, values: Mapping[str, Any]) -> Mapping[str, Any]:
        given = insert(UserPreferencesRow).values({"user_id": user_id, "values": dict(values)})
        merged = col(UserPreferencesRow.values).op("||")(given.excluded["values"])
        statement = given.on_conflict_do_update(index_elements=["user_id"], set_={"values": merged})
        return (await self._session.execute(statement.returning(col(UserPreferencesRow.values)))).scalar_one()


def _mail_token(row: MailTokenRow) -> MailToken:
    values: dict[str, Any] = {**row.model_dump(), "purpose": MailPurpose(row.purpose)}
    return MailToken(**values)


def _accounts() -> "Select[UserRow, str]":
    return (
        select(UserRow, col(PasswordRow.hash))
        .outerjoin(PasswordRow, col(PasswordRow.user_id) == col(UserRow.id))
        .where(col(UserRow.local))
    )
