"""Whose credential it is: one statement outside of any transaction, because every request asks."""

from sqlalchemy import Executable, RowMapping, bindparam, select
from sqlmodel import col

from infra.postgres import Database
from infra.stores.api_keys import api_key_of
from models.api_keys import ApiKey
from models.ids import UserId
from models.tables.api_key import ApiKeyRow
from models.tables.user import UserRow
from models.users import User

_USER = UserRow.__table__  # pyright: ignore
_KEY = ApiKeyRow.__table__  # pyright: ignore
# Built once: building a statement takes longer than running it.
_FIND_USER = select(_USER).where(col(UserRow.id) == bindparam("user_id"))
_FIND_KEY = (
    select(
        *(column.label(f"user_{column.name}") for column in _USER.c),
        *(column.label(f"key_{column.name}") for column in _KEY.c),
    )
    .join_from(_KEY, _USER, col(ApiKeyRow.user_id) == col(UserRow.id))
    .where(col(ApiKeyRow.hash) == bindparam("hash"))
)


class SqlCredentialLookup:
    """The port CredentialLookup."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_user(self, user_id: UserId) -> User | None:
        row = await self._find(_FIND_USER, user_id=user_id)
        return None if row is None else User.model_validate(dict(row))

    async def find_key(self, key_hash: str) -> tuple[ApiKey, User] | None:
        row = await self._find(_FIND_KEY, hash=key_hash)
        if row is None:
            return None
        user = {column.name: row[f"user_{column.name}"] for column in _USER.c}
        key = {column.name: row[f"key_{column.name}"] for column in _KEY.c}
        return api_key_of(key), User.model_validate(user)

    async def _find(self, statement: Executable, **values: str) -> RowMapping | None:
        async with self._database.single_statement() as connection:
            return (await connection.execute(statement, values)).mappings().one_or_none()
