"""Events that runs wait for: seen and delivered by their owner, or delivered by whoever has the token"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path

from models.audit import AuditAction
from services.gateway.audit import audits
from services.gateway.auth.dependencies import GraphExecutor, GraphReader
from services.gateway.deps import GatewayContainer, GraphExecIdPath, IdempotencyKey
from services.gateway.features.events.schemas import AwaitedEventOut, EventDeliveredOut, EventIn, awaited_event_out
from services.gateway.features.events.service import MAX_PAYLOAD_BYTES, EventService
from services.gateway.json_bodies import JsonRoute


class _EventRoute(JsonRoute):
    max_bytes = 2 * MAX_PAYLOAD_BYTES
    """Escapes make a payload longer than it is stored."""


router = APIRouter(prefix="/api", tags=["events"], route_class=_EventRoute)


async def _service(container: GatewayContainer) -> EventService:
    return EventService(container)


Events = Annotated[EventService, Depends(_service)]


@router.get(
    "/executions/{graph_exec_id}/awaited-events",
    operation_id="list_awaited_events",
    summary="List the events a run waits for, the longest wait first",
)
async def list_awaited_events(
    user: GraphReader, graph_exec_id: GraphExecIdPath, events: Events
) -> list[AwaitedEventOut]:
    return [awaited_event_out(event) for event in await events.list_awaited(user, graph_exec_id)]


@router.post(
    "/executions/{graph_exec_id}/events/{name}",
    operation_id="deliver_event",
    summary="Deliver an event to a run",
    dependencies=[audits(AuditAction.EVENT_DELIVERED, "graph_execution")],
)
async def deliver_event(
    user: GraphExecutor,
    graph_exec_id: GraphExecIdPath,
    name: Annotated[str, Path(min_length=1, max_length=255, pattern=r"^[^\x00]+$")],
    events: Events,
    body: EventIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> EventDeliveredOut:
    delivered = await events.deliver(user, graph_exec_id, name, body or EventIn(), key=idempotency_key)
    return EventDeliveredOut(node_exec_id=delivered)


@router.post(
    "/events/{token}",
    operation_id="deliver_event_by_token",
    summary="Deliver the event that a token is for; the body is the payload, the token works once",
    status_code=204,
)
async def deliver_event_by_token(
    token: Annotated[str, Path(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")],
    events: Events,
    payload: Annotated[Any, Body()] = None,
) -> None:
    await events.deliver_by_token(token, payload)
