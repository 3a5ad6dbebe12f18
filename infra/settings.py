"""Settings, read once from the environment (then `.env`), in small classes. `.env.example` is generated from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError

MIN_TOKEN_KEY_CHARACTERS: Final = 32
"""Of JWT_VERIFY_KEY in production: a shorter one can be guessed from any token."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


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


class AuthSettings(_Settings):
    """Who may call the gateway."""

    jwt_verify_key: SecretStr = Field(default=SecretStr(""), description="Key that verifies bearer tokens (HS256)")
    jwt_algorithm: Literal["HS256"] = Field(default="HS256", description="Algorithm of bearer tokens")
    jwt_audience: str = Field(default="authenticated", description="Required aud claim")


class GatewaySettings(_Settings):
    """How the gateway listens and what it accepts."""

    gateway_host: str = Field(default="127.0.0.1", description="Address to listen on")
    gateway_port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on")
    max_request_bytes: int = Field(default=10 * 1024 * 1024, ge=1024, description="Largest request body")
    cors_origins: str = Field(default="", description="Allowed browser origins, comma separated, exact")


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
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
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
    GatewaySettings,
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
        gateway=read_group(GatewaySettings, values),
        language_model=read_group(LanguageModelSettings, values),
    )
