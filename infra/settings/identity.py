"""Who people are: tokens, accounts, logins elsewhere, and the mail that all this needs."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr

from infra.settings.group import SettingsGroup, listed

SessionPolicy = Literal["record", "re-login", "revoke"]
JwtAlgorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]


class AuthSettings(SettingsGroup):
    """Who may call the gateway."""

    enable_auth: bool = Field(
        default=True, description="false: everybody is one local administrator; refused in production"
    )
    jwt_verify_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("jwt_verify_key", "jwt_secret_key"),
        description="Key that verifies bearer tokens: a secret (HS...) or a public key in PEM (also JWT_SECRET_KEY)",
    )
    jwt_algorithm: JwtAlgorithm = Field(
        default="HS256", description="Algorithm of bearer tokens: HS, RS or ES with 256, 384 or 512"
    )
    jwt_signing_key: SecretStr | None = Field(
        default=None, description="Private key in PEM for our own tokens, if JWT_ALGORITHM is RS... or ES..."
    )
    jwt_audience: str = Field(default="authenticated", description="Required aud claim")
    jwt_issuer: str | None = Field(default=None, description="Required iss claim; without it any issuer counts")
    jwt_leeway_seconds: int = Field(default=10, ge=0, le=300, description="How far clocks may differ")
    jwt_jwks_url: str | None = Field(
        default=None, description="Where an external identity provider publishes its keys (RS..., ES...)"
    )
    jwt_jwks_lifetime_seconds: int = Field(
        default=300, ge=10, le=86_400, description="After so long published keys are fetched again"
    )
    jwt_jwks_pause_seconds: int = Field(
        default=30, ge=1, le=3_600, description="Unknown key ids make us fetch at most once in so long"
    )
    supabase_url: str | None = Field(
        default=None, description="A Supabase project as identity provider: its issuer and keys"
    )
    supabase_anon_key: SecretStr | None = Field(default=None, description="Set together with SUPABASE_URL")
    supabase_service_role_key: SecretStr | None = Field(
        default=None, description="Accepted with them; nothing uses it yet"
    )


class IdentitySettings(SettingsGroup):
    """Accounts with passwords, kept here."""

    identity_provider: Literal["auto", "built-in", "external"] = Field(
        default="auto", description="auto: built-in unless JWT_JWKS_URL or SUPABASE_URL names another"
    )
    auth_registration: Literal["auto", "open", "closed"] = Field(
        default="auto", description="Whether anybody may register; auto: in development"
    )
    auth_setup: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether a gateway that knows no administrator logs a code with which the first is made; "
        "auto: in production",
    )
    auth_require_verified_email: bool = Field(
        default=False, description="Whether people prove their address before they can log in"
    )
    auth_access_token_seconds: int = Field(default=3_600, ge=60, le=86_400, description="Lifetime of bearer tokens")
    auth_refresh_token_days: int = Field(default=30, ge=1, le=365, description="After so long people log in again")
    auth_cookie_domain: str | None = Field(default=None, description="Domain of the session cookie; else its host")
    auth_cookie_secure: bool = Field(default=True, description="Whether the session cookie needs HTTPS")
    auth_session_timeout: int = Field(
        default=3_600, ge=300, le=86_400, description="Seconds without a request after which a session ends"
    )
    auth_session_limit: int = Field(default=10, ge=1, le=100, description="Sessions per user; the oldest end")
    auth_session_requests_per_minute: int = Field(
        default=600, ge=10, description="More requests of one session are an abnormal frequency"
    )
    auth_session_on_ip_change: SessionPolicy = Field(default="record", description="record, re-login or revoke")
    auth_session_on_user_agent_change: SessionPolicy = Field(
        default="re-login", description="record, re-login or revoke"
    )
    auth_session_on_abnormal_frequency: SessionPolicy = Field(
        default="record", description="record, re-login or revoke"
    )


class OidcSettings(SettingsGroup):
    """An OpenID Connect provider where people log in with their browsers."""

    oidc_issuer: str | None = Field(
        default=None, description="What the provider calls itself, for example https://id.example.com/realms/main"
    )
    oidc_client_id: str | None = Field(default=None, description="What the provider calls us")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="What we prove that with; without it PKCE alone protects logins"
    )
    oidc_scopes: str = Field(default="openid email profile", description="Scopes to ask for, openid among them")
    oidc_return_paths: str = Field(
        default="/", description="Paths of ours that a login may end at, comma separated, exact; the first by default"
    )
    oidc_registration: Literal["open", "closed"] = Field(
        default="open", description="closed: only people who have an account here can log in"
    )

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.oidc_scopes.split())

    @property
    def return_paths(self) -> tuple[str, ...]:
        return listed(self.oidc_return_paths)


class MailSettings(SettingsGroup):
    """How mail leaves."""

    smtp_url: SecretStr | None = Field(
        default=None, description="smtp://user:password@host:587 (STARTTLS) or smtps://...:465; without it none is sent"
    )
    mail_from: str = Field(default="perdure@example.com", description="Sender of mail")
    mail_folder: Path | None = Field(default=None, description="Without SMTP_URL: folder where mail is written instead")
    console_url: str = Field(default="http://127.0.0.1:8000", description="Address of the console, for links in mail")
