"""/api/review"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from models.audit import AuditAction
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import GraphExecutor, GraphReader
from services.gateway.deps import (
    GatewayContainer,
    GraphExecIdPath,
    IdempotencyKey,
    LongPage,
    ShortPage,
    tell_total,
)
from services.gateway.features.reviews.schemas import ReviewActionIn, ReviewActionOut, ReviewOut
from services.gateway.features.reviews.service import ReviewService
from services.gateway.json_bodies import JsonRoute

router = APIRouter(prefix="/api/review", tags=["reviews"], route_class=JsonRoute)


async def _service(container: GatewayContainer) -> ReviewService:
    return ReviewService(container)


Reviews = Annotated[ReviewService, Depends(_service)]


@router.get("/pending", operation_id="list_pending_reviews", summary="List what waits for your decision, newest first")
async def list_pending_reviews(
    user: GraphReader, reviews: Reviews, page: ShortPage, response: Response
) -> list[ReviewOut]:
    found = await reviews.list_waiting(user, page)
    tell_total(response, found)
    return list(found.items)


@router.get(
    "/execution/{graph_exec_id}", operation_id="list_execution_reviews", summary="List reviews of a run, oldest first"
)
async def list_execution_reviews(
    user: GraphReader, graph_exec_id: GraphExecIdPath, reviews: Reviews, page: LongPage, response: Response
) -> list[ReviewOut]:
    found = await reviews.list_of_execution(user, graph_exec_id, page)
    tell_total(response, found)
    return list(found.items)


@router.post(
    "/action",
    operation_id="decide_reviews",
    summary="Approve or reject reviews of one run, all or none",
    dependencies=[audits(AuditAction.REVIEWS_DECIDED, "review")],
)
async def decide_reviews(
    user: GraphExecutor,
    body: ReviewActionIn,
    reviews: Reviews,
    act: CurrentAct,
    idempotency_key: IdempotencyKey = None,
) -> ReviewActionOut:
    act.object_id = body.reviews[0].node_exec_id if len(body.reviews) == 1 else None
    act.details = {"decisions": {review.node_exec_id: review.approved for review in body.reviews}}
    return await reviews.decide(user, body, key=idempotency_key)
