"""/rate-limit, and the same under /api/rate-limit: what somebody has used of a limit"""

import dataclasses
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from models.audit import AuditAction
from models.rate_limits import RateRule
from services.gateway.audit import audits
from services.gateway.auth.dependencies import Admin
from services.gateway.deps import GatewayContainer
from services.gateway.json_bodies import SmallJsonRoute

_routes = APIRouter(tags=["rate limits"], route_class=SmallJsonRoute)

RateKeyPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=300,
        pattern=r"^[^\x00]+$",
        description="`key:` and the id of an API key, `user:` and the id of a user, or `address:` and an address "
        "(of IPv6 the first one of its /64).",
    ),
]


class RateLimitOut(BaseModel):
    """`reset`: seconds since 1970; `window_size`: seconds; `current`: requests in the window."""

    limit: int
    remaining: int
    reset: int
    current: int
    window_size: int


async def _rule(
    container: GatewayContainer,
    rule: Annotated[Literal["default", "auth", "codec"], Query(description="Which limit is meant.")] = "default",
) -> RateRule:
    return container.rate_gate.rules.by_name[rule]


Rule = Annotated[RateRule, Depends(_rule)]


@_routes.get("/{key}", summary="Read what a key, user or address has used of its limit")
async def get_rate_limit(_: Admin, key: RateKeyPath, rule: Rule, container: GatewayContainer) -> RateLimitOut:
    info = await container.rate_gate.limiter.get_rate_limit_info(key, rule)
    return RateLimitOut(**dataclasses.asdict(info))


@_routes.post(
    "/{key}/reset",
    summary="Give a key, user or address its whole quota again",
    status_code=204,
    dependencies=[audits(AuditAction.RATE_LIMIT_RESET, "rate_limit")],
)
async def reset_rate_limit(_: Admin, key: RateKeyPath, rule: Rule, container: GatewayContainer) -> None:
    await container.rate_gate.limiter.reset(key, rule)


router = APIRouter()
router.include_router(_routes, prefix="/rate-limit", generate_unique_id_function=lambda route: route.name)
router.include_router(
    _routes, prefix="/api/rate-limit", generate_unique_id_function=lambda route: f"{route.name}_of_api"
)
