"""Settings: whether they can be read, whether the addresses in them are addresses."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dotenv.parser import parse_stream

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.diagnosis.situation import Situation
from infra.settings import (
    SETTINGS_CLASSES,
    AppSettings,
    BlobSettings,
    Environment,
    GatewaySettings,
    LanguageModelSettings,
    PostgresSettings,
    RedisSettings,
    TemporalSettings,
)

ENV_FILE: Final = Path(".env")
KNOWN: Final = frozenset(name.upper() for group in SETTINGS_CLASSES for name in group.model_fields)
_ADDRESS: Final = re.compile(r"(?:[^\s:/@\[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})")
_SEE: Final = "`perdure settings` lists every setting."


def check_settings(situation: Situation, *, env_file: Path = ENV_FILE) -> list[Finding]:
    findings = [*_check_env_file(env_file)]
    for variable, reason in situation.invalid.items():
        if variable == ".env":
            if not findings:
                findings.append(problem("settings", f"{env_file} cannot be used: {reason}.", f"Correct it. {_SEE}"))
            continue
        findings.append(problem("settings", f"{variable} cannot be used: {reason}.", f"Correct {variable}. {_SEE}"))
    for variable, reason, hint in _wrong_addresses(situation):
        findings.append(problem("settings", f"{variable} cannot be used: {reason}.", hint))
    app = situation.find(AppSettings)
    if app and app.environment is Environment.PRODUCTION and not situation.is_deployment:
        started = sorted({"postgres", "redis", "temporal"} - situation.external)
        findings.append(
            warning(
                "settings",
                f"ENVIRONMENT is production, but no setting names a server for {', '.join(started)}.",
                "Set DATABASE_URL, REDIS_URL and TEMPORAL_ADDRESS: the servers of `perdure up` are for one machine.",
            )
        )
    if not findings:
        source = f"the environment and {env_file}" if env_file.exists() else "the environment"
        findings.append(ok("settings", f"All settings of {source} can be read."))
    return findings


def _check_env_file(path: Path) -> Iterator[Finding]:
    """Lines that are no assignments are skipped by whoever reads the file, without a word that reaches anybody."""
    try:
        with path.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        yield problem("settings", f"{path} cannot be read: {reason}.", "Correct or remove the file. " + _SEE)
        return
    for binding in bindings:
        if binding.error:
            yield problem(
                "settings",
                f"{path}, line {binding.original.line}, is no assignment: it is ignored, and so may be what follows.",
                "Write NAME=value, one per line; put values with spaces or # in quotes.",
            )
    yield from (
        warning("settings", f"{path} sets {name}, which is no setting.", f"Did you mean {similar}? {_SEE}")
        for name, similar in _misspelt(binding.key for binding in bindings if binding.key)
    )


def _misspelt(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name.upper() in KNOWN:
            continue
        similar = difflib.get_close_matches(name.upper(), KNOWN, n=1, cutoff=0.85)
        if similar:
            yield name, similar[0]


# --- addresses ----------------------------------------------------------------------------------------------------


def _wrong_addresses(situation: Situation) -> Iterator[tuple[str, str, str]]:
    """Variable, what is wrong with it, what to write instead. Values are not quoted: they hold passwords."""
    for variable, value, explain, example in _addresses(situation):
        reason = explain(value)
        if reason:
            yield variable, reason, f"It must look like {example}."


def _addresses(situation: Situation) -> Iterator[tuple[str, str, Callable[[str], str | None], str]]:
    if postgres := situation.find(PostgresSettings):
        url = postgres.database_url.get_secret_value()
        yield "DATABASE_URL", url, _explain_database_url, "postgresql://user:password@host:5432/perdure"
    if redis := situation.find(RedisSettings):
        yield "REDIS_URL", redis.redis_url.get_secret_value(), _explain_redis_url, "redis://:password@host:6379/0"
    if temporal := situation.find(TemporalSettings):
        yield "TEMPORAL_ADDRESS", temporal.temporal_address, _explain_temporal_address, "host:7233"
        if temporal.temporal_ui_url:
            yield "TEMPORAL_UI_URL", temporal.temporal_ui_url, _explain_web_address, "http://host:8233"
    if model := situation.find(LanguageModelSettings):
        yield "OPENAI_BASE_URL", model.openai_base_url, _explain_web_address, "https://host/v1"
    if blobs := situation.find(BlobSettings):
        yield "BLOB_STORE_URL", blobs.blob_store_url, _explain_blob_url, "file:/path or s3://bucket/prefix"
    if gateway := situation.find(GatewaySettings):
        for origin in filter(None, (part.strip() for part in gateway.cors_origins.split(","))):
            yield "CORS_ORIGINS", origin, _explain_web_address, "https://console.example.com,https://other.example.com"


def _explain_database_url(url: str) -> str | None:
    schemes = ("postgresql", "postgres", "postgresql+asyncpg")
    return _explain_url(url, schemes) or (None if urlsplit(url).path.strip("/") else "it names no database")


def _explain_redis_url(url: str) -> str | None:
    return None if url.startswith("unix://") else _explain_url(url, ("redis", "rediss"))


def _explain_web_address(url: str) -> str | None:
    return _explain_url(url, ("http", "https"))


def _explain_blob_url(url: str) -> str | None:
    if url.startswith("s3://"):
        return None if urlsplit(url).netloc else "it names no bucket"
    return (
        None if url.startswith("file:") and len(url) > len("file:") else "it begins neither with file: nor with s3://"
    )


def _explain_temporal_address(address: str) -> str | None:
    if "://" in address:
        return "it is a host and a port, without a scheme"
    matched = _ADDRESS.fullmatch(address)
    return None if matched and 0 < int(matched.group(1)) < 65536 else "it is no host and port"


def _explain_url(url: str, schemes: tuple[str, ...]) -> str | None:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in schemes:
        return f"it begins with none of {', '.join(f'{name}://' for name in schemes)}"
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return "host or port are malformed (characters like / # @ in a password must be written as %2F %23 %40)"
    return None if has_host else "it names no host"
