import os
import subprocess
import sys
import traceback

import pytest
from pydantic import SecretStr

from infra.postgres import Database
from infra.redis import connect
from infra.settings import SETTINGS_CLASSES, PostgresSettings, RedisSettings, SettingsError, read_settings
from models.errors import ConfigurationError

GIVEN = {
    "LOG_LEVEL": "ERROR",
    "DATABASE_URL": "postgresql://u@h/d",
    "REDIS_URL": "redis://h",
    "TEMPORAL_ADDRESS": "h:1",
    "WORKER_MAX_CACHED_WORKFLOWS": "3",
    "BLOB_STORE_URL": "file:blobs",
    "ENCRYPTION_KEYS": "a:b",
    "CODEC_TOKEN": "token",
    "JWT_AUDIENCE": "people",
    "AUTH_REGISTRATION": "closed",
    "OIDC_CLIENT_ID": "us",
    "MAIL_FROM": "us@example.com",
    "GATEWAY_PORT": "1",
    "RATE_LIMIT_REQUESTS_PER_MINUTE": "7",
    "FEATURE_FLAGS": "new=true",
    "OPENAI_DEFAULT_MODEL": "small",
}


def test_given_values_reach_every_group() -> None:
    groups = vars(read_settings(GIVEN)).values()

    assert {type(group) for group in groups if group.model_fields_set} >= set(SETTINGS_CLASSES)
    read = {name.upper(): str(getattr(group, name)) for group in groups for name in type(group).model_fields}
    masked = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEYS", "CODEC_TOKEN"), "**********")
    assert {name: read[name] for name in GIVEN} == GIVEN | masked


def test_an_unusable_value_is_named_and_not_quoted() -> None:
    with pytest.raises(SettingsError, match="GATEWAY_PORT") as caught:
        read_settings({"GATEWAY_PORT": "hunter2"})

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://:hunter2/x@h:1/0", "http://h", "redis://h:hunter2"])
def test_an_unusable_address_of_redis_is_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL") as refused:
        connect(RedisSettings(redis_url=SecretStr(url)))

    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "postgresql://u@h:hunter2/d", "postgresql:u@h", ""])
def test_an_unusable_address_of_postgres_is_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as refused:
        Database(PostgresSettings(database_url=SecretStr(url)), application_name="test")

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("process", ["gateway", "worker"])
def test_a_process_with_unusable_settings_ends_without_quoting_them(process: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{process}.main"],
        env={**os.environ, "DATABASE_POOL_SIZE": "hunter2"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "DATABASE_POOL_SIZE" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
