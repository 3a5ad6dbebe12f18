"""Delivering events to runs: by their owner, or by whoever has the token."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from activities.payload_schema import check_payload, check_schema
from models.controls import ControlAction, EventDelivery
from models.errors import AppError, ConflictError, NotFoundError, PayloadTooLargeError, ServiceUnavailableError
from models.identity import secret_hash
from models.ids import GraphExecId, NodeExecId, new_id
from models.json_values import dump_json
from models.reviews import AwaitedEvent
from models.users import User
from models.value_store import ValueStore
from models.waits import Resolution
from services.gateway.container import Container
from services.gateway.features.events.schemas import EventIn
from services.gateway.open_runs import get_open_run, get_run, request_id

MAX_PAYLOAD_BYTES: Final = 1024 * 1024
MAX_LISTED: Final = 1_000
MAX_TRIED: Final = 20
"""Others may deliver to the longest wait meanwhile; then it is the next one's turn."""

STRANGER: Final = "token"

_log = structlog.get_logger(__name__)


class EventService:
    """Opens its own short units of work: nobody may hold a connection while an execution is asked."""

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._values = ValueStore(container.blobs)
        self._runner = container.runner
        self._waits = container.waits
        self._clock = container.clock

    async def list_awaited(self, user: User, graph_exec_id: GraphExecId) -> Sequence[AwaitedEvent]:
        """What a run waits for, the longest wait first. Raises NotFoundError."""
        async with self._units() as unit:
            run = await get_run(unit, user.id, graph_exec_id)
            return await unit.awaited_events.list_waiting(user.id, run.id, limit=MAX_LISTED)

    async def deliver(
        self, user: User, graph_exec_id: GraphExecId, name: str, given: EventIn, *, key: str | None
    ) -> NodeExecId:
        """Delivers an event to the node execution that is named, or has waited longest; the one that got it.

        Raises:
            NotFoundError: no such run, or nothing waits for such an event.
            ConflictError: the run has ended, or somebody was faster.
            InvalidRequestError, PayloadTooLargeError: the payload.
        """
        _check_size(given.payload)
        limit = MAX_TRIED if given.node_exec_id is None else MAX_LISTED
        async with self._units() as unit:
            run = await get_open_run(unit, user.id, graph_exec_id, repeated=key is not None)
            waiting = await unit.awaited_events.list_waiting(user.id, run.id, name=name, limit=limit)
        if given.node_exec_id is not None:
            waiting = [event for event in waiting if event.node_exec_id == given.node_exec_id]
        action = ControlAction.DELIVER_EVENT
        delivery = EventDelivery(
            name=name,
            node_exec_id=None if given.node_exec_id is None else NodeExecId(given.node_exec_id),
            payload=await self._values.pack(given.payload, graph_exec_id=run.id),
            requested_by=user.id,
        )
        request = request_id(user.id, action, delivery, key=key)
        unknown = NotFoundError(f"Event {name[:100]!r} is not awaited by graph execution #{run.id}.")
        refused: AppError = unknown
        for event in waiting:
            await _check_fit(event, given.payload)
            try:
                return await self._deliver(user, event, delivery, request=request)
            except (ConflictError, NotFoundError) as error:
                refused = error
        if key is None or waiting:
            raise refused
        # Nothing waits any more: perhaps because this very request was carried out before.
        try:
            return await self._send(user, run.id, delivery, request=request)
        except ConflictError as error:
            raise (error if run.status.is_terminal else unknown) from error

    async def deliver_by_token(self, token: str, payload: object) -> None:
        """Delivers the one event that the token is for.

        Raises:
            NotFoundError: no event waits for this token, for whatever reason.
            InvalidRequestError, PayloadTooLargeError: the payload.
        """
        _check_size(payload)
        unknown = NotFoundError("This token delivers no event.")
        async with self._units() as unit:
            event = await unit.awaited_events.find_by_token_hash(secret_hash(token))
            owner = None if event is None else await unit.users.find(event.user_id)
        if event is None or owner is None:
            raise unknown
        await _check_fit(event, payload)
        packed = await self._values.pack(payload, graph_exec_id=event.graph_exec_id)
        delivery = EventDelivery(name=event.name, payload=packed, requested_by=STRANGER)
        try:
            await self._deliver(owner, event, delivery, request=new_id())
        except (ConflictError, NotFoundError) as error:
            raise unknown from error

    async def _deliver(self, owner: User, event: AwaitedEvent, delivery: EventDelivery, *, request: str) -> NodeExecId:
        to_this = delivery.model_copy(update={"node_exec_id": event.node_exec_id})
        receiver = await self._send(owner, event.graph_exec_id, to_this, request=request)
        if receiver == event.node_exec_id:
            resolution = Resolution(kind="event", by=delivery.requested_by, at=self._clock.now())
            try:
                await self._waits.end_wait(event.node_exec_id, event.generation, resolution)
            except ServiceUnavailableError as error:
                _log.warning("delivery not recorded yet", reason=error.message)
        return receiver

    async def _send(
        self, owner: User, graph_exec_id: GraphExecId, delivery: EventDelivery, *, request: str
    ) -> NodeExecId:
        answer = await self._runner.control(
            graph_exec_id,
            owner_key_id=owner.key_id,
            action=ControlAction.DELIVER_EVENT,
            argument=delivery,
            request_id=request,
        )
        return answer.node_exec_ids[0]


async def _check_fit(event: AwaitedEvent, payload: object) -> None:
    if event.payload_schema is not None:
        await asyncio.to_thread(_check, event.payload_schema, payload)


def _check(schema: dict[str, object], payload: object) -> None:
    check_schema(schema)
    check_payload(schema, payload)


def _check_size(payload: object) -> None:
    size = len(dump_json(payload))
    if size > MAX_PAYLOAD_BYTES:
        raise PayloadTooLargeError(f"The payload has {size} bytes; the limit is {MAX_PAYLOAD_BYTES}.")
