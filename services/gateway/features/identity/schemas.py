"""Bodies of the routes around accounts with passwords."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr

from models.users import User
from services.gateway.auth.token_issuer import TokenPair
from services.gateway.text_fields import PlainName

Secret = Annotated[SecretStr, Field(min_length=1, max_length=512)]
Address = Annotated[EmailStr, Field(max_length=254)]


class _In(BaseModel):
    """What a body holds beyond the fields has no effect."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RegistrationIn(_In):
    """`password`: 8 to 256 characters."""

    email: Address
    password: Secret
    name: PlainName | None = None


class LoginIn(_In):
    email: Address
    password: Secret


class RefreshIn(_In):
    refresh_token: Secret


class SetupIn(_In):
    """`token`: the setup code from the log of the gateway. `password`: 8 to 256 characters."""

    token: Secret
    email: Address
    password: Secret


class PasswordChangeIn(_In):
    """`new_password`: 8 to 256 characters."""

    current_password: Secret
    new_password: Secret


class AddressIn(_In):
    email: Address


class PasswordResetIn(_In):
    """`token`: from the mail."""

    token: Secret
    new_password: Secret


class EmailProofIn(_In):
    """`token`: from the mail."""

    token: Secret


class EmailChangeIn(_In):
    """`current_password`: of an account with one."""

    email: Address
    current_password: Secret | None = None


class AcceptedOut(BaseModel):
    """The same whether or not there is such an account."""

    message: str


class EmailOut(BaseModel):
    """The address in force: a new one of an account that is kept here counts once it is proven."""

    email: str


class AccountOut(BaseModel):
    id: str
    email: str
    name: str | None
    role: str
    email_verified: bool


class TokensOut(BaseModel):
    """`expires_in`: seconds. A refresh token is good for one use, whose answer has the next one."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    refresh_token: str
    refresh_expires_at: datetime
    user: AccountOut


def account_out(user: User) -> AccountOut:
    return AccountOut(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        email_verified=user.email_verified_at is not None,
    )


def tokens_out(pair: TokenPair) -> TokensOut:
    return TokensOut(
        access_token=pair.access_token,
        token_type="bearer",  # noqa: S106
        expires_in=pair.expires_in_seconds,
        refresh_token=pair.refresh_token,
        refresh_expires_at=pair.refresh_expires_at,
        user=account_out(pair.user),
    )
