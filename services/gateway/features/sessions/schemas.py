"""Bodies of the routes around sessions of browsers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from models.sessions import Session, SessionIssue


class SessionIn(BaseModel):
    """An address and its password; without them, a bearer token in the header says who it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    email: Annotated[EmailStr, Field(max_length=254)] | None = None
    password: Annotated[SecretStr, Field(min_length=1, max_length=512)] | None = None
    label: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = None


class NotedIssueOut(BaseModel):
    issue: SessionIssue
    at: datetime


class SessionOut(BaseModel):
    """`current`: the session that asks. `issues`: what may mean that somebody else uses it."""

    id: str
    label: str | None
    address: str
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool
    issues: list[NotedIssueOut]


class CurrentSessionOut(BaseModel):
    """`csrf_token`: for the header X-CSRF-Token of requests that change something."""

    user_id: str
    email: str
    csrf_token: str
    session: SessionOut


class RevokedOut(BaseModel):
    """How many sessions ended."""

    revoked: int


def session_out(session: Session, *, current: bool) -> SessionOut:
    return SessionOut(
        **session.model_dump(include={"id", "address", "user_agent", "created_at", "last_seen_at", "expires_at"}),
        label=session.metadata.get("label"),
        current=current,
        issues=[NotedIssueOut(issue=noted.issue, at=noted.at) for noted in session.issues],
    )
