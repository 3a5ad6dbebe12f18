"""SQL for API keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from infra.stores.paging import read_page
from models.api_keys import ApiKey, ApiKeyStatus, Permission
from models.errors import NotFoundError
from models.ids import ApiKeyId, UserId
from models.pages import Page, PageRequest
from models.tables.api_key import ApiKeyRow
from models.tables.user import UserRow

_KNOWN_PERMISSIONS = frozenset(Permission)


class SqlApiKeyStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ensure(self, key: ApiKey) -> None:
        values = {**key.model_dump(exclude={"permissions"}), "permissions": sorted(key.permissions)}
        kept = ("id", "hash", "created_at", "last_used_at")
        statement = insert(ApiKeyRow).values(values)
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["hash"], set_={name: value for name, value in values.items() if name not in kept}
            )
        )

    async def touch(self, key: ApiKey, *, now: datetime) -> None:
        # Of requests that use a key at the same time the first one writes; the others find its write and none to do.
        unchanged = col(ApiKeyRow.last_used_at).is_not_distinct_from(key.last_used_at)
        await self._session.execute(
            update(ApiKeyRow).where(col(ApiKeyRow.id) == key.id, unchanged).values(last_used_at=now)
        )

    async def get(self, user_id: UserId, key_id: ApiKeyId, *, for_update: bool = False) -> ApiKey:
        statement = select(ApiKeyRow).where(col(ApiKeyRow.id) == key_id, col(ApiKeyRow.user_id) == user_id)
        if for_update:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise _missing(key_id)
        return to_api_key(row)

    async def list_of_user(self, user_id: UserId, page: PageRequest) -> Page[ApiKey]:
        mine = select(ApiKeyRow).where(col(ApiKeyRow.user_id) == user_id)
        newest_first = (col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id).desc())
        return await read_page(self._session, mine, page, *newest_first, convert=to_api_key)

    async def lock_active_count(self, user_id: UserId) -> int:
        # Everyone who adds a key of this user queues at the user's row; rows that only refer to it are not held up.
        await self._session.execute(
            select(col(UserRow.id)).where(col(UserRow.id) == user_id).with_for_update(key_share=True)
        )
        active = select(func.count()).where(
            col(ApiKeyRow.user_id) == user_id, col(ApiKeyRow.status) == ApiKeyStatus.ACTIVE.value
        )
        return await self._session.scalar(active) or 0

    async def set_status(self, user_id: UserId, key_id: ApiKeyId, status: ApiKeyStatus, *, now: datetime) -> ApiKey:
        revoked_at = now if status is ApiKeyStatus.REVOKED else None
        return await self._change(user_id, key_id, {"status": status.value, "revoked_at": revoked_at})

    async def revoke_all(self, user_id: UserId, *, now: datetime) -> None:
        open_ones = (col(ApiKeyRow.user_id) == user_id, col(ApiKeyRow.status) != ApiKeyStatus.REVOKED.value)
        revoked = {"status": ApiKeyStatus.REVOKED.value, "revoked_at": now}
        await self._session.execute(update(ApiKeyRow).where(*open_ones).values(revoked))

    async def set_permissions(self, user_id: UserId, key_id: ApiKeyId, permissions: frozenset[Permission]) -> ApiKey:
        return await self._change(user_id, key_id, {"permissions": sorted(permissions)})

    async def describe(self, user_id: UserId, key_id: ApiKeyId, *, name: str, description: str | None) -> ApiKey:
        return await self._change(user_id, key_id, {"name": name, "description": description})

    async def _change(self, user_id: UserId, key_id: ApiKeyId, changes: dict[str, object]) -> ApiKey:
        statement = (
            update(ApiKeyRow)
            .where(col(ApiKeyRow.id) == key_id, col(ApiKeyRow.user_id) == user_id)
            .values(changes)
            .returning(ApiKeyRow)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise _missing(key_id)
        return to_api_key(row)


def _missing(key_id: ApiKeyId) -> NotFoundError:
    return NotFoundError(f"API key #{key_id} not found or access denied.")


def to_api_key(row: ApiKeyRow) -> ApiKey:
    return api_key_of(row.model_dump())


def api_key_of(columns: Mapping[str, Any]) -> ApiKey:
    """The key in the columns of its row, by name."""
    # A permission that a newer release granted means nothing to this one.
    permissions = _KNOWN_PERMISSIONS.intersection(columns["permissions"])
    return ApiKey.model_validate({**columns, "permissions": permissions})
