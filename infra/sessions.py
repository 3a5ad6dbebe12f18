"""Sessions of browsers in Redis, each under the hash of what its cookie holds."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from pydantic import ValidationError
from redis.asyncio import Redis

from infra.redis import naming_unavailability
from models.ids import UserId
from models.sessions import (
    MAX_NOTED_ISSUES,
    TOLD_EVERY,
    IssuePolicy,
    NotedIssue,
    Session,
    SessionCheck,
    SessionIssue,
    SessionProblem,
    SessionRules,
)

REMEMBERED_AFTER_EXPIRY: Final = timedelta(hours=1)
"""So long an expired session is told apart from an unknown one."""

_NO_SESSIONS: Final = "Sessions are not available at the moment. Please try again shortly."

_USE: Final = """
-- KEYS: session. ARGV: now, timeout and memory of expired ones in milliseconds, address, user agent,
-- requests per minute, policies by issue (JSON), most notes, milliseconds in which an issue is news once.
-- Answers problem, fields, issues, policy, news.
local kept = redis.call('HGETALL', KEYS[1])
if #kept == 0 then return {'session_not_found'} end
local s = {}
for i = 1, #kept, 2 do s[kept[i]] = kept[i + 1] end
local now, absolute, expires = tonumber(ARGV[1]), tonumber(s.absolute_ms), tonumber(s.expires_ms)
if not absolute or not expires or not s.data then return {'validation_error'} end
if now >= expires or now >= absolute then return {'session_expired'} end
local policies, issues, news, worst = cjson.decode(ARGV[7]), {}, {}, ''
local rank = {[''] = 0, record = 1, ['re-login'] = 2, revoke = 3}
local function notice(issue)
    table.insert(issues, issue)
    local told = tonumber(s['told_' .. issue])
    if not told or now - told >= tonumber(ARGV[9]) then
        table.insert(news, issue)
        redis.call('HSET', KEYS[1], 'told_' .. issue, ARGV[1])
    end
    if rank[policies[issue]] > rank[worst] then worst = policies[issue] end
end
if s.address ~= ARGV[4] then notice('ip_change') end
if s.user_agent ~= ARGV[5] then notice('user_agent_change') end
local minute = math.floor(now / 60000)
local count = 1
if tonumber(s.minute) == minute then count = tonumber(s.count) + 1 end
redis.call('HSET', KEYS[1], 'minute', minute, 'count', count)
if count == tonumber(ARGV[6]) + 1 then notice('abnormal_frequency')
elseif count > tonumber(ARGV[6]) and rank[policies.abnormal_frequency] > 1 then notice('abnormal_frequency') end
if #issues > 0 then
    local noted = cjson.decode(s.issues)
    for _, issue in ipairs(issues) do table.insert(noted, {issue = issue, at_ms = now}) end
    while #noted > tonumber(ARGV[8]) do table.remove(noted, 1) end
    s.issues = #noted > 0 and cjson.encode(noted) or '[]'
    redis.call('HSET', KEYS[1], 'issues', s.issues)
end
if worst == 'revoke' then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', s.index, string.sub(KEYS[1], #'session:' + 1))
elseif worst ~= 're-login' then
    s.address, s.user_agent, s.seen_ms = ARGV[4], ARGV[5], ARGV[1]
    s.expires_ms = string.format('%d', math.min(now + tonumber(ARGV[2]), absolute))
    redis.call('HSET', KEYS[1], 'address', s.address, 'user_agent', s.user_agent, 'seen_ms', s.seen_ms,
        'expires_ms', s.expires_ms)
    redis.call('PEXPIREAT', KEYS[1], string.format('%d', tonumber(s.expires_ms) + tonumber(ARGV[3])))
end
return {'', cjson.encode(s), table.concat(issues, ','), worst, table.concat(news, ',')}
"""
_CREATE: Final = """
-- KEYS: session, index of its user. ARGV: hash, created and end of life and of memory in milliseconds, most sessions,
-- then field and value in turn. Answers the public ids of those that had to go.
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
local gone = {}
for _, hash in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('EXISTS', 'session:' .. hash) == 0 then redis.call('ZREM', KEYS[2], hash) end
end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
for _, hash in ipairs(redis.call('ZRANGE', KEYS[2], 0, -(tonumber(ARGV[5]) + 1))) do
    local id = redis.call('HGET', 'session:' .. hash, 'id')
    redis.call('DEL', 'session:' .. hash)
    redis.call('ZREM', KEYS[2], hash)
    if id then table.insert(gone, id) end
end
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
return gone
"""
_REVOKE: Final = """
-- KEYS: index of a user. ARGV: id of the only one to end (or nothing), id of the only one to keep (or nothing).
local ended = 0
for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local id = redis.call('HGET', 'session:' .. hash, 'id')
    if not id or ((ARGV[1] == '' or id == ARGV[1]) and id ~= ARGV[2]) then
        ended = ended + redis.call('DEL', 'session:' .. hash)
        redis.call('ZREM', KEYS[1], hash)
    end
