"""SQL for API keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.api_keys import ApiKey, ApiKeyStatus, Permission
from models.errors import NotFoundError
from models.ids import ApiKeyId, UserId
from models.tables.api_key import ApiKeyRow

_KNOWN_PERMISSIONS = frozenset(Permission)


class SqlApiKeyStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_by_hash(self, key_hash: str) -> ApiKey | None:
        row = (await self._session.scalars(select(ApiKeyRow).where(col(ApiKeyRow.hash) == key_hash))).one_or_none()
        return _api_key(row) if row else None

    async def ensure(self, key: ApiKey) -> None:
        values = {**key.model_dump(exclude={"permissions"}), "permissions": sorted(key.permissions)}
        kept = ("id", "hash", "created_at", "last_used_at")
        statement = insert(ApiKeyRow).values(values)
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=["hash"], set_={name: value for name, value in values.items() if name not in kept}
            )
        )

    async def touch(self, key_id: ApiKeyId, *, now: datetime) -> None:
        await self._session.execute(update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id).values(last_used_at=now))

    async def list_of_user(self, user_id: UserId) -> Sequence[ApiKey]:
        statement = (
            select(ApiKeyRow)
            .where(col(ApiKeyRow.user_id) == user_id)
            .order_by(col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id).desc())
        )
        return [_api_key(row) for row in await self._session.scalars(statement)]

    async def set_status(self, user_id: UserId, key_id: ApiKeyId, status: ApiKeyStatus, *, now: datetime) -> ApiKey:
        revoked_at = now if status is ApiKeyStatus.REVOKED else None
        return await self._change(user_id, key_id, {"status": status.value, "revoked_at": revoked_at})

    async def set_permissions(self, user_id: UserId, key_id: ApiKeyId, permissions: frozenset[Permission]) -> ApiKey:
        return await self._change(user_id, key_id, {"permissions": sorted(permissions)})

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
            raise NotFoundError(f"API key #{key_id} not found.")
        return _api_key(row)


def _api_key(row: ApiKeyRow) -> ApiKey:
    # A permission that a newer release granted means nothing to this one.
    permissions = _KNOWN_PERMISSIONS.intersection(row.permissions)
    return ApiKey.model_validate({**row.model_dump(), "permissions": permissions})
