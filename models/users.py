"""People who own graphs and runs."""

import secrets
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from models.ids import OwnerKeyId, UserId

TIMEZONE_NOT_SET = "not-set"


class User(BaseModel):
    """`role` is "user" or "admin"; `timezone` an IANA name or "not-set"; `key_id` never changes."""

    model_config = ConfigDict(frozen=True)

    id: UserId
    email: str
    name: str | None = None
    role: str = "user"
    timezone: str = TIMEZONE_NOT_SET
    key_id: OwnerKeyId
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        return self.role.casefold() == "admin"

    @property
    def display_name(self) -> str:
        """The name, else the mailbox part of the address."""
        return self.name or self.email.partition("@")[0]

    @property
    def effective_timezone(self) -> str:
        """IANA name of the zone the user's runs use."""
        return "UTC" if self.timezone == TIMEZONE_NOT_SET else self.timezone


class UserClaims(BaseModel):
    """What a verified token says about its user."""

    model_config = ConfigDict(frozen=True)

    id: UserId
    email: str
    role: str = "user"
    name: str | None = None
    created_at: datetime | None = None
    last_sign_in_at: datetime | None = None


def new_owner_key_id() -> OwnerKeyId:
    """16 random hexadecimal digits that say nothing about their owner."""
    return OwnerKeyId(secrets.token_hex(8))
