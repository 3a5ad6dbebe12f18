"""Settings, read once from the environment (then `.env`), in small classes. `.env.example` is generated from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError
from models.rate_limits import MAX_BURST_REQUESTS, MAX_REQUESTS_PER_MINUTE, MAX_WINDOW_SECONDS

MIN_TOKEN_KEY_CHARACTERS: Final = 32
"""Of JWT_VERIFY_KEY in production: a shorter one can be guessed from any token."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, populate_by_name=True
    )


class AppSettings(_Settings):
    """What the process is."""

    environment: Environment = Field(default=Environment.DEVELOPMENT, description="development or production")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged"
    )
    log_format: Literal["auto", "simple", "structured", "json"] = Field(
        default="auto", description="auto: structured in development, json in production"
    )
    log_files: Literal["auto", "on", "off"] = Field(
        default="auto", description="Whether logs are also written to files; auto: unless in a container"
    )
    log_folder: Path = Field(default=Path("logs"), description="Folder of activity.log, error.log and debug.log")
    log_cloud: bool = Field(
        default=False, description="Whether logs are also sent to Google Cloud; needs google-cloud-logging"
    )


class PostgresSettings(_Settings):
    """Where graphs, users and the projections of executions live."""

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://postgres@127.0.0.1:5432/perdure"),
        description="postgresql://user:password@host:port/db",
    )
    database_pool_size: int = Field(default=10, ge=1, le=200, description="Connections per process")

    @cached_property
    def async_url(self) -> str:
        """The URL for SQLAlchemy's asyncpg driver."""
        url = self.database_url.get_secret_value()
        for prefix in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
            if url.startswith(prefix):
                return "postgresql+asyncpg://" + url.removeprefix(prefix)
        raise ValueError("DATABASE_URL must begin with postgresql://")


class RedisSettings(_Settings):
    """Where live events go."""

    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"), description="redis://:password@host:port/db"
    )
    event_stream_max_length: int = Field(default=10_000, ge=100, description="Events kept per execution")
    event_stream_ttl_seconds: int = Field(
        default=86_400, ge=60, description="How long the events of an execution are kept"
    )


class TemporalSettings(_Settings):
    """Where workflows run."""

    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = Field(default="default", description="Temporal namespace")
    temporal_task_queue: str = Field(default="perdure", description="Task queue of workflows and ordinary blocks")
    temporal_api_key: SecretStr | None = Field(default=None, description="API key, for Temporal Cloud")
    temporal_tls: bool = Field(default=False, description="Connect with TLS")
    temporal_retention_days: int = Field(
        default=30, ge=1, description="Days the histories of ended executions are kept; `perdure migrate` sets it"
    )
    temporal_ui_url: str | None = Field(
        default=None, description="Address of the Temporal Web UI, to link to executions"
    )


class WorkerSettings(_Settings):
    """How much one worker does at a time."""

    worker_max_concurrent_activities: int = Field(default=500, ge=1, description="Blocks running at a time")
    worker_max_cached_workflows: int = Field(default=1000, ge=0, description="Executions kept in memory")
    worker_max_eager_activities: int = Field(
        default=10,
        ge=0,
        description="Blocks started eagerly per workflow task; 100 only while there is a single worker",
    )
    worker_graceful_shutdown_seconds: float = Field(
        default=30.0, ge=0, description="Time for running blocks to end on SIGTERM"
    )
    worker_ready_file: Path | None = Field(
        default=None, description="File the worker touches once it polls for work, for health checks"
    )


class BlobSettings(_Settings):
    """Where large values are kept, encrypted."""

    blob_store_url: str = Field(
        default="file:.perdure/blobs", description="file:FOLDER (shared by all processes) or s3://bucket/prefix"
    )


class EncryptionSettings(_Settings):
    """Keys for payloads in Temporal histories and for large values."""

    encryption_keys: SecretStr = Field(
        default=SecretStr(""),
        description="id:base64 of 32 bytes, comma separated; the first encrypts, all decrypt (see `perdure keygen`)",
    )


class CodecSettings(_Settings):
    """How the Temporal Web UI gets payloads decoded."""

    codec_token: SecretStr | None = Field(
        default=None, description="The gateway decodes payloads at /codec/<token>; without a token it does not"
    )


SessionPolicy = Literal["record", "re-login", "revoke"]
JwtAlgorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]


class AuthSettings(_Settings):
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
    supabase_service_role_key: SecretStr | None = Field(default=None, description="For administration of that project")


class IdentitySettings(_Settings):
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


class OidcSettings(_Settings):
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
        return _listed(self.oidc_return_paths)


class MailSettings(_Settings):
    """How mail leaves."""

    smtp_url: SecretStr | None = Field(
        default=None, description="smtp://user:password@host:587 (STARTTLS) or smtps://...:465; without it none is sent"
    )
    mail_from: str = Field(default="perdure@example.com", description="Sender of mail")
    mail_folder: Path | None = Field(default=None, description="Without SMTP_URL: folder where mail is written instead")
    console_url: str = Field(default="http://127.0.0.1:8000", description="Address of the console, for links in mail")


