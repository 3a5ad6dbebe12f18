"""Logins of browsers: a session is known by a cookie, of which only a hash is stored."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from models.ids import UserId

ABSOLUTE_LIFETIME: Final = timedelta(days=30)
"""However much it is used, a session ends then."""

MAX_NOTED_ISSUES: Final = 20

TOLD_EVERY: Final = timedelta(minutes=10)
"""However often an issue of a session comes back, it is news only once within this time."""


class SessionProblem(StrEnum):
    """Why a session does not count."""

    NOT_FOUND = "session_not_found"
    EXPIRED = "session_expired"
    INVALID = "validation_error"


class SessionIssue(StrEnum):
    """What may mean that somebody else uses the session."""

    IP_CHANGE = "ip_change"
    USER_AGENT_CHANGE = "user_agent_change"
    ABNORMAL_FREQUENCY = "abnormal_frequency"


class IssuePolicy(StrEnum):
    """`record` notes the issue; `re-login` refuses who causes it; `revoke` ends the session for everybody."""

    RECORD = "record"
    RE_LOGIN = "re-login"
    REVOKE = "revoke"


class NotedIssue(BaseModel):
    model_config = ConfigDict(frozen=True)

    issue: SessionIssue
    at: datetime


class Session(BaseModel):
    """`id` names it to its owner and opens nothing; `token_version` is the user's at login."""

    model_config = ConfigDict(frozen=True)

    id: str
    user_id: UserId
    address: str
    user_agent: str
    metadata: Mapping[str, str] = Field(default_factory=dict[str, str])
    token_version: int = 0
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    absolute_expires_at: datetime
    issues: tuple[NotedIssue, ...] = ()


class SessionRules(BaseModel):
    """
    Attributes:
        timeout: without a request for so long, a session ends.
        max_per_user: a further login ends the oldest ones.
        max_requests_per_minute: more are an abnormal frequency.
    """

    model_config = ConfigDict(frozen=True)

    timeout: timedelta = timedelta(hours=1)
    absolute_lifetime: timedelta = ABSOLUTE_LIFETIME
    max_per_user: int = 10
    max_requests_per_minute: int = 600
    policies: Mapping[SessionIssue, IssuePolicy] = Field(
        default_factory=lambda: {
            SessionIssue.IP_CHANGE: IssuePolicy.RECORD,
            SessionIssue.USER_AGENT_CHANGE: IssuePolicy.RE_LOGIN,
            SessionIssue.ABNORMAL_FREQUENCY: IssuePolicy.RECORD,
        }
    )


class SessionCheck(BaseModel):
    """What came of using a session: the session itself, unless there is a problem or an issue refuses the request."""

    model_config = ConfigDict(frozen=True)

    session: Session | None = None
    problem: SessionProblem | None = None
    issues: tuple[SessionIssue, ...] = ()
    news: tuple[SessionIssue, ...] = ()
    """Those of the issues that were none within `TOLD_EVERY` before: what the audit log has not been told."""
    policy: IssuePolicy | None = None
    """The strictest of the policies of the issues."""


class SessionStore(Protocol):
    """Sessions by the hash of what the cookie holds. Raises ServiceUnavailableError where they are not reachable."""

    async def create(self, session_hash: str, session: Session) -> Sequence[str]:
        """Stores a session; the ids of those that ended because the user has too many."""
        ...

    async def use(self, session_hash: str, *, address: str, user_agent: str, now: datetime) -> SessionCheck:
        """Checks a session for a request and puts off its expiry, in one round trip."""
        ...

    async def list_of_user(self, user_id: UserId, *, now: datetime) -> Sequence[Session]:
        """Those that have not expired, newest first."""
        ...

    async def forget(self, session_hash: str) -> None:
        """Ends a session by the hash of what its cookie holds; nothing if there is none."""
        ...

    async def revoke(self, user_id: UserId, session_id: str) -> bool:
        """Ends a session of the user; False if there is none."""
        ...

    async def revoke_all(self, user_id: UserId, *, but: str | None = None) -> int:
        """Ends the sessions of the user, except the one with the id `but`; how many there were."""
        ...
