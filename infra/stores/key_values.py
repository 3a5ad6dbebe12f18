"""SQL for what blocks keep beyond a run."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from infra.postgres import Database
from models.ids import UserId
from models.json_values import normalise_json
from models.ports import Clock
from models.tables.key_value import KeyValueRow

_rows = KeyValueRow.__table__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


class PostgresKeyValueStore:
    """The port KeyValueStore; each call is one statement."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, user_id: UserId, key: str) -> Any:
        query = select(_rows.c.value).where(_rows.c.user_id == user_id, _rows.c.key == key)
        async with self._database.single_statement() as connection:
            return await connection.scalar(query)

    async def put(self, user_id: UserId, key: str, value: Any) -> None:
        fresh = {"value": normalise_json(value), "updated_at": self._clock.now()}
        statement = insert(KeyValueRow).values(user_id=user_id, key=key, **fresh)
        async with self._database.single_statement() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["user_id", "key"], set_=fresh))
