"""/api/admin/diagnostics: how the installation is, for whoever runs it"""

import dataclasses
import os
import platform
import time
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from activities.blocks.registry import BlockRegistry
from models.function_cache import get_cache_stats
from services.gateway.auth.dependencies import Admin
from services.gateway.deps import GatewayContainer, Unit
from services.gateway.json_bodies import JsonRoute

router = APIRouter(prefix="/api/admin/diagnostics", tags=["admin"], route_class=JsonRoute)

_PACKAGES: Final = ("perdure", "temporalio", "fastapi", "pydantic", "sqlalchemy", "redis")
_STARTED: Final = time.monotonic()


class FunctionCacheOut(BaseModel):
    entries: int
    hits: int
    misses: int


class CacheOut(BaseModel):
    """Of this process. `functions_cached`: functions that have entries."""

    total_entries: int
    functions_cached: int
    by_function: dict[str, FunctionCacheOut]


class LocksOut(BaseModel):
    """Of this process; times are sums in seconds."""

    acquired: int
    timeouts: int
    lost: int
    waited_seconds: float
    held_seconds: float
    held: int
    idle_entries: int


class BlockProblemOut(BaseModel):
    """What was left out of the library."""

    distribution: str
    entry_point: str
    reason: str


class BlocksOut(BaseModel):
    """`disabled` maps the name of a block to what it lacks."""

    total: int
    disabled: dict[str, str]
    problems: list[BlockProblemOut]


class DiagnosticsOut(BaseModel):
    at: datetime
    process_id: int
    uptime_seconds: float
    versions: dict[str, str]
    checks: dict[str, Literal["ok", "unavailable"]]
    blocks: BlocksOut
    cache: CacheOut
    locks: LocksOut
    objects: dict[str, int]
    executions: dict[str, int]


@router.get("", operation_id="get_diagnostics", summary="Read versions, checks, problems and figures")
async def get_diagnostics(_: Admin, container: GatewayContainer, unit: Unit) -> DiagnosticsOut:
    return DiagnosticsOut(
        at=container.clock.now(),
        process_id=os.getpid(),
        uptime_seconds=round(time.monotonic() - _STARTED, 3),
        versions=_versions() | {"postgres": await unit.statistics.database_version()},
        checks={name: "ok" if ok else "unavailable" for name, ok in (await container.readiness.ask()).items()},
        blocks=_blocks_out(container.blocks),
        cache=_cache_out(),
        locks=LocksOut(**dataclasses.asdict(container.locks.stats())),
        objects=dict(await unit.statistics.count_objects()),
        executions=dict(await unit.statistics.count_executions()),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _cache_out() -> CacheOut:
    stats: Mapping[str, Any] = get_cache_stats()
    return CacheOut.model_validate(stats)


def _blocks_out(blocks: BlockRegistry) -> BlocksOut:
    known = blocks.all()
    return BlocksOut(
        total=len(known),
        disabled={block.name(): block.disabled for block in known if block.disabled is not None},
        problems=[BlockProblemOut(**dataclasses.asdict(problem)) for problem in blocks.problems],
    )
