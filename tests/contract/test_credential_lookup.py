"""Whose credential it is, and what it costs to ask: every request does."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event

from infra.postgres import Database
from infra.redis import connect
from infra.sessions import RedisSessionStore
from infra.settings import RedisSettings
from infra.stores.credential_lookup import SqlCredentialLookup
from infra.unit_of_work import UnitsOfWork
from models.api_keys import issue_api_key
from models.identity import new_secret
from models.ids import UserId, new_id
from models.sessions import SessionRules
from models.users import User, UserClaims, UserStatus
from tests.contract.test_session_store import BROWSER, HERE, NOW, a_session

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def a_user(database: Database) -> User:
    async with UnitsOfWork(database)() as unit:
        claims = UserClaims(id=UserId(new_id()), email="somebody@example.com", name="Somebody", role="admin")
        await unit.users.ensure(claims, now=AT)
        return await unit.users.set_status(claims.id, UserStatus.SUSPENDED, now=AT)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent to the server meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


async def test_a_user_is_found_in_one_statement(migrated_database: Database) -> None:
    user = await a_user(migrated_database)
    lookup = SqlCredentialLookup(migrated_database)
    with statements(migrated_database) as sent:
        assert await lookup.find_user(user.id) == user
    assert len(sent) == 1
    assert await lookup.find_user(UserId("nobody")) is None


async def test_a_key_and_its_user_are_found_in_one_statement(migrated_database: Database) -> None:
    user = await a_user(migrated_database)
    key, _ = issue_api_key(user_id=user.id, name="Key", now=AT)
    async with UnitsOfWork(migrated_database)() as unit:
        await unit.api_keys.ensure(key)
    lookup = SqlCredentialLookup(migrated_database)
    with statements(migrated_database) as sent:
        assert await lookup.find_key(key.hash) == (key, user)
    assert len(sent) == 1
    assert await lookup.find_key("0" * 64) is None


async def test_a_session_is_used_in_one_round_trip(redis_url: str) -> None:
    client = connect(RedisSettings(redis_url=SecretStr(redis_url)))
    store = RedisSessionStore(client, SessionRules())
    session_hash = new_secret()[1]
    await store.create(session_hash, a_session())
    await store.use(session_hash, address=HERE, user_agent=BROWSER, now=NOW)

    async def from_clients() -> int:
        stats = await client.info("commandstats")
        return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval", "script|load"))

    before = await from_clients()
    for _ in range(5):
        await store.use(session_hash, address="192.0.2.9", user_agent=BROWSER, now=NOW)
    assert await from_clients() - before == 5
    await client.aclose()
