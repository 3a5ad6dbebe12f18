"""People who own graphs and runs."""

import secrets
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from models.ids import OwnerKeyId, UserId, new_id

TIMEZONE_NOT_SET = "not-set"
LOCAL_USER_ID = UserId("01900000-0000-7000-8000-000000000001")
"""Whoever runs a stack on their own machine; without authentication, everybody."""
LOCAL_USER_EMAIL = "developer@example.com"
LOCAL_USER_NAME = "Developer"
ROLE_USER = "user"
ROLE_ADMIN = "admin"


class UserStatus(StrEnum):
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class User(BaseModel):
    """`role` is "user" or "admin"; `timezone` an IANA name or "not-set"; `key_id` never changes.

    Attributes:
        local: the account is kept here, with or without a password: its role is ours, not that of a token.
        token_version: our tokens and sessions of a local account count only with this number; a new password raises it.
        tokens_not_before: tokens of another provider count only if they are younger: this id was erased then.
    """

    model_config = ConfigDict(frozen=True)

    id: UserId
    email: str
    name: str | None = None
    role: str = "user"
    timezone: str = TIMEZONE_NOT_SET
    key_id: OwnerKeyId
    status: UserStatus = UserStatus.ACTIVE
    local: bool = False
    token_version: int = 0
    email_verified_at: datetime | None = None
    tokens_not_before: datetime | None = None
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        return self.role.casefold() == ROLE_ADMIN

    @property
    def is_suspended(self) -> bool:
        return self.status is UserStatus.SUSPENDED

    @property
    def display_name(self) -> str:
        """The name, else the mailbox part of the address."""
        return self.name or self.email.partition("@")[0]

    @property
    def effective_timezone(self) -> str:
        """IANA name of the zone the user's runs use."""
        return "UTC" if self.timezone == TIMEZONE_NOT_SET else self.timezone


class UserClaims(BaseModel):
    """What a verified token says about its user; `token_version` only if this installation made it.

    Attributes:
        issued_at: None if the token does not say, or nonsense.
    """

    model_config = ConfigDict(frozen=True)

    id: UserId
    email: str
    role: str = "user"
    name: str | None = None
    created_at: datetime | None = None
    last_sign_in_at: datetime | None = None
    issued_at: datetime | None = None
    token_version: int | None = None


def new_local_user(*, email: str, name: str | None = None, role: str = ROLE_USER, proven: bool, now: datetime) -> User:
    """Somebody whose account is kept here. `proven`: the address is known to be theirs."""
    return User(
        id=UserId(new_id()),
        email=email,
        name=name,
        role=role,
        key_id=new_owner_key_id(),
        local=True,
        email_verified_at=now if proven else None,
        created_at=now,
        updated_at=now,
    )


def new_owner_key_id() -> OwnerKeyId:
    """16 random hexadecimal digits that say nothing about their owner."""
    return OwnerKeyId(secrets.token_hex(8))
