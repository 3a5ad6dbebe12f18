"""The ports around logins, in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models.errors import ServiceUnavailableError
from models.ids import UserId
from models.sessions import (
    TOLD_EVERY,
    IssuePolicy,
    NotedIssue,
    Session,
    SessionCheck,
    SessionIssue,
    SessionProblem,
    SessionRules,
)

_RANK = {None: 0, IssuePolicy.RECORD: 1, IssuePolicy.RE_LOGIN: 2, IssuePolicy.REVOKE: 3}


class MemorySessionStore:
    """The port SessionStore."""

    def __init__(self, rules: SessionRules) -> None:
        self._rules = rules
        self._sessions: dict[str, Session] = {}
        self._uses: dict[tuple[str, int], int] = {}
        self._told: dict[tuple[str, SessionIssue], datetime] = {}

    async def create(self, session_hash: str, session: Session) -> Sequence[str]:
        self._sessions[session_hash] = session
        mine = sorted(self._of(session.user_id), key=lambda pair: pair[1].created_at)
        gone = mine[: -self._rules.max_per_user]
        for key, _ in gone:
            del self._sessions[key]
        return [old.id for _, old in gone]

    async def use(self, session_hash: str, *, address: str, user_agent: str, now: datetime) -> SessionCheck:
        session = self._sessions.get(session_hash)
        if session is None:
            return SessionCheck(problem=SessionProblem.NOT_FOUND)
        if now >= session.expires_at or now >= session.absolute_expires_at:
            return SessionCheck(problem=SessionProblem.EXPIRED)
        minute = (session_hash, int(now.timestamp() // 60))
        self._uses[minute] = self._uses.get(minute, 0) + 1
        most, policies = self._rules.max_requests_per_minute, self._rules.policies
        strict = policies[SessionIssue.ABNORMAL_FREQUENCY] is not IssuePolicy.RECORD
        found = {
            SessionIssue.IP_CHANGE: session.address != address,
            SessionIssue.USER_AGENT_CHANGE: session.user_agent != user_agent,
            SessionIssue.ABNORMAL_FREQUENCY: self._uses[minute] == most + 1 or (strict and self._uses[minute] > most),
        }
        issues = tuple(issue for issue, there in found.items() if there)
        told = {issue: self._told.get((session_hash, issue)) for issue in issues}
        news = tuple(issue for issue, at in told.items() if at is None or now - at >= TOLD_EVERY)
        self._told.update({(session_hash, issue): now for issue in news})
        policy = max((policies[issue] for issue in issues), key=lambda name: _RANK[name], default=None)
        noted = (*session.issues, *(NotedIssue(issue=issue, at=now) for issue in issues))
        session = session.model_copy(update={"issues": noted})
        if policy is IssuePolicy.REVOKE:
            del self._sessions[session_hash]
        elif policy is IssuePolicy.RE_LOGIN:
            self._sessions[session_hash] = session
        else:
            until = min(now + self._rules.timeout, session.absolute_expires_at)
            changes = {"address": address, "user_agent": user_agent, "last_seen_at": now, "expires_at": until}
            session = self._sessions[session_hash] = session.model_copy(update=changes)
        return SessionCheck(session=session, issues=issues, news=news, policy=policy)

    async def list_of_user(self, user_id: UserId, *, now: datetime) -> Sequence[Session]:
        mine = [session for _, session in self._of(user_id) if now < session.expires_at]
        return sorted(mine, key=lambda session: session.created_at, reverse=True)

    async def forget(self, session_hash: str) -> None:
        self._sessions.pop(session_hash, None)

    async def revoke(self, user_id: UserId, session_id: str) -> bool:
        return self._end([key for key, session in self._of(user_id) if session.id == session_id]) > 0

    async def revoke_all(self, user_id: UserId, *, but: str | None = None) -> int:
        return self._end([key for key, session in self._of(user_id) if session.id != but])

    def _of(self, user_id: UserId) -> list[tuple[str, Session]]:
        return [(key, session) for key, session in self._sessions.items() if session.user_id == user_id]

    def _end(self, keys: Sequence[str]) -> int:
        for key in keys:
            del self._sessions[key]
        return len(keys)


class MemoryJwks:
    """The port JwksSource; counts the fetches. `document` is None while it is away."""

    def __init__(self, document: Mapping[str, Any] | None) -> None:
        self.document = document
        self.fetches = 0

    async def fetch(self) -> Mapping[str, Any]:
        self.fetches += 1
        if self.document is None:
            raise ServiceUnavailableError("The keys cannot be had.")
        return self.document
