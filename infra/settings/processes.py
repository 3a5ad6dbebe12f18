"""What a process is, how much it takes on, and what it lets through."""

from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from infra.settings.group import SettingsGroup, listed
from models.rate_limits import MAX_BURST_REQUESTS, MAX_REQUESTS_PER_MINUTE, MAX_WINDOW_SECONDS


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class AppSettings(SettingsGroup):
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


class WorkerSettings(SettingsGroup):
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


class GatewaySettings(SettingsGroup):
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
        return listed(self.trusted_hosts)

    @property
    def proxies(self) -> tuple[str, ...]:
        return listed(self.trusted_proxies)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        for part in listed(text):
            ip_network(part, strict=False)
        return text


class CodecSettings(SettingsGroup):
    """How the Temporal Web UI gets payloads decoded."""

    codec_token: SecretStr | None = Field(
        default=None, description="The gateway decodes payloads at /codec/<token>; without a token it does not"
    )


class RateLimitSettings(SettingsGroup):
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


class FlagSettings(SettingsGroup):
    """Which features are on."""

    feature_flags: str = Field(default="", description="name=true or name=false, comma separated")
    feature_flags_file: Path | None = Field(
        default=None, description="JSON file of further flags; it is read again when it changes"
    )
    launch_darkly_sdk_key: SecretStr | None = Field(
        default=None, description="Lets LaunchDarkly decide instead; needs launchdarkly-openfeature-server"
    )
