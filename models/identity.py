"""Accounts that are kept here: passwords, refresh tokens, tokens sent by mail, and limits on attempts."""

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from models.api_keys import ApiKey
from models.errors import InvalidRequestError, UnauthenticatedError
from models.ids import UserId
from models.pages import Page, PageRequest
from models.users import User, UserStatus


def new_secret() -> tuple[str, str]:
    """256 random bits in base64url, and what is stored of them."""
    raw = secrets.token_urlsafe(32)
    return raw, secret_hash(raw)


def secret_hash(raw: str) -> str:
    """SHA-256 in hexadecimal: enough for a text that nobody can guess, and it gives an index."""
    return hashlib.sha256(raw.encode(errors="replace")).hexdigest()


MIN_PASSWORD_CHARACTERS: Final = 8
MAX_PASSWORD_CHARACTERS: Final = 256
_MIN_DIFFERENT_CHARACTERS: Final = 4


class WeakPasswordError(InvalidRequestError):
    code = "weak_password"


class ErasedUserError(UnauthenticatedError):
    """A token that was made before its user was erased."""


def check_password(password: str, *, email: str) -> str:
    """The same password, if it may be one; composed and decomposed characters (NFC) are told apart by nobody.

    Raises:
        WeakPasswordError
    """
    password = unicodedata.normalize("NFC", password)
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise WeakPasswordError(f"A password has {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters.")
    simple = password.casefold()
    if len(set(simple)) < _MIN_DIFFERENT_CHARACTERS or simple in (email.casefold(), email.casefold().partition("@")[0]):
        raise WeakPasswordError("This password is too easy to guess. Choose another one.")
    return password


@dataclass(frozen=True, slots=True)
class PasswordAccount:
    """A local account; one without a password cannot log in with one."""

    user: User
    password_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A stored refresh token; `token_version` is the user's when it was made.

    `family_id` is shared by all that one login led to.
    """

    hash: str = field(repr=False)
    family_id: str
    user_id: UserId
    created_at: datetime
    expires_at: datetime
    token_version: int
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class MailPurpose(StrEnum):
    """What a token that was sent by mail is good for."""

    RESET = "password_reset"
    VERIFICATION = "email_verification"
    CHANGE = "email_change"


@dataclass(frozen=True, slots=True)
class MailToken:
    """A token that was sent to `email`, and proves it."""

    hash: str = field(repr=False)
    purpose: MailPurpose
    user_id: UserId
    email: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """A message to one address. `text` may hold a secret and is never logged outside of development."""

    to: str
    subject: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttemptBudget:
    """At most `limit` attempts for `key` within a window, which starts with the first of them."""

    key: str
    limit: int
    window: timedelta


class AccountStore(Protocol):
    """Local accounts."""

    async def find_by_email(self, email: str) -> PasswordAccount | None:
        """Whatever the case of the address."""
        ...

    async def find(self, user_id: UserId) -> PasswordAccount | None: ...

    async def hold(self, user_id: UserId) -> User | None:
        """The user as they are now, whom nobody else can change until the unit of work ends.

        Whoever changes a user and what is theirs takes the user first: two who wait for each other would both fail.
        """
        ...

    async def create(self, user: User, *, password_hash: str | None) -> bool:
        """Makes an account in one statement; False if a local account has the address, whatever its case."""
        ...

    async def set_password(self, user_id: UserId, password_hash: str, *, now: datetime) -> User:
        """Replaces the password and raises the token version. Raises NotFoundError."""
        ...

    async def rehash_password(self, user_id: UserId, *, old: str, new: str) -> None:
        """The same password under other parameters, unless it was changed meanwhile."""
        ...

    async def raise_token_version(self, user_id: UserId, *, now: datetime) -> User:
        """Ends every token and session of the account. Raises NotFoundError."""
        ...

    async def set_email(self, user_id: UserId, email: str, *, now: datetime) -> bool:
        """Sets a proven address; False if another local account has it."""
        ...

    async def mark_login(self, user_id: UserId, *, now: datetime) -> None: ...


class RefreshTokenStore(Protocol):
    async def add(self, token: RefreshToken) -> None:
        """Also forgets expired ones of the same user."""
        ...

    async def find_owner(self, token_hash: str) -> UserId | None: ...

    async def lock(self, token_hash: str) -> RefreshToken | None:
        """A token that nobody else can use until the unit of work ends."""
        ...

    async def mark_used(self, token_hash: str, *, now: datetime) -> None: ...

    async def revoke_family(self, family_id: str, *, now: datetime) -> None: ...

    async def revoke_all(self, user_id: UserId, *, now: datetime) -> None: ...


class MailTokenStore(Protocol):
    async def replace(self, token: MailToken) -> None:
        """Stores a token; earlier ones of the same user and purpose are no longer good."""
        ...

    async def find_owner(self, token_hash: str) -> UserId | None: ...

    async def take(self, token_hash: str, purpose: MailPurpose, *, now: datetime) -> MailToken | None:
        """The token, which is gone with it; None if it is unknown, for something else, or expired."""
        ...

    async def delete_all(self, user_id: UserId) -> None: ...


class PreferenceStore(Protocol):
    async def get(self, user_id: UserId) -> Mapping[str, Any]:
        """Empty where nothing was set."""
        ...

    async def merge(self, user_id: UserId, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Sets the given values, by their names, and gives all."""
        ...


class UserDirectory(Protocol):
    """All users, for administrators."""

    async def list_users(
        self, page: PageRequest, *, search: str | None = None, status: UserStatus | None = None
    ) -> Page[User]:
        """Newest first; `search` is part of an id, an address or a name."""
        ...

    async def set_status(self, user_id: UserId, status: UserStatus, *, now: datetime) -> User:
        """Raises NotFoundError."""
        ...

    async def erase(self, user_id: UserId) -> Sequence[str]:
        """Deletes the user and everything of theirs; the ids of their executions, whose blobs are left."""
        ...


class CredentialLookup(Protocol):
    """Whose credential it is, in one statement each."""

    async def find_user(self, user_id: UserId) -> User | None: ...

    async def find_key(self, key_hash: str) -> tuple[ApiKey, User] | None: ...


class PasswordHasher(Protocol):
    """Slow on purpose; never blocks the event loop."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """False without a hash, after the same work as with one."""
        ...

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than today's."""
        ...


class AttemptLimiter(Protocol):
    async def attempt(self, *budgets: AttemptBudget) -> timedelta | None:
        """Counts an attempt against every budget, unless one is used up: then the time until it is not."""
        ...

    async def forgive(self, *budgets: AttemptBudget) -> None:
        """Forgets the attempts counted so far."""
        ...


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Raises ServiceUnavailableError if nobody takes it."""
        ...


class JwksSource(Protocol):
    async def fetch(self) -> Mapping[str, Any]:
        """A JWK set (RFC 7517). Raises ServiceUnavailableError."""
        ...
