"""What is fine on one's own machine and must not face the internet."""

from collections.abc import Mapping
from typing import Final

from infra.settings import Environment, Settings, SettingsError

_MIN_TOKEN_CHARACTERS: Final = 16
_MIN_DIFFERENT_CHARACTERS: Final = 8
"""Of a key: one with fewer is a placeholder."""


def refuse_unsafe(settings: Settings) -> None:
    """Does nothing outside production.

    Raises:
        SettingsError: names everything that must be set otherwise.
    """
    if settings.app.environment is Environment.PRODUCTION and (problems := unsafe(settings)):
        raise SettingsError(problems)


def unsafe(settings: Settings) -> Mapping[str, str]:
    """Variable -> why production refuses its value, which is never quoted."""
    gateway = settings.gateway
    problems: dict[str, str] = {}
    if not gateway.hosts:
        problems["TRUSTED_HOSTS"] = "is needed in production: the names by which clients reach the gateway"
    elif "*" in gateway.hosts:
        problems["TRUSTED_HOSTS"] = "must name hosts: with * any page could reach the gateway through its own DNS"
    if any(origin.strip() in ("*", "null") for origin in gateway.cors_origins.split(",")):
        problems["CORS_ORIGINS"] = "must name origins: * and null let any page call the gateway"
    if settings.app.log_level == "DEBUG":
        problems["LOG_LEVEL"] = "DEBUG tells too much in production: use INFO"
    if "database_url" not in settings.postgres.model_fields_set:
        problems["DATABASE_URL"] = "is needed in production: the default has no password"
    if _is_placeholder(settings.auth.jwt_verify_key.get_secret_value()):
        problems["JWT_VERIFY_KEY"] = "is a placeholder: use what `openssl rand -hex 32` prints"
    token = settings.codec.codec_token.get_secret_value() if settings.codec.codec_token else ""
    if token and (len(token) < _MIN_TOKEN_CHARACTERS or _is_placeholder(token)):
        problems["CODEC_TOKEN"] = "can be guessed: use what `openssl rand -hex 24` prints"  # noqa: S105
    return problems


def _is_placeholder(key: str) -> bool:
    return bool(key) and len(set(key)) < _MIN_DIFFERENT_CHARACTERS
