"""What a local stack consists of: which servers are ours, on which ports, with which settings."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from infra.embedded.home import StackHome, read_ports, write_private
from infra.embedded.own_processes import GatewayProcess, WorkerProcess
from infra.embedded.ports import LOOPBACK, free_port, holder_of, is_free
from infra.embedded.postgres import PostgresServer
from infra.embedded.server import EmbeddedServer, StackError
from infra.embedded.stack import ProcessIds, RunningStack
from infra.embedded.stack_secrets import StackSecrets, issue_dev_token
from infra.embedded.temporal import TemporalServer
from infra.embedded.valkey import ValkeyServer
from infra.settings import Settings, TemporalSettings
from models.rate_limits import MAX_REQUESTS_PER_MINUTE

# Not the usual ports of Postgres and Redis, where a system's own servers often listen.
_PREFERRED = {"gateway": 8000, "temporal": 7233, "temporal_ui": 8233, "postgres": 15432, "redis": 16379}
_PORTS_OF = {
    "gateway": ("gateway",),
    "worker": (),
    "temporal": ("temporal", "temporal_ui"),
    "postgres": ("postgres",),
    "redis": ("redis",),
}
SERVERS = ("postgres", "redis", "temporal")
_EAGER_ACTIVITIES_OF_A_SINGLE_WORKER = "100"
_AUTH_REQUESTS_PER_MINUTE = "600"


def wanted_ports(home: StackHome, servers: Iterable[str]) -> dict[str, int]:
    """The ports that the gateway and these servers would like: those of the last run, else the preferred ones."""
    remembered = read_ports(home)
    keys = [key for part in ("gateway", *servers) for key in _PORTS_OF[part]]
    return {key: remembered.get(key, _PREFERRED[key]) for key in keys}


def is_set(group: object, field: str) -> bool:
    """Whether the environment or `.env` gives a setting a value."""
    return field in getattr(group, "model_fields_set", ()) and bool(str(getattr(group, field) or ""))


class LocalStack:
    """The parts of a stack. A server whose address the user has set is theirs: it is used, not started.

    Args:
        gateway_port: the only acceptable port of the gateway; None: any, preferably 8000.
        say: where remarks for the user go.
    """

    def __init__(
        self,
        home: StackHome,
        settings: Settings,
        secrets: StackSecrets,
        *,
        gateway_port: int | None,
        say: Callable[[str], None],
    ) -> None:
        self._home = home
        self._settings = settings
        self._secrets = secrets
        self._say = say
        external = {
            "postgres": is_set(settings.postgres, "database_url"),
            "redis": is_set(settings.redis, "redis_url"),
            "temporal": is_set(settings.temporal, "temporal_address"),
        }
        self.servers = tuple(name for name, is_external in external.items() if not is_external)
        if gateway_port is None and is_set(settings.gateway, "gateway_port"):
            gateway_port = settings.gateway.gateway_port or None
        self._ports = self._choose_ports(gateway_port)
        self._builders: Mapping[str, Callable[[], EmbeddedServer]] = {
            "postgres": self._build_postgres,
            "redis": self._build_redis,
            "temporal": self._build_temporal,
            "worker": self._build_worker,
            "gateway": self._build_gateway,
        }

    def build(self, name: str) -> EmbeddedServer:
        return self._builders[name]()

    def replace_taken_ports(self, name: str) -> bool:
        """Moves the part to other ports if somebody has taken one of them meanwhile; False if none was taken."""
        taken = [key for key in _PORTS_OF[name] if not is_free(self._ports[key])]
        for key in taken:
            self._ports[key] = self._other_port(key, self._ports[key])
        if taken:
            self._remember_ports()
        return bool(taken)

    @property
    def database_url(self) -> str:
        if "postgres" in self.servers:
            return self._build_postgres().url
        return self._settings.postgres.database_url.get_secret_value()

    @property
    def temporal_settings(self) -> TemporalSettings:
        return self._settings.temporal.model_copy(update={"temporal_address": self._temporal_address})

    @property
    def dev_api_key(self) -> str:
        return self._secrets.dev_api_key

    def environment(self) -> dict[str, str]:
        """The settings of the worker and the gateway, as environment variables."""
        settings, secrets = self._settings, self._secrets
        temporal = settings.temporal
        values = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self._redis_url,
            "TEMPORAL_ADDRESS": self._temporal_address,
            "TEMPORAL_NAMESPACE": temporal.temporal_namespace,
            "TEMPORAL_UI_URL": self._temporal_ui_url or "",
            "JWT_VERIFY_KEY": self._jwt_verify_key,
            "ENCRYPTION_KEYS": settings.encryption.encryption_keys.get_secret_value() or secrets.encryption_keys,
            "CODEC_TOKEN": secrets.codec_token,
            "BLOB_STORE_URL": f"file:{self._home.blobs}",
        }
        if not is_set(settings.rate_limits, "rate_limit_requests_per_minute"):
            values["RATE_LIMIT_REQUESTS_PER_MINUTE"] = str(MAX_REQUESTS_PER_MINUTE)
        if not is_set(settings.rate_limits, "rate_limit_auth_requests_per_minute"):
            values["RATE_LIMIT_AUTH_REQUESTS_PER_MINUTE"] = _AUTH_REQUESTS_PER_MINUTE
        if not is_set(settings.app, "log_files"):
            # The stack keeps what its processes print.
            values["LOG_FILES"] = "off"
        if is_set(settings.blobs, "blob_store_url"):
            values["BLOB_STORE_URL"] = settings.blobs.blob_store_url
        return {name: value for name, value in values.items() if value}

    def describe(self) -> RunningStack:
        gateway_url = f"http://{LOOPBACK}:{self._ports['gateway']}"
        auth = self._settings.auth
        return RunningStack(
            gateway_url=gateway_url,
            console_url=f"{gateway_url}/",
            docs_url=f"{gateway_url}/docs",
            temporal_address=self._temporal_address,
            temporal_namespace=self._settings.temporal.temporal_namespace,
            temporal_ui_url=self._temporal_ui_url,
            database_url=self.database_url,
            redis_url=self._redis_url,
            processes=ProcessIds(),
            dev_token=issue_dev_token(self._jwt_verify_key, auth=auth),
            dev_api_key=self._secrets.dev_api_key,
        )

    @property
    def _jwt_verify_key(self) -> str:
        return self._settings.auth.jwt_verify_key.get_secret_value() or self._secrets.jwt_verify_key

    @property
    def _redis_url(self) -> str:
        if "redis" in self.servers:
            return self._build_redis().url
        return self._settings.redis.redis_url.get_secret_value()

    @property
    def _temporal_address(self) -> str:
        if "temporal" in self.servers:
            return self._build_temporal().address
        return self._settings.temporal.temporal_address

    @property
    def _temporal_ui_url(self) -> str | None:
        if "temporal" in self.servers:
            return self._build_temporal().ui_url
        return self._settings.temporal.temporal_ui_url

    def _build_postgres(self) -> PostgresServer:
        folder = self._home.data("postgres")
        return PostgresServer(folder, port=self._ports["postgres"], password=self._secrets.postgres_password)

    def _build_redis(self) -> ValkeyServer:
        folder = self._home.data("redis")
        return ValkeyServer(folder, port=self._ports["redis"], password=self._secrets.redis_password)

    def _build_temporal(self) -> TemporalServer:
        return TemporalServer(
            self._home.data("temporal"),
            port=self._ports["temporal"],
            ui_port=self._ports["temporal_ui"],
            namespace=self._settings.temporal.temporal_namespace,
            retention=timedelta(days=self._settings.temporal.temporal_retention_days),
            codec_endpoint=f"http://{LOOPBACK}:{self._ports['gateway']}/codec/{self._secrets.codec_token}",
        )

    def _build_worker(self) -> WorkerProcess:
        settings = self.environment()
        if not is_set(self._settings.worker, "worker_max_eager_activities"):
            settings["WORKER_MAX_EAGER_ACTIVITIES"] = _EAGER_ACTIVITIES_OF_A_SINGLE_WORKER
        return WorkerProcess(settings, ready_file=Path(self._home.run) / "worker.ready")

    def _build_gateway(self) -> GatewayProcess:
        return GatewayProcess(self.environment(), port=self._ports["gateway"])

    def _choose_ports(self, gateway_port: int | None) -> dict[str, int]:
        ports = {
            key: wanted if is_free(wanted) else self._other_port(key, wanted)
            for key, wanted in wanted_ports(self._home, self.servers).items()
        }
        if gateway_port is not None:
            if not is_free(gateway_port):
                raise StackError(f"Port {gateway_port} is taken by {_whom(gateway_port)}: end it or choose another.")
            ports["gateway"] = gateway_port
        self._ports = ports
        self._remember_ports()
        return ports

    def _other_port(self, key: str, taken: int) -> int:
        port = free_port()
        self._say(f"port {taken} is taken by {_whom(taken)}: {key} uses {port}")
        return port

    def _remember_ports(self) -> None:
        write_private(self._home.ports_file, json.dumps({**read_ports(self._home), **self._ports}))


def _whom(port: int) -> str:
    return holder_of(port) or "another process"
