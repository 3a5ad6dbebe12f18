"""The port SessionStore: in memory, and on a real Valkey."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra.redis import connect
from infra.sessions import RedisSessionStore
from infra.settings import RedisSettings
from models.errors import ServiceUnavailableError
from models.identity import new_secret
from models.ids import UserId, new_id
from models.sessions import IssuePolicy, Session, SessionIssue, SessionProblem, SessionRules, SessionStore
from tests.memory_sessions import MemorySessionStore

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
HERE, BROWSER = "192.0.2.1", "Firefox"
OpenStore = Callable[[SessionRules], SessionStore]


@pytest_asyncio.fixture(params=["memory", "redis"])
async def open_store(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[OpenStore]:
    if request.param == "memory":
        yield MemorySessionStore
        return
    client = connect(RedisSettings(redis_url=SecretStr(redis_url)))
    yield lambda rules: RedisSessionStore(client, rules)
    await client.aclose()


@pytest.fixture
def store(open_store: OpenStore) -> SessionStore:
    return open_store(SessionRules())


def a_session(user_id: UserId | None = None, **changes: Any) -> Session:
    created = changes.pop("created_at", NOW)
    return Session(
        **{
            "id": new_id(),
            "user_id": user_id or UserId(new_id()),
            "address": HERE,
            "user_agent": BROWSER,
            "metadata": {"label": "Desk"},
            "token_version": 3,
            "created_at": created,
            "last_seen_at": created,
            "expires_at": created + HOUR,
            "absolute_expires_at": created + timedelta(days=30),
            **changes,
        }
    )


async def created(store: SessionStore, session: Session) -> str:
    session_hash = new_secret()[1]
    assert await store.create(session_hash, session) == []
    return session_hash


async def problem_of(store: SessionStore, session_hash: str, now: datetime) -> SessionProblem | None:
    return (await store.use(session_hash, address=HERE, user_agent=BROWSER, now=now)).problem


async def test_a_session_is_found_by_its_hash_alone(store: SessionStore) -> None:
    session = a_session()
    session_hash = await created(store, session)
    check = await store.use(session_hash, address=HERE, user_agent=BROWSER, now=NOW)
    assert (check.problem, check.issues, check.policy) == (None, (), None)
    assert check.session == session
    unknown = await store.use(new_secret()[1], address=HERE, user_agent=BROWSER, now=NOW)
    assert (unknown.session, unknown.problem) == (None, SessionProblem.NOT_FOUND)


async def test_every_use_puts_off_the_end_until_the_absolute_one(store: SessionStore) -> None:
    session_hash = await created(store, a_session(absolute_expires_at=NOW + timedelta(minutes=100)))
    for minutes in (50, 95):
        now = NOW + timedelta(minutes=minutes)
        check = await store.use(session_hash, address=HERE, user_agent=BROWSER, now=now)
        assert check.session is not None
        assert check.session.expires_at == min(now + HOUR, NOW + timedelta(minutes=100))
        assert check.session.last_seen_at == now
    assert await problem_of(store, session_hash, NOW + timedelta(minutes=100)) is SessionProblem.EXPIRED


async def test_an_unused_session_expires(store: SessionStore) -> None:
    session_hash = await created(store, a_session())
    assert await problem_of(store, session_hash, NOW + HOUR) is SessionProblem.EXPIRED
    assert await problem_of(store, session_hash, NOW + HOUR - timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("policy", "passes", "lives"),
    [(IssuePolicy.RECORD, True, True), (IssuePolicy.RE_LOGIN, False, True), (IssuePolicy.REVOKE, False, False)],
)
async def test_what_is_unusual_is_judged_by_its_policy(
    open_store: OpenStore, policy: IssuePolicy, passes: bool, lives: bool
) -> None:
    policies = {**SessionRules().policies, SessionIssue.IP_CHANGE: policy}
    store = open_store(SessionRules(policies=policies))
    session = a_session()
    session_hash = await created(store, session)
    check = await store.use(session_hash, address="192.0.2.2", user_agent=BROWSER, now=NOW)
    assert (check.issues, check.policy) == ((SessionIssue.IP_CHANGE,), policy)
    assert check.session is not None
    assert [noted.issue for noted in check.session.issues] == [SessionIssue.IP_CHANGE]
    listed = await store.list_of_user(session.user_id, now=NOW)
    assert [found.id for found in listed] == ([session.id] if lives else [])
    if lives:
        assert listed[0].address == ("192.0.2.2" if passes else HERE)
        assert [noted.issue for noted in listed[0].issues] == [SessionIssue.IP_CHANGE]


async def test_an_issue_that_comes_back_is_news_once_in_ten_minutes(store: SessionStore) -> None:
    session_hash = await created(store, a_session())

    async def news(agent: str, address: str, minutes: int) -> set[SessionIssue]:
        now = NOW + timedelta(minutes=minutes)
        check = await store.use(session_hash, address=address, user_agent=agent, now=now)
        assert SessionIssue.USER_AGENT_CHANGE in check.issues
        return set(check.news)

    assert await news("Chrome", HERE, 0) == {SessionIssue.USER_AGENT_CHANGE}
    assert await news("Chrome", HERE, 1) == set()
    assert await news("Opera", "192.0.2.2", 2) == {SessionIssue.IP_CHANGE}
    assert await news("Chrome", HERE, 9) == set()
    assert await news("Chrome", HERE, 10) == {SessionIssue.USER_AGENT_CHANGE}
    assert await news("Chrome", HERE, 11) == set()


async def test_the_strictest_policy_counts(open_store: OpenStore) -> None:
    store = open_store(SessionRules())
    session_hash = await created(store, a_session())
    check = await store.use(session_hash, address="192.0.2.2", user_agent="Chrome", now=NOW)
    assert set(check.issues) == {SessionIssue.IP_CHANGE, SessionIssue.USER_AGENT_CHANGE}
    assert check.policy is IssuePolicy.RE_LOGIN


async def test_an_abnormal_frequency_is_noted_once_a_minute(open_store: OpenStore) -> None:
    store = open_store(SessionRules(max_requests_per_minute=3))
    session_hash = await created(store, a_session())

    async def uses(count: int, now: datetime) -> list[int]:
        checks = [await store.use(session_hash, address=HERE, user_agent=BROWSER, now=now) for _ in range(count)]
        return [place for place, check in enumerate(checks, start=1) if check.issues]

    assert await uses(6, NOW) == [4]
    assert await uses(6, NOW + timedelta(minutes=1)) == [4]


async def test_a_further_session_ends_the_oldest_one_of_the_user(open_store: OpenStore) -> None:
    store = open_store(SessionRules(max_per_user=2))
    user_id, stranger = UserId(new_id()), a_session()
    await store.create(new_secret()[1], stranger)
    sessions = [a_session(user_id, created_at=NOW + timedelta(seconds=number)) for number in range(3)]
    gone = [list(await store.create(new_secret()[1], session)) for session in sessions]
    assert gone == [[], [], [sessions[0].id]]
    assert [s.id for s in await store.list_of_user(user_id, now=NOW)] == [sessions[2].id, sessions[1].id]
    assert len(await store.list_of_user(stranger.user_id, now=NOW)) == 1


async def test_a_user_ends_their_own_sessions_only(store: SessionStore) -> None:
    user_id, stranger = UserId(new_id()), a_session()
    foreign = await created(store, stranger)
    mine = [a_session(user_id, created_at=NOW + timedelta(seconds=number)) for number in range(4)]
    hashes = [await created(store, session) for session in mine]
    assert not await store.revoke(user_id, stranger.id)
    assert not await store.revoke(user_id, "")
    assert await store.revoke(user_id, mine[0].id)
    assert not await store.revoke(user_id, mine[0].id)
    await store.forget(hashes[1])
    assert await store.revoke_all(user_id, but=mine[2].id) == 1
    assert [await problem_of(store, session_hash, NOW) is None for session_hash in hashes] == [
        False,
        False,
        True,
        False,
    ]
    assert await store.revoke_all(user_id) == 1
    assert await problem_of(store, foreign, NOW) is None


async def test_damaged_sessions_do_not_count(redis_url: str) -> None:
    client = connect(RedisSettings(redis_url=SecretStr(redis_url)))
    store = RedisSessionStore(client, SessionRules())
    user_id = UserId(new_id())
    hashes = [await created(store, a_session(user_id)) for _ in range(2)]
    await client.hdel(f"session:{hashes[0]}", "data")
    await client.hset(f"session:{hashes[1]}", "data", "{")
    assert [await problem_of(store, session_hash, NOW) for session_hash in hashes] == [SessionProblem.INVALID] * 2
    assert await store.list_of_user(user_id, now=NOW) == []
    assert await store.revoke_all(user_id) == 2
    await client.aclose()


async def test_keys_expire_with_their_sessions(redis_url: str) -> None:
    client = connect(RedisSettings(redis_url=SecretStr(redis_url)))
    store = RedisSessionStore(client, SessionRules())
    session = a_session()
    session_hash = await created(store, session)
    assert 0 < await client.ttl(f"session:{session_hash}") <= 2 * 3600
    assert 0 < await client.ttl(f"sessions-of:{session.user_id}") <= 30 * 86_400
    await client.aclose()


async def test_without_redis_nothing_is_said_about_sessions() -> None:
    client = connect(RedisSettings(redis_url=SecretStr("redis://127.0.0.1:1/0")))
    store = RedisSessionStore(client, SessionRules())
    for call in (
        store.create(new_secret()[1], a_session()),
        store.use(new_secret()[1], address=HERE, user_agent=BROWSER, now=NOW),
        store.list_of_user(UserId("a"), now=NOW),
        store.revoke(UserId("a"), "b"),
        store.forget("c"),
    ):
        with pytest.raises(ServiceUnavailableError):
            await call
    await client.aclose()
