"""Delivering events to runs: by their owner, or by whoever has the token."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final

import structlog

from activities.payload_schema import check_payload, check_schema
from models.controls import ControlAction, EventDelivery
from models.errors import ConflictError, NotFoundError, PayloadTooLargeError, ServiceUnavailableError
from models.ids import GraphExecId
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
    ) -> AwaitedEvent:
        """Delivers an event to the node execution that is named, or has waited longest; the one that got it.

        Raises:
            NotFoundError: no such run, or nothing waits for such an event.
            ConflictError: the run has ended, or somebody was faster.
            InvalidRequestError, PayloadTooLargeError: the payload.
        """
        _check_size(given.payload)
        limit = MAX_TRIED if given.node_exec_id is None else MAX_LISTED
        async with self._units() as unit:
            run = await get_open_run(unit, user.id, graph_exec_id)
            waiting = await unit.awaited_events.list_waiting(user.id, run.id, name=name, limit=limit)
        if given.node_exec_id is not None:
            waiting = [event for event in waiting if event.node_exec_id == given.node_exec_id]
        refused: Exception = NotFoundError(f"Event {name[:100]!r} is not awaited by graph execution #{run.id}.")
        for event in waiting:
            try:
                await self._deliver(user, event, given, by=user.id, key=key)
            except (ConflictError, NotFoundError) as error:
                refused = error
            else:
                return event
        raise refused

    async def deliver_by_token(self, token: str, payload: object) -> None:
        """Delivers the one event that the token is for.

        Raises:
            NotFoundError: no event waits for this token, for whatever reason.
            InvalidRequestError, PayloadTooLargeError: the payload.
        """
        _check_size(payload)
        unknown = NotFoundError("This token delivers no event.")
        async with self._units() as unit:
            event = await unit.awaited_events.find_by_token_hash(hashlib.sha256(token.encode()).hexdigest())
            owner = None if event is None else await unit.users.find(event.user_id)
        if event is None or owner is None:
            raise unknown
        try:
            await self._deliver(owner, event, EventIn(payload=payload), by=STRANGER, key=None)
        except (ConflictError, NotFoundError) as error:
            raise unknown from error

    async def _deliver(self, owner: User, event: AwaitedEvent, given: EventIn, *, by: str, key: str | None) -> None:
        if event.payload_schema is not None:
            await asyncio.to_thread(_check, event.payload_schema, given.payload)
        delivery = EventDelivery(
            name=event.name,
            node_exec_id=event.node_exec_id,
            payload=await self._values.pack(given.payload, graph_exec_id=event.graph_exec_id),
            requested_by=by,
        )
        action = ControlAction.DELIVER_EVENT
        await self._runner.control(
            event.graph_exec_id,
            owner_key_id=owner.key_id,
            action=action,
            argument=delivery,
            request_id=request_id(owner.id, action, delivery, key=key),
        )
        resolution = Resolution(kind="event", by=by, at=self._clock.now())
        try:
            await self._waits.end_wait(event.node_exec_id, event.generation, resolution)
        except ServiceUnavailableError as error:
            _log.warning("delivery not recorded yet", reason=error.message)


def _check(schema: dict[str, object], payload: object) -> None:
    check_schema(schema)
    check_payload(schema, payload)


def _check_size(payload: object) -> None:
    size = len(dump_json(payload))
    if size > MAX_PAYLOAD_BYTES:
        raise PayloadTooLargeError(f"The payload has {size} bytes; the limit is {MAX_PAYLOAD_BYTES}.")
