"""SQL for idempotency keys."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.errors import IdempotencyKeyReusedError
from models.ids import GraphExecId, UserId
from models.tables.execution import IdempotencyKeyRow


class SqlIdempotencyStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def reserve(
        self, user_id: UserId, key: str, *, body_sha256: str, graph_exec_id: GraphExecId, now: datetime
    ) -> None:
        values = {
            "user_id": user_id,
            "key": key,
            "body_sha256": body_sha256,
            "graph_exec_id": graph_exec_id,
            "created_at": now,
        }
        await self._session.execute(insert(IdempotencyKeyRow).values(values).on_conflict_do_nothing())
        if await self.find_digest(user_id, key) != body_sha256:
            raise IdempotencyKeyReusedError(
                f"Idempotency-Key {key!r} was used before with another request. Use a new key for a new request."
            )

    async def find_digest(self, user_id: UserId, key: str) -> str | None:
        return await self._session.scalar(
            select(col(IdempotencyKeyRow.body_sha256)).where(
                col(IdempotencyKeyRow.user_id) == user_id, col(IdempotencyKeyRow.key) == key
            )
        )
