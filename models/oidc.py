"""Logging in at an identity provider elsewhere (OpenID Connect): what is remembered, and ports to the provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from models.errors import UnauthenticatedError
from models.ids import UserId
from models.users import User


class OidcLoginError(UnauthenticatedError):
    """A login that the provider, or what it says, does not complete."""

    code = "oidc_login_failed"


class ProviderDocument(BaseModel):
    """What a provider publishes about itself; the rest of it is not needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class PendingLogin(BaseModel):
    """A login between the way to the provider and back.

    Attributes:
        browser: hash of what the cookie of the browser that began it holds.
        verifier: of PKCE; only whoever has it can use the code of this login.
    """

    model_config = ConfigDict(frozen=True)

    browser: str
    nonce: str = Field(repr=False)
    verifier: str = Field(repr=False)
    return_to: str


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    id_token: str = field(repr=False)
    access_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExternalPerson:
    """Whom a verified ID token names.

    Attributes:
        email_verified: whether the provider says that the address is theirs.
    """

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str | None
    issued_at: datetime


class OidcProvider(Protocol):
    """Every call raises ServiceUnavailableError if the provider does not answer, or not as it should."""

    async def describe(self) -> ProviderDocument: ...

    async def exchange(self, code: str, *, verifier: str, redirect_uri: str) -> ProviderTokens:
        """Tokens for a code, once. Raises OidcLoginError if the provider does not take it."""
        ...

    async def user_info(self, access_token: str) -> Mapping[str, Any]:
        """Further claims; nothing if the provider offers none."""
        ...


class PendingLogins(Protocol):
    """Raises ServiceUnavailableError while nothing can be remembered."""

    async def add(self, state_hash: str, login: PendingLogin, *, lifetime: timedelta) -> None: ...

    async def take(self, state_hash: str) -> PendingLogin | None:
        """The login, which is forgotten with it: nobody gets it again."""
        ...


class ExternalIdentityStore(Protocol):
    """Which account a login elsewhere opens."""

    async def find_user(self, issuer: str, subject: str) -> User | None: ...

    async def link(self, user_id: UserId, issuer: str, subject: str, *, now: datetime) -> bool:
        """False if the login opens an account already."""
        ...

    async def unlink_all(self, user_id: UserId) -> None: ...
