"""All checks of an installation, at the same time, none waiting for or hindered by another."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.diagnosis.blobs import check_blob_store, local_folder
from infra.diagnosis.blocks import check_blocks
from infra.diagnosis.configuration import check_settings
from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.diagnosis.folder import SpaceProbe, check_folder, check_space, find_local_data, measure_space
from infra.diagnosis.gateway import check_gateway
from infra.diagnosis.keys import check_encryption_keys, check_token_key
from infra.diagnosis.ports import check_ports
from infra.diagnosis.postgres import check_postgres, has_runs
from infra.diagnosis.programs import PROGRAMS, check_packages, check_program, check_python
from infra.diagnosis.redis import check_redis
from infra.diagnosis.situation import Situation, assess
from infra.diagnosis.temporal import check_temporal
from infra.embedded.ports import LOOPBACK
from infra.settings import GatewaySettings, PostgresSettings, RedisSettings, TemporalSettings

CHECK_SECONDS: Final = 20.0
_ANY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on

Check = Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True)
class Examination:
    """
    Args:
        gateway_url: a gateway that ought to answer; None: that of the stack here, or of the settings.
        space: measures what is free on a disk.
        seconds: how long one check may take.
    """

    situation: Situation
    gateway_url: str | None = None
    space: SpaceProbe = measure_space
    seconds: float = CHECK_SECONDS

    async def run(self) -> list[Finding]:
        """What all checks have found, always in the same order."""
        checks: dict[str, Check] = {
            "python": self._python,
            "programs": self._programs,
            "blocks": self._blocks,
            "settings": self._settings,
            "encryption keys": self._encryption_keys,
            "token key": self._token_key,
            "folder": self._folder,
            "disk": self._disk,
            "ports": self._ports,
            "postgres": self._postgres,
            "redis": self._redis,
            "temporal": self._temporal,
            "blob store": self._blob_store,
            "gateway": self._gateway,
        }
        found = await asyncio.gather(*(self._bounded(name, check) for name, check in checks.items()))
        return [finding for findings in found for finding in findings]

    async def _bounded(self, name: str, check: Check) -> list[Finding]:
        try:
            async with asyncio.timeout(self.seconds):
                return await check()
        except TimeoutError:
            message = f"No answer within {self.seconds:.0f} s."
            return [problem(name, message, "What is checked hangs: look at its log, and at the network in between.")]
        except Exception as error:
            # A diagnosis that dies of one thing it did not foresee is of no use for the rest.
            return [problem(name, f"This could not be checked ({type(error).__name__}: {error}).", "Please report it.")]

    async def _python(self) -> list[Finding]:
        return [check_python(), await asyncio.to_thread(check_packages)]

    async def _programs(self) -> list[Finding]:
        external = self.situation.external
        return list(await asyncio.gather(*(check_program(name, needed=name not in external) for name in PROGRAMS)))

    async def _blocks(self) -> list[Finding]:
        return await asyncio.to_thread(check_blocks)

    async def _settings(self) -> list[Finding]:
        return await asyncio.to_thread(check_settings, self.situation)

    async def _encryption_keys(self) -> list[Finding]:
        return [await check_encryption_keys(self.situation, self._find_data)]

    async def _token_key(self) -> list[Finding]:
        return [check_token_key(self.situation)]

    async def _folder(self) -> list[Finding]:
        if self.situation.is_deployment and not self.situation.home.folder.exists():
            return [ok("folder", "Not needed: settings name all servers.")]
        return await asyncio.to_thread(check_folder, self.situation)

    async def _disk(self) -> list[Finding]:
        blobs = self.situation.blobs
        folder = self.situation.home.folder
        if self.situation.is_deployment and blobs is not None:
            folder = local_folder(blobs) or folder
        return [await asyncio.to_thread(check_space, folder.absolute(), self.space)]

    async def _ports(self) -> list[Finding]:
        if self.situation.is_deployment:
            return [ok("ports", "Not needed: settings name all servers.")]
        return await asyncio.to_thread(check_ports, self.situation)

    async def _postgres(self) -> list[Finding]:
        settings = self.situation.find(PostgresSettings)
        if settings is None or not self.situation.expects("postgres"):
            return [self._not_asked("postgres", settings is not None)]
        return await check_postgres(settings, is_ours=self._is_ours("postgres"))

    async def _redis(self) -> list[Finding]:
        settings = self.situation.find(RedisSettings)
        if settings is None or not self.situation.expects("redis"):
            return [self._not_asked("redis", settings is not None)]
        return [await check_redis(settings, is_ours=self._is_ours("redis"))]

    async def _temporal(self) -> list[Finding]:
        settings = self.situation.find(TemporalSettings)
        if settings is None or not self.situation.expects("temporal"):
            return [self._not_asked("temporal", settings is not None)]
        needs_worker = self.situation.is_running or self.situation.is_deployment
        return await check_temporal(settings, is_ours=self._is_ours("temporal"), needs_worker=needs_worker)

    async def _blob_store(self) -> list[Finding]:
        settings = self.situation.blobs
        if settings is None:
            return [self._not_asked("blob store", False)]
        folder = local_folder(settings)
        needed = self.situation.is_running or self.situation.is_deployment
        if not needed and folder is not None and not folder.exists():
            return [ok("blob store", f"{folder} will be made.")]
        if not needed and not self.situation.encryption_keys:
            return [ok("blob store", "Not checked: there are no encryption keys yet.")]
        return [await check_blob_store(settings, self.situation.encryption_keys)]

    async def _gateway(self) -> list[Finding]:
        state, settings = self.situation.state, self.situation.find(GatewaySettings)
        if self.gateway_url is not None:
            return await check_gateway(self.gateway_url.rstrip("/"), needed=True)
        if self.situation.is_running and state is not None and state.stack is not None:
            return await check_gateway(state.stack.gateway_url, needed=True)
        if self.situation.is_deployment and settings is not None:
            host = LOOPBACK if settings.gateway_host in _ANY_ADDRESS else settings.gateway_host
            return await check_gateway(f"http://{host}:{settings.gateway_port}", needed=False)
        return [ok("gateway", "None runs here; `perdure up` starts one.")]

    async def _find_data(self) -> str | None:
        postgres = self.situation.find(PostgresSettings)
        if postgres is not None and self.situation.expects("postgres") and await has_runs(postgres):
            return "the database holds executions"
        blobs = self.situation.blobs
        folder = local_folder(blobs) if blobs is not None else None
        if folder is not None and (folder / "runs").is_dir() and any((folder / "runs").iterdir()):
            return f"values in {folder}"
        local = find_local_data(self.situation.home)
        return f"the data in {local}" if local else None

    def _is_ours(self, server: str) -> bool:
        return self.situation.is_running and server not in self.situation.external

    def _not_asked(self, name: str, readable: bool) -> Finding:
        if not readable:
            return warning(name, "Not checked: its settings cannot be read.", "See the check of the settings.")
        return ok(name, "Not running; `perdure up` starts it.")


async def diagnose(folder: Path, *, gateway_url: str | None = None, space: SpaceProbe = measure_space) -> list[Finding]:
    """Examines the installation that the settings and the folder of a local stack describe."""
    situation = await asyncio.to_thread(assess, folder)
    return await Examination(situation, gateway_url=gateway_url, space=space).run()
