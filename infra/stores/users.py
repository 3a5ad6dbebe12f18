"""SQL for users."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Table, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from infra.stores.all_tables import import_all_tables
from infra.stores.paging import read_page
from models.errors import NotFoundError
from models.identity import ErasedUserError
from models.ids import UserId
from models.pages import Page, PageRequest
from models.tables.erased_user import ErasedUserRow
from models.tables.execution import GraphExecutionRow, NodeExecutionRow
from models.tables.graph import GraphRow
from models.tables.user import UserRow
from models.users import User, UserClaims, UserStatus, new_owner_key_id

_KEPT_ON_ERASURE: Final = "kept_on_erasure"
"""`Table.info` of tables whose rows outlive their user, such as records of who did what."""

_FOUND_BY_RUN: Final = frozenset({NodeExecutionRow.__tablename__})
"""Tables that are too long to look for a user in: they have no index for it, and no row without its run."""


def erasable_tables() -> Sequence[Table]:
    """Every table whose rows go with their user, those that refer to others first."""
    import_all_tables()
    return [table for table in reversed(SQLModel.metadata.sorted_tables) if not table.info.get(_KEPT_ON_ERASURE)]


def has_user(table: Table) -> bool:
    """Whether rows of a user are found by the user."""
    return "user_id" in table.c and table.name not in _FOUND_BY_RUN


class SqlUserStore:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, user_id: UserId) -> User | None:
        row = await self._session.get(UserRow, user_id)
        return to_user(row) if row else None

    async def find_by_email(self, email: str) -> User | None:
        same = select(UserRow).where(func.lower(UserRow.email) == email.lower())
        row = await self._session.scalar(same.order_by(col(UserRow.created_at), col(UserRow.id)).limit(1))
        return to_user(row) if row else None

    async def ensure(self, claims: UserClaims, *, now: datetime) -> User:
        known = await self._session.get(UserRow, claims.id)
        if known is None:
            return await self._create(claims, now=now)
        changes: dict[str, object] = {}
        if known.role != claims.role and not known.local:
            changes["role"] = claims.role
        if claims.last_sign_in_at and (known.last_login_at is None or known.last_login_at < claims.last_sign_in_at):
            changes["last_login_at"] = claims.last_sign_in_at
        if not changes:
            return to_user(known)
        return await change_user(self._session, claims.id, changes, now=now)

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
        # Asked afterwards, because the insertion waits for the end of an erasure that is under way.
        erased_at = await self._session.scalar(
            select(func.max(ErasedUserRow.erased_at)).where(col(ErasedUserRow.user_id) == claims.id)
        )
        if erased_at is not None:
            if claims.issued_at is None or claims.issued_at <= erased_at:
                raise ErasedUserError("Token has expired")
            return await change_user(self._session, claims.id, {"tokens_not_before": erased_at}, now=now)
        row = await self._session.get_one(UserRow, claims.id)
        return to_user(row)

    async def update(
        self, user_id: UserId, *, now: datetime, name: str | None, email: str | None, timezone: str | None
    ) -> User:
        given = {"name": name, "email": email, "timezone": timezone}
        return await change_user(self._session, user_id, {k: v for k, v in given.items() if v is not None}, now=now)

    async def list_users(
        self, page: PageRequest, *, search: str | None = None, status: UserStatus | None = None
    ) -> Page[User]:
        wanted = select(UserRow)
        if status is not None:
            wanted = wanted.where(col(UserRow.status) == status.value)
        if search:
            columns = (UserRow.id, UserRow.email, UserRow.name)
            wanted = wanted.where(or_(*(col(column).icontains(search, autoescape=True) for column in columns)))
        newest_first = (col(UserRow.created_at).desc(), col(UserRow.id).desc())
        return await read_page(self._session, wanted, page, *newest_first, convert=to_user)

    async def set_status(self, user_id: UserId, status: UserStatus, *, now: datetime) -> User:
        return await change_user(self._session, user_id, {"status": status.value}, now=now)

    async def erase(self, user_id: UserId) -> Sequence[str]:
        runs = select(col(GraphExecutionRow.id)).where(col(GraphExecutionRow.user_id) == user_id)
        graphs = select(col(GraphRow.id)).where(col(GraphRow.user_id) == user_id)
        # As everybody who changes what is theirs: the user first.
        await self._session.execute(
            select(col(UserRow.id)).where(col(UserRow.id) == user_id).with_for_update(key_share=True)
        )
        run_ids = (await self._session.scalars(runs)).all()
        tables = erasable_tables()
        # Rows that are found only through a run or a graph go first, while that still tells whose they are.
        for table in tables:
            if not has_user(table) and "graph_exec_id" in table.c:
                await self._session.execute(delete(table).where(table.c.graph_exec_id.in_(runs)))
            elif not has_user(table) and "graph_id" in table.c:
                await self._session.execute(delete(table).where(table.c.graph_id.in_(graphs)))
        for table in filter(has_user, tables):
            await self._session.execute(delete(table).where(table.c.user_id == user_id))
        await self._session.execute(delete(UserRow).where(col(UserRow.id) == user_id))
        return run_ids


async def change_user(session: AsyncSession, user_id: UserId, changes: Mapping[str, object], *, now: datetime) -> User:
    """Raises NotFoundError."""
    statement = (
        update(UserRow)
        .where(col(UserRow.id) == user_id)
        .values({**changes, "updated_at": now})
        .returning(UserRow)
        .execution_options(populate_existing=True)
    )
    row = (await session.scalars(statement)).one_or_none()
    if row is None:
        raise NotFoundError(f"User {user_id!r} does not exist.")
    return to_user(row)


def to_user(row: UserRow) -> User:
    return User.model_validate(row.model_dump())
