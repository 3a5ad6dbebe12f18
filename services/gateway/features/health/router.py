"""Whether the process lives, and whether what it needs answers."""

import asyncio
from typing import Final, Literal

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from models.errors import AppError
from services.gateway.container import HealthCheck
from services.gateway.deps import GatewayContainer

CHECK_SECONDS: Final = 5.0

router = APIRouter(tags=["health"])


_log = structlog.get_logger(__name__)


class HealthOut(BaseModel):
    status: Literal["healthy"] = "healthy"


class ReadyOut(BaseModel):
    """`checks`: "ok" or "unavailable" by part."""

    status: Literal["ready", "unavailable"]
    checks: dict[str, Literal["ok", "unavailable"]]


@router.get("/", include_in_schema=False)
async def home() -> RedirectResponse:
    """A browser that opens the gateway finds something to read."""
    return RedirectResponse("/docs")


@router.get("/health", operation_id="get_health", summary="The process answers")
async def get_health() -> HealthOut:
    return HealthOut()


@router.get(
    "/ready", operation_id="get_ready", summary="Everything it needs answers", responses={503: {"model": ReadyOut}}
)
async def get_ready(container: GatewayContainer, response: Response) -> ReadyOut:
    answers = await asyncio.gather(*(_answers(name, check) for name, check in container.checks.items()))
    ready = all(answers)
    response.status_code = 200 if ready else 503
    return ReadyOut(
        status="ready" if ready else "unavailable",
        checks={name: "ok" if ok else "unavailable" for name, ok in zip(container.checks, answers, strict=True)},
    )


async def _answers(name: str, check: HealthCheck) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (AppError, TimeoutError) as error:
        _log.warning("not ready", part=name, reason=str(error) or type(error).__name__)
        return False
    return True
