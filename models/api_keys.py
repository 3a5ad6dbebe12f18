"""API keys: their format, what they permit, and how they are verified without being stored."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from models.ids import ApiKeyId, UserId, new_id

KEY_PREFIX: Final = "agpt_"
_SECRET_BYTES = 32
_SHOWN_CHARACTERS = 8
_MAX_STARS = 12
_FORMAT = re.compile(r"agpt_(?:[a-z0-9]{1,16}_)?[A-Za-z0-9_-]{43}", re.ASCII)


class Permission(StrEnum):
    """What a key may do; a bearer token may do all of it."""

    IDENTITY = "IDENTITY"
    READ_GRAPH = "READ_GRAPH"
    WRITE_GRAPH = "WRITE_GRAPH"
    EXECUTE_GRAPH = "EXECUTE_GRAPH"
    READ_BLOCK = "READ_BLOCK"
    EXECUTE_BLOCK = "EXECUTE_BLOCK"
    READ_STORE = "READ_STORE"
    WRITE_LIBRARY = "WRITE_LIBRARY"
    USE_TOOLS = "USE_TOOLS"
    READ_INTEGRATIONS = "READ_INTEGRATIONS"
    MANAGE_INTEGRATIONS = "MANAGE_INTEGRATIONS"
    DELETE_INTEGRATIONS = "DELETE_INTEGRATIONS"
    MANAGE_API_KEYS = "MANAGE_API_KEYS"


DEFAULT_PERMISSIONS: Final = frozenset(
    {
        Permission.READ_GRAPH,
        Permission.WRITE_GRAPH,
        Permission.EXECUTE_GRAPH,
        Permission.READ_BLOCK,
        Permission.EXECUTE_BLOCK,
    }
)
"""Of a key created without a choice."""


class ApiKeyStatus(StrEnum):
    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"


class ApiKey(BaseModel):
    """A stored key. `hash` is the SHA-256 of the raw key in hexadecimal and never leaves the server."""

    model_config = ConfigDict(frozen=True)

    id: ApiKeyId
    user_id: UserId
    name: str
    description: str | None = None
    prefix: str
    postfix: str
    hash: str = Field(repr=False)
    permissions: frozenset[Permission] = DEFAULT_PERMISSIONS
    status: ApiKeyStatus = ApiKeyStatus.ACTIVE
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def masked(self) -> str:
        """Enough to recognise the key by."""
        return _mask(self.prefix, _MAX_STARS, self.postfix)


class APIKeyContainer(BaseModel):
    """A new key. `raw` is shown once and kept nowhere."""

    model_config = ConfigDict(frozen=True)

    raw: str = Field(repr=False)
    prefix: str
    postfix: str
    hash: str = Field(repr=False)


class APIKeyManager:
    """Makes and checks keys of the form `agpt_` + 32 random bytes in base64url, 48 characters.

    The secret has 256 random bits, so a plain SHA-256 is enough and gives an index to look keys up by.
    """

    def generate_api_key(self, *, environment: str = "") -> APIKeyContainer:
        """A new key; `environment` (lower-case letters and digits) is put behind the prefix."""
        marker = f"{environment}_" if environment else ""
        return self.describe(f"{KEY_PREFIX}{marker}{secrets.token_urlsafe(_SECRET_BYTES)}")

    def describe(self, raw: str) -> APIKeyContainer:
        """What is stored of a given key.

        Raises:
            ValueError: `raw` has not the format of a key.
        """
        if not self.validate_key_format(raw):
            raise ValueError("An API key is 'agpt_' and 43 letters, digits, '-' or '_'.")
        return APIKeyContainer(
            raw=raw, prefix=raw[:_SHOWN_CHARACTERS], postfix=raw[-_SHOWN_CHARACTERS:], hash=self.hash_key(raw)
        )

    def hash_key(self, raw: str) -> str:
        return hashlib.sha256(raw.encode()).hexdigest()

    def verify_api_key(self, raw: str, stored_hash: str) -> bool:
        """Whether `raw` is the key of `stored_hash`, in constant time for everything that has the format of a key."""
        return self.validate_key_format(raw) and hmac.compare_digest(self.hash_key(raw), stored_hash)

    def validate_key_format(self, raw: str) -> bool:
        return _FORMAT.fullmatch(raw) is not None

    def mask_api_key(self, raw: str) -> str:
        """Enough of a key to recognise it: its prefix, at most 12 stars, "..." and its end.

        Of a text so short that both ends would be all of it, nothing is shown.
        """
        hidden = len(raw) - 2 * _SHOWN_CHARACTERS
        if hidden <= 0:
            return "*" * min(_MAX_STARS, len(raw)) + "..."
        return _mask(raw[:_SHOWN_CHARACTERS], min(_MAX_STARS, hidden), raw[-_SHOWN_CHARACTERS:])


def _mask(prefix: str, stars: int, postfix: str) -> str:
    return f"{prefix}{'*' * stars}...{postfix}"


def issue_api_key(
    *,
    user_id: UserId,
    name: str,
    now: datetime,
    description: str | None = None,
    permissions: frozenset[Permission] = DEFAULT_PERMISSIONS,
) -> tuple[ApiKey, str]:
    """A new active key as it is stored, and its raw text, which is shown once."""
    made = APIKeyManager().generate_api_key()
    key = ApiKey(
        id=ApiKeyId(new_id()),
        user_id=user_id,
        name=name,
        description=description,
        prefix=made.prefix,
        postfix=made.postfix,
        hash=made.hash,
        permissions=permissions,
        created_at=now,
    )
    return key, made.raw
