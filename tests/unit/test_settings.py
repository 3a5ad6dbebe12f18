import pytest

from infra.settings import SETTINGS_CLASSES, SettingsError, read_settings

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
