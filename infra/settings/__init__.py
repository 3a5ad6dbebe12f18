"""Settings, read once from the environment (then `.env`), in small classes. `.env.example` is generated from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from infra.settings.group import SettingsError, SettingsGroup, read_group
from infra.settings.identity import (
    AuthSettings,
    IdentitySettings,
    MailSettings,
    OidcSettings,
)
from infra.settings.processes import (
    AppSettings,
    CodecSettings,
    Environment,
    FlagSettings,
    GatewaySettings,
    RateLimitSettings,
    WorkerSettings,
)
from infra.settings.servers import (
    BlobSettings,
    EncryptionSettings,
    LanguageModelSettings,
    PostgresSettings,
    RedisSettings,
    TemporalSettings,
)

__all__ = [
    "SETTINGS_CLASSES",
    "AppSettings",
    "AuthSettings",
    "BlobSettings",
    "CodecSettings",
    "EncryptionSettings",
    "Environment",
    "FlagSettings",
    "GatewaySettings",
    "IdentitySettings",
    "LanguageModelSettings",
    "MailSettings",
    "OidcSettings",
    "PostgresSettings",
    "RateLimitSettings",
    "RedisSettings",
    "Settings",
    "SettingsError",
    "TemporalSettings",
    "WorkerSettings",
    "read_group",
    "read_settings",
    "settings_of_process",
]


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


_GROUPS: Mapping[str, type[SettingsGroup]] = {group.name: group.type for group in fields(Settings)}  # pyright: ignore
SETTINGS_CLASSES: tuple[type[SettingsGroup], ...] = tuple(_GROUPS.values())


def settings_of_process() -> Settings:
    """The settings of a process that begins. Ends it, and names what is wrong without its value, if there is such."""
    try:
        return read_settings({})
    except SettingsError as error:
        raise SystemExit(f"error: settings that cannot be used: {error}") from None


def read_settings(values: Mapping[str, str]) -> Settings:
    """All settings, `values` before the environment. Raises SettingsError."""
    groups: dict[str, Any] = {name: read_group(group, values) for name, group in _GROUPS.items()}
    return Settings(**groups)
