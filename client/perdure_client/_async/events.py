"""`client.events`."""

from typing import Any
from uuid import uuid4

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, nothing, one, page_of, path_of
from perdure_client.models import AwaitedEvent, EventDelivered


class AsyncEventsCalls:
    """Events from outside that runs wait for."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def awaited(self, execution_id: str) -> Page[AwaitedEvent]:
        """What a run waits for, the longest wait first. Raises NotFound."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "executions", execution_id, "awaited-events"),
                read=page_of(AwaitedEvent),
                repeatable=True,
            )
        )

    async def send(
        self, execution_id: str, name: str, payload: Any = None, *, node_exec_id: str | None = None
    ) -> EventDelivered:
        """Delivers an event to the node execution that is named, or has waited longest for it.

        Sent again after a lost answer, it is delivered once.

        Raises:
            NotFound: no such run, or nothing in it waits for such an event.
            Conflict: the run has ended, or somebody was faster.
            ValidationFailed: the payload does not fit the schema of the event, or is too large.
        """
        body: dict[str, Any] = {"payload": payload}
        if node_exec_id is not None:
            body["node_exec_id"] = node_exec_id
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "executions", execution_id, "events", name),
                body=body,
                headers={"Idempotency-Key": str(uuid4())},
                read=one(EventDelivered),
                repeatable=True,
            )
        )

    async def send_by_token(self, token: str, payload: Any = None) -> None:
        """Delivers the one event that a token is for; the gateway asks for nothing else. It is not repeated.

        Raises:
            NotFound: the token delivers nothing, or not any more.
            ValidationFailed: the payload does not fit the schema of the event, or is too large.
        """
        await self._transport.call(
            Request(method="POST", path=path_of("api", "events", token), body=payload, read=nothing)
        )
