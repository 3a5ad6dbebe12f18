from typing import Any

import pytest
from pydantic import SecretStr

from infra.production import refuse_unsafe, unsafe
from infra.settings import (
    AppSettings,
    AuthSettings,
    CodecSettings,
    Environment,
    GatewaySettings,
    PostgresSettings,
    Settings,
    SettingsError,
)

KEY = "0123456789abcdef0123456789abcdef"


def settings(environment: Environment = Environment.PRODUCTION, **groups: Any) -> Settings:
    safe = {
        "app": AppSettings(environment=environment, log_level="INFO"),
        "postgres": PostgresSettings(database_url=SecretStr("postgresql://perdure:secret@db/perdure")),
        "auth": AuthSettings(jwt_verify_key=SecretStr(KEY)),
        "codec": CodecSettings(codec_token=SecretStr(KEY)),
        "gateway": GatewaySettings(trusted_hosts="api.example.com", cors_origins="https://console.example.com"),
    }
    return Settings(**{**safe, **groups})


UNSAFE = {
    "TRUSTED_HOSTS": [{"gateway": GatewaySettings()}, {"gateway": GatewaySettings(trusted_hosts="a.example.com, *")}],
    "CORS_ORIGINS": [
        {"gateway": GatewaySettings(trusted_hosts="a.example.com", cors_origins=origins)}
        for origins in ("*", "https://a.example.com, *", "null")
    ],
    "LOG_LEVEL": [{"app": AppSettings(environment=Environment.PRODUCTION, log_level="DEBUG")}],
    "DATABASE_URL": [{"postgres": PostgresSettings.model_construct()}],
    "JWT_VERIFY_KEY": [{"auth": AuthSettings(jwt_verify_key=SecretStr("x" * 40))}],
    "CODEC_TOKEN": [{"codec": CodecSettings(codec_token=SecretStr(token))} for token in ("short-token", "x" * 40)],
}


def test_a_complete_production_is_safe() -> None:
    assert unsafe(settings()) == {}


@pytest.mark.parametrize(
    ("variable", "groups"), [(variable, groups) for variable, cases in UNSAFE.items() for groups in cases]
)
def test_production_refuses_what_development_takes(variable: str, groups: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refusal:
        refuse_unsafe(settings(**groups))
    assert set(refusal.value.problems) == {variable}
    development = {**groups, "app": AppSettings(environment=Environment.DEVELOPMENT)}
    refuse_unsafe(settings(**development))
