"""Where the servers are that processes speak to, and how what is kept there is encrypted."""

from functools import cached_property
from typing import Final

from pydantic import Field, SecretStr

from infra.settings.group import SettingsGroup
from models.errors import ConfigurationError

UNUSABLE_DATABASE_URL: Final = "DATABASE_URL cannot be used: it must look like postgresql://user:password@host:port/db."


class PostgresSettings(SettingsGroup):
    """Where graphs, users and the projections of executions live."""

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://postgres@127.0.0.1:5432/perdure"),
        description="postgresql://user:password@host:port/db",
    )
    database_pool_size: int = Field(default=10, ge=1, le=200, description="Connections per process")

    @cached_property
    def async_url(self) -> str:
        """The URL for SQLAlchemy's asyncpg driver. Raises ConfigurationError, which does not quote it."""
        scheme, separator, rest = self.database_url.get_secret_value().partition("://")
        if not separator or scheme not in ("postgresql+asyncpg", "postgresql", "postgres"):
            raise ConfigurationError(UNUSABLE_DATABASE_URL)
        return f"postgresql+asyncpg://{rest}"


class RedisSettings(SettingsGroup):
    """Where live events go."""

    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"), description="redis://:password@host:port/db"
    )
    event_stream_max_length: int = Field(default=10_000, ge=100, description="Events kept per execution")
    event_stream_ttl_seconds: int = Field(
        default=86_400, ge=60, description="How long the events of an execution are kept"
    )


class TemporalSettings(SettingsGroup):
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


class BlobSettings(SettingsGroup):
    """Where large values are kept, encrypted."""

    blob_store_url: str = Field(
        default="file:.perdure/blobs", description="file:FOLDER (shared by all processes) or s3://bucket/prefix"
    )


class EncryptionSettings(SettingsGroup):
    """Keys for payloads in Temporal histories and for large values."""

    encryption_keys: SecretStr = Field(
        default=SecretStr(""),
        description="id:base64 of 32 bytes, comma separated; the first encrypts, all decrypt (see `perdure keygen`)",
    )


class LanguageModelSettings(SettingsGroup):
    """The default OpenAI-compatible endpoint of the LLM blocks."""

    openai_api_key: SecretStr | None = Field(default=None, description="Without it LLM nodes fail with a clear error")
    openai_base_url: str = Field(default="https://api.openai.com/v1", description="Any OpenAI-compatible endpoint")
    openai_default_model: str = Field(default="gpt-4o", description="Model when a node names none")