class GatewaySettings(_Settings):
    """How the gateway listens and what it accepts."""

    gateway_host: str = Field(default="127.0.0.1", description="Address to listen on")
    gateway_port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on")
    max_request_bytes: int = Field(default=10 * 1024 * 1024, ge=1024, description="Largest request body")
    max_header_bytes: int = Field(default=32 * 1024, ge=4096, description="Largest head of a request, its URL included")
    request_head_seconds: float = Field(default=10, gt=0, description="Time for the head of a request to come")
    request_body_seconds: float = Field(default=60, gt=0, description="Time for the body of a request to come")
    cors_origins: str = Field(default="", description="Allowed browser origins, comma separated, exact")
    trusted_hosts: str = Field(
        default="",
        description="Host names the gateway answers to, comma separated; needed in production. "
        "Without them: localhost and addresses",
    )
    trusted_proxies: str = Field(
        default="", description="Proxies whose address headers are believed, comma separated: addresses or CIDR"
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        return _listed(self.trusted_hosts)

    @property
    def proxies(self) -> tuple[str, ...]:
        return _listed(self.trusted_proxies)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in _listed(text):
            ip_network(part, strict=False)
        return text


class RateLimitSettings(_Settings):
    """How often one API key, user or address may ask."""

    rate_limit_requests_per_minute: int = Field(
        default=60, ge=1, le=MAX_REQUESTS_PER_MINUTE, description="Requests per minute"
    )
    rate_limit_auth_requests_per_minute: int = Field(
        default=10, ge=1, le=MAX_REQUESTS_PER_MINUTE, description="Logins, registrations and the like, per address"
    )
    rate_limit_window_seconds: int = Field(
        default=60, ge=1, le=MAX_WINDOW_SECONDS, description="Length of the sliding window"
    )
    rate_limit_burst: bool = Field(default=True, description="Whether the whole quota of a window may come at once")
    rate_limit_burst_requests: int = Field(
        default=10, ge=1, le=MAX_BURST_REQUESTS, description="Requests per sixth of the window if it may not"
    )


class FlagSettings(_Settings):
    """Which features are on."""

    feature_flags: str = Field(default="", description="name=true or name=false, comma separated")
    feature_flags_file: Path | None = Field(
        default=None, description="JSON file of further flags; it is read again when it changes"
    )
    launch_darkly_sdk_key: SecretStr | None = Field(
        default=None, description="Lets LaunchDarkly decide instead; needs launchdarkly-openfeature-server"
    )


class LanguageModelSettings(_Settings):
    """The default OpenAI-compatible endpoint of the LLM blocks."""

    openai_api_key: SecretStr | None = Field(default=None, description="Without it LLM nodes fail with a clear error")
    openai_base_url: str = Field(default="https://api.openai.com/v1", description="Any OpenAI-compatible endpoint")
    openai_default_model: str = Field(default="gpt-4o", description="Model when a node names none")


@dataclass(frozen=True)
class Settings:
    """All settings of a process, each class read from the environment unless given."""

    app: AppSettings = field(default_factory=AppSettings)
    postgres: PostgresSettings = field(default_factory=PostgresSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    temporal: TemporalSettings = field(default_factory=TemporalSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    blobs: BlobSettings = field(default_factory=BlobSettings)
    encryption: EncryptionSettings = field(default_factory=EncryptionSettings)
    codec: CodecSettings = field(default_factory=CodecSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    rate_limits: RateLimitSettings = field(default_factory=RateLimitSettings)
    flags: FlagSettings = field(default_factory=FlagSettings)
    language_model: LanguageModelSettings = field(default_factory=LanguageModelSettings)


SETTINGS_CLASSES: tuple[type[BaseSettings], ...] = (
    AppSettings,
    PostgresSettings,
    RedisSettings,
    TemporalSettings,
    WorkerSettings,
    BlobSettings,
    EncryptionSettings,
    CodecSettings,
    AuthSettings,
    IdentitySettings,
    OidcSettings,
    MailSettings,
    GatewaySettings,
    RateLimitSettings,
    FlagSettings,
    LanguageModelSettings,
)

GroupT = TypeVar("GroupT", bound=BaseSettings)


class SettingsError(ConfigurationError):
    """Settings that cannot be used; `problems` maps the variable (or file) -> reason, and never quotes a value."""

    code = "settings_invalid"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in problems.items()))
        self.problems = dict(problems)


def read_group(group: type[GroupT], values: Mapping[str, str]) -> GroupT:
    """Settings of one class: `values` by variable name, then the environment, then `.env`.

    Raises:
        SettingsError: values that are of no use, or a `.env` that is no text.
    """
    given = {name: values[name.upper()] for name in group.model_fields if name.upper() in values}
    try:
        return group.model_validate(given)
    except ValidationError as error:
        # A `.env` that is no text is an error of no field.
        problems = {str(found["loc"][0]).upper() if found["loc"] else ".env": found["msg"] for found in error.errors()}
        raise SettingsError(problems) from None
    except OSError as error:
        raise SettingsError({".env": f"cannot be read ({error.strerror})"}) from None


def read_settings(values: Mapping[str, str]) -> Settings:
    """All settings, `values` before the environment. Raises SettingsError."""
    return Settings(
        app=read_group(AppSettings, values),
        postgres=read_group(PostgresSettings, values),
        redis=read_group(RedisSettings, values),
        temporal=read_group(TemporalSettings, values),
        worker=read_group(WorkerSettings, values),
        blobs=read_group(BlobSettings, values),
        encryption=read_group(EncryptionSettings, values),
        codec=read_group(CodecSettings, values),
        auth=read_group(AuthSettings, values),
        identity=read_group(IdentitySettings, values),
        oidc=read_group(OidcSettings, values),
        mail=read_group(MailSettings, values),
        gateway=read_group(GatewaySettings, values),
        rate_limits=read_group(RateLimitSettings, values),
        language_model=read_group(LanguageModelSettings, values),
    )
