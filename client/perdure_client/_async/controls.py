"""What `client.executions` can do to a run that goes on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, one, page_of, path_of
from perdure_client.models import Control, ControlRecord, GraphExecutionMeta


class AsyncControlCalls:
    """Pausing runs, and mending them. Each method raises NotFound for a run, or a part of it, that is not there, and
    Conflict if the run has ended or is not in a state for this."""

    _transport: AsyncTransport

    async def pause(self, execution_id: str, *, reason: str = "") -> GraphExecutionMeta:
        """Starts nothing new until the run is resumed; what runs ends, timers go on by the clock."""
        return await self._set_paused(execution_id, "pause", reason)

    async def resume(self, execution_id: str, *, reason: str = "") -> GraphExecutionMeta:
        """Lets a paused run go on; one that is not paused already does."""
        return await self._set_paused(execution_id, "resume", reason)

    async def release(self, execution_id: str, *, reason: str = "") -> Control:
        """Ends a run that is held because nodes have failed."""
        return await self._control("POST", (execution_id, "release"), {"reason": reason})

    async def retry_node(self, execution_id: str, node_exec_id: str, *, reason: str = "") -> Control:
        """Runs a failed node execution again: it calls, and costs, again."""
        return await self._control("POST", (execution_id, "nodes", node_exec_id, "retry"), {"reason": reason})

    async def skip_node(self, execution_id: str, node_exec_id: str, *, reason: str = "") -> Control:
        """Lets a node execution end without outputs."""
        return await self._control("POST", (execution_id, "nodes", node_exec_id, "skip"), {"reason": reason})

    async def set_output(
        self,
        execution_id: str,
        node_exec_id: str,
        outputs: Mapping[str, Sequence[Any]] | Sequence[tuple[str, Any]],
        *,
        reason: str = "",
    ) -> Control:
        """Lets a node execution end with these outputs: values by pin, or (pin, value) in their order.

        Raises:
            ValidationFailed: the block has no such pin, or the values are too large.
        """
        values: Any = (
            {pin: list(values) for pin, values in outputs.items()} if isinstance(outputs, Mapping) else list(outputs)
        )
        return await self._control(
            "PUT", (execution_id, "nodes", node_exec_id, "output"), {"outputs": values, "reason": reason}
        )

    async def extend_deadline(
        self,
        execution_id: str,
        *,
        until: datetime | None = None,
        timeout_seconds: float | None = None,
        node_exec_id: str | None = None,
        node_id: str | None = None,
    ) -> Control:
        """Moves the deadline of a run, or of what `node_exec_id` waits for: to an instant, or to so long from now. With
        `node_id` each further attempt of that node gets `timeout_seconds`.

        Raises:
            ValidationFailed: not one of `until` and `timeout_seconds`, or it is in the past.
        """
        body = given(timeout_seconds=timeout_seconds, node_exec_id=node_exec_id, node_id=node_id)
        if until is not None:
            body["until"] = until.isoformat()
        return await self._control("POST", (execution_id, "deadline"), body)

    async def controls(self, execution_id: str, *, page: int = 1, page_size: int = 250) -> Page[ControlRecord]:
        """Who did what to a run, oldest first. Pages count from 1 and have at most 250."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "executions", execution_id, "controls"),
                params=given(page=page, page_size=page_size),
                read=page_of(ControlRecord),
                repeatable=True,
            )
        )

    async def _set_paused(self, execution_id: str, how: str, reason: str) -> GraphExecutionMeta:
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "executions", execution_id, how),
                body={"reason": reason},
                read=one(GraphExecutionMeta),
                repeatable=True,
            )
        )

    async def _control(self, method: Any, parts: tuple[str, ...], body: Mapping[str, Any]) -> Control:
        """Sent again after a lost answer, it is still done once."""
        return await self._transport.call(
            Request(
                method=method,
                path=path_of("api", "executions", *parts),
                body=dict(body),
                headers={"Idempotency-Key": str(uuid4())},
                read=one(Control),
                repeatable=True,
            )
        )
