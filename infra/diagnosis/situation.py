"""What there is to examine: the settings as far as they can be read, and the stack of a folder, if one runs."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic_settings import BaseSettings

from infra.embedded.home import StackHome
from infra.embedded.local_stack import SERVERS, is_set
from infra.embedded.server import StackError
from infra.embedded.stack import Phase, StackState, find_live_state
from infra.embedded.stack_secrets import StackSecrets
from infra.settings import (
    SETTINGS_CLASSES,
    AuthSettings,
    BlobSettings,
    EncryptionSettings,
    PostgresSettings,
    RedisSettings,
    SettingsError,
    TemporalSettings,
    read_group,
)

GroupT = TypeVar("GroupT", bound=BaseSettings)


@dataclass(frozen=True)
class Situation:
    """
    Attributes:
        state: of the stack that lives in the folder.
        groups: the classes of settings that could be read; those of a running stack are the ones it runs with.
        invalid: variable (or `.env`) -> why it cannot be used.
        external: the servers that settings name, so that nobody starts them here.
    """

    home: StackHome
    state: StackState | None = None
    groups: Mapping[type[BaseSettings], BaseSettings] = field(default_factory=dict[type[BaseSettings], BaseSettings])
    invalid: Mapping[str, str] = field(default_factory=dict[str, str])
    external: frozenset[str] = frozenset()
    kept_secrets: StackSecrets | None = None

    @property
    def is_running(self) -> bool:
        return self.state is not None and self.state.phase == Phase.RUNNING

    @property
    def is_deployment(self) -> bool:
        """Whether all servers are somebody's own: then nothing is started here, and everything has to be there."""
        return self.external == frozenset(SERVERS)

    def expects(self, server: str) -> bool:
        """Whether a server has to answer now."""
        return self.is_running or server in self.external

    def find(self, group: type[GroupT]) -> GroupT | None:
        found = self.groups.get(group)
        return found if isinstance(found, group) else None

    @property
    def encryption_keys(self) -> str:
        """Those in use, else those that `perdure up` would use; empty if there are none."""
        group = self.find(EncryptionSettings)
        given = group.encryption_keys.get_secret_value() if group else ""
        return given or (self.kept_secrets.encryption_keys if self.kept_secrets else "")

    @property
    def token_key(self) -> str:
        """As `encryption_keys`, of JWT_VERIFY_KEY."""
        group = self.find(AuthSettings)
        given = group.jwt_verify_key.get_secret_value() if group else ""
        return given or (self.kept_secrets.jwt_verify_key if self.kept_secrets else "")

    @property
    def blobs(self) -> BlobSettings | None:
        """BLOB_STORE_URL, or the folder that `perdure up` would use instead of the default."""
        group = self.find(BlobSettings)
        if group is None or self.is_running or self.is_deployment or is_set(group, "blob_store_url"):
            return group
        return BlobSettings(blob_store_url=f"file:{self.home.blobs}")


def assess(folder: Path) -> Situation:
    """Reads settings and state; what cannot be read is left out, and found by the checks."""
    home = StackHome(folder)
    state: StackState | None = None
    with suppress(StackError):
        state = find_live_state(home)
    own_groups, _ = _read_groups({})
    groups, invalid = _read_groups(state.environment if state else {})
    named = {
        "postgres": (PostgresSettings, "database_url"),
        "redis": (RedisSettings, "redis_url"),
        "temporal": (TemporalSettings, "temporal_address"),
    }
    return Situation(
        home=home,
        state=state,
        groups=groups,
        invalid=invalid,
        external=frozenset(name for name, (group, key) in named.items() if is_set(own_groups.get(group), key)),
        kept_secrets=_read_secrets(home),
    )


def _read_groups(values: Mapping[str, str]) -> tuple[dict[type[BaseSettings], BaseSettings], dict[str, str]]:
    groups: dict[type[BaseSettings], BaseSettings] = {}
    invalid: dict[str, str] = {}
    for group in SETTINGS_CLASSES:
        try:
            groups[group] = read_group(group, values)
        except SettingsError as error:
            invalid.update(error.problems)
    return groups, invalid


def _read_secrets(home: StackHome) -> StackSecrets | None:
    with suppress(OSError, ValueError):
        return StackSecrets.model_validate_json(home.secrets_file.read_bytes())
    return None
