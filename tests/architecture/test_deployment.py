"""docker-compose.yml, read without Docker: it is complete, holds no secrets and fits the programs it starts."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from infra.crypto import KeyRing, new_key
from infra.embedded.postgres import postgres_binaries
from infra.embedded.temporal import temporal_binary
from infra.embedded.valkey import valkey_binary
from infra.settings import SETTINGS_CLASSES
from services.cli.main import app
from tests.compose import (
    COMPOSE_FILE,
    ROOT,
    MissingVariableError,
    Reference,
    compose,
    env_example,
    interpolate,
    raw_compose,
    references,
    strings,
)

OWN_SERVICES = {"migrate", "gateway", "worker"}
ONE_SHOTS = {"temporal-schema", "migrate"}
PUBLISHED = {"gateway", "temporal-ui"}
SECRETS = {
    **dict.fromkeys(("POSTGRES_PASSWORD", "PERDURE_DB_PASSWORD", "TEMPORAL_DB_PASSWORD", "REDIS_PASSWORD"), "s3cret"),
    "JWT_VERIFY_KEY": "x" * 32,
    "ENCRYPTION_KEYS": new_key(),
    "CODEC_TOKEN": "t0ken",
}
SETTINGS = {name.upper() for group in SETTINGS_CLASSES for name in group.model_fields}
# Fixed in production, or for a Temporal elsewhere.
NOT_HANDED_ON = {"AUTH_COOKIE_SECURE", "TEMPORAL_API_KEY", "TEMPORAL_TLS"}
# Read by the S3 client of the blob store.
AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT"}
IMAGE_VARIABLES = {
    "postgres": {"POSTGRES_PASSWORD"},
    "redis": {"REDISCLI_AUTH"},
    "temporal": {
        *("DB", "POSTGRES_SEEDS", "DB_PORT", "POSTGRES_USER", "POSTGRES_PWD", "DBNAME", "VISIBILITY_DBNAME"),
        *("NUM_HISTORY_SHARDS", "BIND_ON_IP", "DYNAMIC_CONFIG_FILE_PATH", "LOG_LEVEL", "GOGC", "GOMEMLIMIT"),
    },
    "temporal-ui": {
        *("TEMPORAL_ADDRESS", "TEMPORAL_UI_PORT", "TEMPORAL_DEFAULT_NAMESPACE", "TEMPORAL_CORS_ORIGINS"),
        *("TEMPORAL_NOTIFY_ON_NEW_VERSION", "TEMPORAL_CODEC_ENDPOINT"),
    },
}
# Read by files of ours that other images run.
SCRIPT_VARIABLES = {
    "postgres": ("create-databases.sql", {"PERDURE_DB_PASSWORD", "TEMPORAL_DB_PASSWORD"}),
    "temporal-schema": ("setup-schema.sh", {"SQL_HOST", "SQL_USER"}),
}
SECRET_NAME = re.compile("PASSWORD|SECRET|TOKEN|_KEYS?$|PWD|AUTH$")

SERVICES: dict[str, dict[str, Any]] = compose(SECRETS)["services"]
RAW_SERVICES: dict[str, dict[str, Any]] = raw_compose()["services"]
every_service = pytest.mark.parametrize("service", SERVICES)


def all_references() -> list[Reference]:
    return [reference for text in strings(RAW_SERVICES) for reference in references(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A-${A}", "1-1"),
        ("${A:-2} ${B:-http://x:2/y}", "1 http://x:2/y"),
        ("${EMPTY:-2}", "2"),
        ("${A:?complaint}", "1"),
        ("$$A", "$A"),
        ("$B|", "|"),
    ],
)
def test_variables_are_replaced_as_compose_does(text: str, expected: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == expected


@pytest.mark.parametrize("text", ["${A:-${B}}", "${A", "$-", "${A:+1}"])
def test_what_the_helper_does_not_understand_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        list(references(text))


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_is_an_error_that_says_how_to_make_one(name: str) -> None:
    with pytest.raises(MissingVariableError, match=rf"^{name} set {name}.*`(openssl rand|perdure keygen)"):
        compose({**SECRETS, name: ""})


def test_no_secret_has_a_default() -> None:
    for reference in all_references():
        if SECRET_NAME.search(reference.name):
            assert reference.complaint, reference.name
    for name, service in RAW_SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.search(variable):
                assert value is None or ":?" in value, f"{name}: {variable}"


def test_no_secret_is_written_into_a_file_of_the_deployment() -> None:
    for path in (COMPOSE_FILE, *(ROOT / "infra/deploy").rglob("*")):
        if path.is_file():
            assert not re.search(r"(?i)(password|secret|token)\w*\s*[:=]\s*['\"]?[\w/+]{8,}['\"]?$", path.read_text())


def test_the_example_names_every_variable_with_its_default() -> None:
    active, commented = env_example()
    used = {reference.name: reference.default or "" for reference in all_references()}
    used |= {
        name: "" for service in RAW_SERVICES.values() for name, value in service["environment"].items() if not value
    }
    assert active == dict.fromkeys(SECRETS, "")
    assert {**active, **commented} == used


@pytest.mark.parametrize("service", sorted(OWN_SERVICES))
def test_our_services_get_settings_that_exist_and_are_valid(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert RAW_SERVICES[service]["environment"].keys() <= SETTINGS | AWS
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    environment = SERVICES[service]["environment"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for group in SETTINGS_CLASSES:
        group(_env_file=None)  # pyright: ignore[reportCallIssue]
    KeyRing.parse(environment["ENCRYPTION_KEYS"])


def test_settings_that_operators_are_told_of_reach_a_container() -> None:
    told = set(re.findall(r"`([A-Z_]+)", (ROOT / "docs/operations.md").read_text())) & SETTINGS
    handed_on = {name for service in OWN_SERVICES for name in RAW_SERVICES[service]["environment"]}
    assert told - handed_on == NOT_HANDED_ON


@pytest.mark.parametrize("service", sorted(SERVICES.keys() - OWN_SERVICES))
def test_other_images_get_variables_they_know(service: str) -> None:
    script, read = SCRIPT_VARIABLES.get(service, ("", set[str]()))
    text = "".join(path.read_text() for path in (ROOT / "infra/deploy").rglob(script or "none"))
    assert all(name in text for name in read)
    # The tool of the schema reads the password itself.
    known = IMAGE_VARIABLES.get(service, {"SQL_PASSWORD"}) | read
    assert SERVICES[service]["environment"].keys() == known


@pytest.mark.parametrize("service", sorted(OWN_SERVICES))
def test_our_commands_exist(service: str) -> None:
    (command,) = SERVICES[service]["command"]
    assert command in typer.main.get_command(app).list_commands(None)  # type: ignore[attr-defined, arg-type]


@every_service
def test_what_is_mounted_and_connected_exists(service: str) -> None:
    file = raw_compose()
    assert set(SERVICES[service]["networks"]) <= file["networks"].keys()
    for mount in SERVICES[service].get("volumes", []):
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).is_file(), mount
            assert mount.endswith(":ro")
        else:
            assert source in file["volumes"], mount


def test_gateways_and_workers_share_the_blobs() -> None:
    for service in ("gateway", "worker"):
        url = SERVICES[service]["environment"]["BLOB_STORE_URL"]
        assert f"blobs:{url.removeprefix('file:')}" in SERVICES[service]["volumes"]


@every_service
def test_every_service_is_supervised(service: str) -> None:
    described = SERVICES[service]
    assert described["mem_limit"]
    assert described["logging"]["options"]["max-size"]
    if service in ONE_SHOTS:
        assert described["healthcheck"] == {"disable": True}
        assert described["restart"] in ("no", "on-failure:5")
    else:
        assert {"test", "interval", "timeout", "retries"} <= described["healthcheck"].keys()
        assert described["restart"] == "unless-stopped"


@every_service
def test_services_wait_for_what_they_need(service: str) -> None:
    for needed, how in SERVICES[service].get("depends_on", {}).items():
        condition = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
        assert how == {"condition": condition}


@every_service
def test_only_the_gateway_and_the_web_ui_are_published(service: str) -> None:
    ports = SERVICES[service].get("ports", [])
    assert bool(ports) == (service in PUBLISHED)
    assert all(port.startswith("127.0.0.1:") for port in ports)
    if service not in OWN_SERVICES | PUBLISHED:
        assert SERVICES[service]["networks"] == ["inside"]
    assert raw_compose()["networks"]["inside"] == {"internal": True}


def version_of(program: Path, pattern: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(pattern, said)
    assert found, said
    return found[1]


def test_images_are_pinned_to_the_versions_the_tests_run_on() -> None:
    tags = {name: service["image"].partition(":")[::2] for name, service in SERVICES.items()}
    temporal = version_of(temporal_binary(), r"Server ([\d.]+)")
    assert tags["temporal"] == ("temporalio/server", temporal)
    assert tags["temporal-schema"] == ("temporalio/admin-tools", temporal)
    assert tags["temporal-ui"] == ("temporalio/ui", version_of(temporal_binary(), r"UI ([\d.]+)"))
    postgres = version_of(postgres_binaries() / "postgres", r"(\d+)\.")
    assert re.fullmatch(rf"{postgres}\.\d+", tags["postgres"][1])
    valkey = version_of(valkey_binary(), r"v=(\d+\.\d+)\.")
    assert re.fullmatch(rf"{re.escape(valkey)}\.\d+", tags["redis"][1])
    release = re.search('^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert release
    assert {tags[name] for name in OWN_SERVICES} == {("perdure", release[1])}


def test_the_temporal_server_knows_its_dynamic_configuration() -> None:
    text = (ROOT / "infra/deploy/temporal/dynamicconfig.yaml").read_text()
    keys = re.findall(r"^([\w.]+):$", text, re.MULTILINE)
    server = temporal_binary().resolve().read_bytes()
    assert keys
    assert [key for key in keys if key.encode() not in server] == []


def test_docker_compose_accepts_the_file() -> None:
    """More than the tests above only where Compose is installed; no test depends on it."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], capture_output=True).returncode:
            break
    else:
        pytest.skip("Compose is not installed")
    environment = {**SECRETS, "PATH": str(Path(shutil.which(command[0]) or "").parent) + ":/usr/bin:/bin"}
    config = [*command, "--file", str(COMPOSE_FILE), "config"]
    accepted = subprocess.run(config, env=environment, capture_output=True, text=True)
    assert accepted.returncode == 0, accepted.stderr
    assert all(f"  {name}:" in accepted.stdout for name in SERVICES)
    refused = subprocess.run(config, env={**environment, "JWT_VERIFY_KEY": ""}, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "JWT_VERIFY_KEY" in refused.stderr
