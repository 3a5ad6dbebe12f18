"""The audit log: who did what to which object, from where. Entries are added and never changed."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.ids import UserId


class ActorKind(StrEnum):
    """How an actor proved who it is; the system acts by itself."""

    USER = "user"
    API_KEY = "api_key"
    SESSION = "session"
    SYSTEM = "system"


class AuditAction(StrEnum):
    """What was done. The texts are stored: none may change its meaning."""

    REGISTERED = "auth.registered"
    LOGGED_IN = "auth.logged_in"
    LOGIN_FAILED = "auth.login_failed"
    LOGGED_OUT = "auth.logged_out"
    REFRESH_REUSED = "auth.refresh_reused"
    PASSWORD_CHANGED = "auth.password_changed"  # noqa: S105
    PASSWORD_RESET_REQUESTED = "auth.password_reset_requested"  # noqa: S105
    PASSWORD_RESET = "auth.password_reset"  # noqa: S105
    EMAIL_VERIFIED = "auth.email_verified"
    IDENTITY_LINKED = "auth.identity_linked"
    SETUP_DONE = "auth.setup_done"
    SESSION_REVOKED = "auth.session_revoked"
    SESSION_SUSPICIOUS = "auth.session_suspicious"

    USER_UPDATED = "user.updated"
    USER_CREATED = "user.created"
    USER_ROLE_CHANGED = "user.role_changed"
    USER_SUSPENDED = "user.suspended"
    USER_ACTIVATED = "user.activated"
    USER_ERASED = "user.erased"

    API_KEY_CREATED = "api_key.created"
    API_KEY_UPDATED = "api_key.updated"
    API_KEY_SUSPENDED = "api_key.suspended"
    API_KEY_ACTIVATED = "api_key.activated"
    API_KEY_REVOKED = "api_key.revoked"
    API_KEY_PERMISSIONS_SET = "api_key.permissions_set"

    GRAPH_CREATED = "graph.created"
    GRAPH_VERSION_CREATED = "graph.version_created"
    GRAPH_VERSION_ACTIVATED = "graph.version_activated"
    GRAPH_SETTINGS_CHANGED = "graph.settings_changed"
    GRAPH_DELETED = "graph.deleted"

    PRESET_CREATED = "preset.created"
    PRESET_UPDATED = "preset.updated"
    PRESET_DELETED = "preset.deleted"

    EXECUTION_STOPPED = "execution.stopped"
    EXECUTION_CANCELLED = "execution.cancelled"
    EXECUTION_PAUSED = "execution.paused"
    EXECUTION_RESUMED = "execution.resumed"
    EXECUTION_RELEASED = "execution.released"
    EXECUTION_DEADLINE_EXTENDED = "execution.deadline_extended"
    EXECUTION_DELETED = "execution.deleted"
    NODE_RETRIED = "execution.node_retried"
    NODE_SKIPPED = "execution.node_skipped"
    NODE_OUTPUT_SET = "execution.node_output_set"
    EVENT_DELIVERED = "execution.event_delivered"
    REVIEWS_DECIDED = "review.decided"

    RATE_LIMIT_RESET = "admin.rate_limit_reset"


class AuditActor(BaseModel):
    """Who acts, and from where.

    Attributes:
        id: of the user, also when they use an API key or a session; None while nobody knows who it is.
        api_key_id: of the key that was used.
        request_id: finds the lines of the request in the log.
    """

    model_config = ConfigDict(frozen=True)

    id: UserId | None = None
    kind: ActorKind
    api_key_id: str | None = None
    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


class AuditEntry(BaseModel):
    """One act.

    Attributes:
        id: a UUIDv7.
        object_kind, object_id: what it was done to, for example "graph" and its id.
        owner_id: whose object it is: who may read the entry besides administrators.
        details: what else helps to understand it; never secrets, nor what people enter as data.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    at: datetime
    actor_id: UserId | None
    actor_kind: ActorKind
    action: str
    object_kind: str
    object_id: str | None
    owner_id: UserId | None
    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    details: Mapping[str, Any] = Field(default_factory=dict[str, Any])


class AuditQuery(BaseModel):
    """Which entries; None asks for any. `since` is included, `until` is not."""

    model_config = ConfigDict(frozen=True)

    owner_id: UserId | None = None
    actor_id: UserId | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
