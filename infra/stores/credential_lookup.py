"""Whose credential it is: one statement outside of any transaction, because every request asks."""

from sqlalchemy import select
from sqlmodel import col

from infra.postgres import Database
from infra.stores.api_keys import to_api_key
from infra.stores.users import to_user
from models.api_keys import ApiKey
from models.ids import UserId
from models.tables.api_key import ApiKeyRow
from models.tables.user import UserRow
from models.users import User

_USERS = UserRow.__tablename__
_USER = UserRow.__table__  # pyright: ignore
_KEY = ApiKeyRow.__table__  # pyright: ignore


class SqlCredentialLookup:
    """The port CredentialLookup."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_user(self, user_id: UserId) -> User | None:
        async with self._database.single_statement() as connection:
            row = (await connection.execute(select(_USER).where(col(UserRow.id) == user_id))).mappings().one_or_none()
        return to_user(UserRow(**row)) if row else None

    async def find_key(self, key_hash: str) -> tuple[ApiKey, User] | None:
        both = select(
            *(column.label(f"user_{column.name}") for column in _USER.c),
            *(column.label(f"key_{column.name}") for column in _KEY.c),
        ).join_from(_KEY, _USER, col(ApiKeyRow.user_id) == col(UserRow.id))
        async with self._database.single_statement() as connection:
            row = (await connection.execute(both.where(col(ApiKeyRow.hash) == key_hash))).mappings().one_or_none()
        if row is None:
            return None
        user = {column.name: row[f"user_{column.name}"] for column in _USER.c}
        key = {column.name: row[f"key_{column.name}"] for column in _KEY.c}
        return to_api_key(ApiKeyRow(**key)), to_user(UserRow(**user))