end
return ended
"""


class RedisSessionStore:
    """The port SessionStore. `redis` decodes answers to text."""

    def __init__(self, redis: "Redis", rules: SessionRules) -> None:
        self._redis = redis
        self._rules = rules
        self._use = redis.register_script(_USE)
        self._create = redis.register_script(_CREATE)
        self._revoke = redis.register_script(_REVOKE)
        self._policies = json.dumps({issue.value: rules.policies[issue].value for issue in SessionIssue})

    async def create(self, session_hash: str, session: Session) -> Sequence[str]:
        index = _index(session.user_id)
        fields = {
            "id": session.id,
            "index": index,
            "data": session.model_dump_json(include={"user_id", "metadata", "token_version", "created_at"}),
            "address": session.address,
            "user_agent": session.user_agent,
            "seen_ms": _ms(session.last_seen_at),
            "expires_ms": _ms(session.expires_at),
            "absolute_ms": _ms(session.absolute_expires_at),
            "minute": 0,
            "count": 0,
            "issues": "[]",
        }
        forgotten = _ms(session.expires_at + REMEMBERED_AFTER_EXPIRY)
        arguments = [session_hash, _ms(session.created_at), _ms(session.absolute_expires_at), forgotten]
        pairs = [part for pair in fields.items() for part in pair]
        with naming_unavailability(_NO_SESSIONS):
            gone = await self._create(
                keys=[_key(session_hash), index], args=[*arguments, self._rules.max_per_user, *pairs]
            )
        return [str(session_id) for session_id in gone]

    async def use(self, session_hash: str, *, address: str, user_agent: str, now: datetime) -> SessionCheck:
        arguments = [
            _ms(now),
            _milliseconds(self._rules.timeout),
            _milliseconds(REMEMBERED_AFTER_EXPIRY),
            address,
            user_agent,
            self._rules.max_requests_per_minute,
            self._policies,
            MAX_NOTED_ISSUES,
            _milliseconds(TOLD_EVERY),
        ]
        with naming_unavailability(_NO_SESSIONS):
            answer = await self._use(keys=[_key(session_hash)], args=arguments)
        if answer[0]:
            return SessionCheck(problem=SessionProblem(answer[0]))
        try:
            session = _session(json.loads(answer[1]))
        except (ValueError, KeyError, TypeError, ValidationError):
            return SessionCheck(problem=SessionProblem.INVALID)
        policy = IssuePolicy(answer[3]) if answer[3] else None
        return SessionCheck(session=session, issues=_issues(answer[2]), news=_issues(answer[4]), policy=policy)

    async def list_of_user(self, user_id: UserId, *, now: datetime) -> Sequence[Session]:
        with naming_unavailability(_NO_SESSIONS):
            hashes = cast("list[str]", await self._redis.zrevrange(_index(user_id), 0, -1))
            async with self._redis.pipeline(transaction=False) as pipeline:
                for session_hash in hashes:
                    pipeline.hgetall(_key(session_hash))
                kept = cast("list[dict[str, str]]", await pipeline.execute())
        found: list[Session] = []
        for fields in kept:
            try:
                session = _session(fields)
            except (ValueError, KeyError, TypeError, ValidationError):
                continue
            if session.user_id == user_id and now < session.expires_at:
                found.append(session)
        return found

    async def forget(self, session_hash: str) -> None:
        with naming_unavailability(_NO_SESSIONS):
            await self._redis.delete(_key(session_hash))

    async def revoke(self, user_id: UserId, session_id: str) -> bool:
        return bool(session_id) and await self._end(user_id, only=session_id) > 0

    async def revoke_all(self, user_id: UserId, *, but: str | None = None) -> int:
        return await self._end(user_id, but=but or "")

    async def _end(self, user_id: UserId, *, only: str = "", but: str = "") -> int:
        with naming_unavailability(_NO_SESSIONS):
            return int(await self._revoke(keys=[_index(user_id)], args=[only, but]))


def _session(fields: Mapping[str, Any]) -> Session:
    noted = json.loads(fields["issues"]) or []
    return Session.model_validate(
        {
            **json.loads(fields["data"]),
            "id": fields["id"],
            "address": fields["address"],
            "user_agent": fields["user_agent"],
            "last_seen_at": _at(fields["seen_ms"]),
            "expires_at": _at(fields["expires_ms"]),
            "absolute_expires_at": _at(fields["absolute_ms"]),
            "issues": [NotedIssue(issue=entry["issue"], at=_at(entry["at_ms"])) for entry in noted],
        }
    )


def _issues(names: str) -> tuple[SessionIssue, ...]:
    return tuple(SessionIssue(name) for name in names.split(",") if name)


def _key(session_hash: str) -> str:
    return f"session:{session_hash}"


def _index(user_id: UserId) -> str:
    return f"sessions-of:{user_id}"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _at(milliseconds: str | float) -> datetime:
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
