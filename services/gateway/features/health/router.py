"""Whether the process lives, and whether what it needs answers."""

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from services.gateway.deps import GatewayContainer

router = APIRouter(tags=["health"])


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
    answers = await container.readiness.ask()
    ready = all(answers.values())
    response.status_code = 200 if ready else 503
    return ReadyOut(
        status="ready" if ready else "unavailable",
        checks={name: "ok" if ok else "unavailable" for name, ok in answers.items()},
    )
