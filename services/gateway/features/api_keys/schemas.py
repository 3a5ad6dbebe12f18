"""API keys as clients make and read them. The hash is never among it, the raw key only in the answer to its making."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from models.api_keys import DEFAULT_PERMISSIONS, ApiKey, ApiKeyStatus, Permission
from services.gateway.text_fields import PlainName, RichDescription

Permissions = Annotated[frozenset[Permission], Field(fail_fast=True, min_length=1, max_length=len(Permission))]
"""A key that may do nothing is a mistake."""


class _In(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ApiKeyIn(_In):
    """A key to be made; without `permissions` it may read, write and run graphs, and read and run blocks."""

    name: PlainName
    description: RichDescription | None = None
    permissions: Permissions | None = None

    @property
    def wanted_permissions(self) -> frozenset[Permission]:
        return DEFAULT_PERMISSIONS if self.permissions is None else self.permissions


class ApiKeyChangeIn(_In):
    """What is absent stays; a description of null is removed."""

    name: PlainName = ""
    description: RichDescription | None = None

    @field_validator("name", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("a key needs a name: leave it out to keep the present one")
        return value


class PermissionsIn(_In):
    permissions: Permissions


class ApiKeyOut(BaseModel):
    """`head` and `tail` are `prefix` and `postfix`, `scopes` are `permissions`, `last_used` is `last_used_at`."""

    id: str
    user_id: str
    type: Literal["api_key"] = "api_key"
    name: str
    description: str | None
    head: str
    tail: str
    prefix: str
    postfix: str
    masked_key: str
    status: ApiKeyStatus
    is_active: bool
    scopes: list[Permission]
    permissions: list[Permission]
    created_at: datetime
    last_used: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyCreatedOut(BaseModel):
    """`plain_text_key` is the key itself. No other answer ever shows it again."""

    api_key: ApiKeyOut
    plain_text_key: str


def api_key_out(key: ApiKey) -> ApiKeyOut:
    permissions = [name for name in Permission if name in key.permissions]
    return ApiKeyOut(
        id=key.id,
        user_id=key.user_id,
        name=key.name,
        description=key.description,
        head=key.prefix,
        tail=key.postfix,
        prefix=key.prefix,
        postfix=key.postfix,
        masked_key=key.masked,
        status=key.status,
        is_active=key.status is ApiKeyStatus.ACTIVE,
        scopes=permissions,
        permissions=permissions,
        created_at=key.created_at,
        last_used=key.last_used_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
