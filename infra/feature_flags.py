"""Feature flags through OpenFeature: from the environment and a file by default, or from LaunchDarkly."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, FeatureProvider
from openfeature.provider.metadata import Metadata
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from infra.settings import FlagSettings
from models.errors import ConfigurationError
from models.ids import UserId, new_id

LOOKUP_SECONDS: Final = 1.0
"""A provider that has not answered by then has failed."""

_log = structlog.get_logger(__name__)


class _Flag(BaseModel):
    """`users` have the flag on, whatever `enabled` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    users: frozenset[str] = frozenset()


_Flags = Mapping[str, _Flag]
_FILE: Final = TypeAdapter(dict[str, bool | _Flag])


class OpenFeatureFlags:
    """The port FeatureFlags."""

    def __init__(self, client: OpenFeatureClient) -> None:
        self._client = client

    async def is_enabled(self, flag_key: str, *, default: bool, user_id: UserId | None = None) -> bool:
        context = EvaluationContext(targeting_key=user_id)
        # A task, because the SDK turns the cancellation of a lookup into an error of its own.
        lookup = asyncio.ensure_future(self._client.get_boolean_details_async(flag_key, default, context))
        lookup.add_done_callback(_forget)
        try:
            await asyncio.wait({lookup}, timeout=LOOKUP_SECONDS)
        finally:
            lookup.cancel()
        if not lookup.done():
            _log.warning("feature flag not known", flag=flag_key, reason=f"no answer within {LOOKUP_SECONDS:g} s")
            return default
        details = lookup.result()
        if details.error_code is not None and details.error_code is not ErrorCode.FLAG_NOT_FOUND:
            _log.warning("feature flag not known", flag=flag_key, reason=details.error_message or details.error_code)
        return details.value


class ConfiguredFlags(AbstractProvider):
    """Flags of `FEATURE_FLAGS`, over those of a JSON file, which is read again whenever it changes.

    The file maps each flag to true, false, or {"enabled": false, "users": ["id of a user who has it"]}.

    Raises:
        ConfigurationError: one of the two cannot be read.
    """

    def __init__(self, text: str = "", file: Path | None = None) -> None:
        super().__init__()
        self._given = _parse(text)
        self._file = file
        self._of_file: _Flags = {}
        self._read_state: tuple[int, int] | None = None
        if file is not None:
            try:
                self._read(file)
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"FEATURE_FLAGS_FILE cannot be used: {_reason(error)}") from error

    def get_metadata(self) -> Metadata:
        return Metadata(name="perdure")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        self._refresh()
        flag = self._given.get(flag_key) or self._of_file.get(flag_key)
        if flag is None:
            return FlagResolutionDetails(value=default_value, reason=Reason.DEFAULT)
        if evaluation_context is not None and evaluation_context.targeting_key in flag.users:
            return FlagResolutionDetails(value=True, reason=Reason.TARGETING_MATCH)
        return FlagResolutionDetails(value=flag.enabled, reason=Reason.STATIC)

    def _refresh(self) -> None:
        if self._file is None:
            return
        try:
            status = self._file.stat()
            if (status.st_mtime_ns, status.st_size) != self._read_state:
                self._read(self._file)
        except (OSError, ValueError) as error:
            if self._read_state is not None:
                _log.error("feature flags stay as they were", reason=_reason(error))
                self._read_state = None

    def _read(self, file: Path) -> None:
        status = file.stat()
        found = _FILE.validate_json(file.read_bytes())
        self._of_file = {key: _Flag(enabled=flag) if isinstance(flag, bool) else flag for key, flag in found.items()}
        self._read_state = (status.st_mtime_ns, status.st_size)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return FlagResolutionDetails(value=default_value, reason=Reason.DEFAULT)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return FlagResolutionDetails(value=default_value, reason=Reason.DEFAULT)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return FlagResolutionDetails(value=default_value, reason=Reason.DEFAULT)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return FlagResolutionDetails(value=default_value, reason=Reason.DEFAULT)


def initialize_launchdarkly(launch_darkly_sdk_key: str) -> FeatureProvider:
    """A provider that asks LaunchDarkly.

    Raises:
        ConfigurationError: its package is not installed.
    """
    try:
        provider: Any = importlib.import_module("ld_openfeature")
        client: Any = importlib.import_module("ldclient")
    except ImportError as error:
        raise ConfigurationError(
            "LAUNCH_DARKLY_SDK_KEY is set, but the package of LaunchDarkly is not installed. "
            "Run `pip install launchdarkly-openfeature-server`, or remove the key."
        ) from error
    return provider.LaunchDarklyProvider(client.Config(launch_darkly_sdk_key))


def flags_of(provider: FeatureProvider) -> OpenFeatureFlags:
    """Flags that a provider decides, apart from those of any other in this process."""
    domain = f"perdure-{new_id()}"
    api.set_provider_and_wait(provider, domain)
    return OpenFeatureFlags(api.get_client(domain))


@asynccontextmanager
async def open_flags(settings: FlagSettings) -> AsyncGenerator[OpenFeatureFlags]:
    """The flags of an installation.

    Raises:
        ConfigurationError: the settings cannot be used.
    """
    key = settings.launch_darkly_sdk_key
    if key is not None and key.get_secret_value():
        provider = initialize_launchdarkly(key.get_secret_value())
    else:
        provider = ConfiguredFlags(settings.feature_flags, settings.feature_flags_file)
    flags = await asyncio.to_thread(flags_of, provider)
    try:
        yield flags
    finally:
        await asyncio.to_thread(provider.shutdown)


def _forget(lookup: asyncio.Future[Any]) -> None:
    """Nobody waits for what became of a lookup that took too long."""
    if not lookup.cancelled():
        lookup.exception()


def _parse(text: str) -> dict[str, _Flag]:
    flags: dict[str, _Flag] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not name or value.lower() not in ("true", "false"):
            raise ConfigurationError(f"FEATURE_FLAGS has {part[:100]!r}; write name=true or name=false.")
        flags[name] = _Flag(enabled=value.lower() == "true")
    return flags


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ValidationError):
        return "it is no JSON object of flags"
    return str(error) if isinstance(error, OSError) else type(error).__name__
