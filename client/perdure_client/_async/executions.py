"""`client.executions`: what runs and what has run."""

from collections.abc import AsyncIterator
from typing import Final

from perdure_client._async.controls import AsyncControlCalls
from perdure_client._async.transport import AsyncTransport
from perdure_client._following import ENDED, Following
from perdure_client._pause import async_sleep
from perdure_client._request import Page, Request, given, nothing, one, one_or_none, page_of, path_of
from perdure_client._retries import is_passing
from perdure_client.errors import PerdureError
from perdure_client.models import (
    ExecutionEvent,
    ExecutionStatus,
    GraphExecution,
    GraphExecutionMeta,
    GraphExecutionPage,
    NodeExecution,
    NodeExecutionPage,
    Results,
)

PATIENCE_SECONDS: Final = 120.0
"""For how long a gateway may be away before who follows a run gives up."""

RECORD_SECONDS: Final = 0.2


class AsyncExecutionsCalls(AsyncControlCalls):
    """Runs of graphs. Each method raises NotFound for a run that is not yours."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, *, query: str | None = None, page: int = 1, page_size: int = 250) -> Page[GraphExecutionMeta]:
        """Your runs, newest first. Pages count from 1 and have at most 250.

        `query`: only those that it finds, for example `status = FAILED AND created > -24h`.

        Raises:
            ValidationFailed: the query is not understood; the message names the column and what was expected there.
        """
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "executions"),
                params=given(query=query, page=page, page_size=page_size),
                read=page_of(GraphExecutionMeta),
                repeatable=True,
            )
        )

    async def list_of_graph(
        self, graph_id: str, *, query: str | None = None, page: int = 1, page_size: int = 25
    ) -> Page[GraphExecutionMeta]:
        """Runs of one graph, newest first, also if it is deleted; `query` as for `list`. Pages have at most 100."""
        found = await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "graphs", graph_id, "executions"),
                params=given(query=query, page=page, page_size=page_size),
                read=one(GraphExecutionPage),
                repeatable=True,
            )
        )
        return Page(tuple(found.executions), found.pagination.total_items)

    async def get(self, execution_id: str, *, node_limit: int = 5_000) -> GraphExecution:
        """A run with its values and its first node executions (1 to 10 000); `nodes` gives them all."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "executions", execution_id),
                params=given(node_limit=node_limit),
                read=one(GraphExecution),
                repeatable=True,
            )
        )

    async def results(self, execution_id: str, *, after: str | None = None, node_limit: int = 5_000) -> Results:
        """What a run has given so far; final once its status is. `after`: `next_node_cursor` of the part before."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "executions", execution_id, "results"),
                params=given(after=after, node_limit=node_limit),
                read=one(Results),
                repeatable=True,
            )
        )

    async def nodes(self, execution_id: str, *, page_size: int = 1_000) -> AsyncIterator[NodeExecution]:
        """All node executions in the order of routing, read page by page as they are asked for."""
        after: str | None = None
        while True:
            page = await self._transport.call(
                Request(
                    method="GET",
                    path=path_of("api", "executions", execution_id, "nodes"),
                    params=given(after=after, node_limit=page_size),
                    read=one(NodeExecutionPage),
                    repeatable=True,
                )
            )
            for node in page.node_executions:
                yield node
            after = page.next_node_cursor
            if after is None:
                return

    async def events(
        self, execution_id: str, *, since: str = "0", limit: int = 1_000, wait_seconds: float = 0
    ) -> tuple[ExecutionEvent, ...]:
        """Events after a cursor, oldest first, at most 1 000; waits up to 30 s for the first one."""
        found = await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "executions", execution_id, "events"),
                params=given(since=since, limit=limit, wait_seconds=wait_seconds),
                read=page_of(ExecutionEvent),
                repeatable=True,
                patience_seconds=wait_seconds,
            )
        )
        return found.items

    async def iter_events(
        self, execution_id: str, *, since: str = "0", patience_seconds: float = PATIENCE_SECONDS
    ) -> AsyncIterator[ExecutionEvent]:
        """Events as they happen, from the start or after a cursor, until the run has ended.

        Goes on where it was when the gateway comes back; events that the server has dropped are missing, so the last
        one need not be that of the end.

        Args:
            execution_id: the run.
            since: cursor of the last event that is known already.
            patience_seconds: for how long the gateway may be away.

        Raises:
            ConnectionFailed, Timeout, Unavailable, RateLimited: the gateway was away for longer.
        """
        async for events in self.iter_event_batches(execution_id, since=since, patience_seconds=patience_seconds):
            for event in events:
                yield event

    async def iter_event_batches(
        self, execution_id: str, *, since: str = "0", patience_seconds: float = PATIENCE_SECONDS
    ) -> AsyncIterator[tuple[ExecutionEvent, ...]]:
        """As `iter_events`, but events that arrive together come together, for whoever shows them."""
        async for events in self._follow(execution_id, Following(since, patience_seconds=patience_seconds)):
            yield events

    async def wait(self, execution_id: str, *, timeout: float | None = None) -> GraphExecution:
        """Waits until a run has ended, for `timeout` seconds at most.

        Raises:
            RunUnfinished: the time is over; the run goes on.
        """
        following = Following("0", patience_seconds=PATIENCE_SECONDS, timeout_seconds=timeout)
        execution = await self.get(execution_id, node_limit=1)
        if execution.status not in ENDED:
            async for _ in self._follow(execution_id, following):
                pass
            execution = await self.get(execution_id, node_limit=1)
        while execution.status not in ENDED:
            # The event was faster than the record.
            following.check_time(execution_id)
            await async_sleep(RECORD_SECONDS)
            execution = await self.get(execution_id, node_limit=1)
        return execution

    async def stop(self, graph_id: str, execution_id: str) -> GraphExecutionMeta | None:
        """Ends a run after its blocks had 30 s to finish. None: it had ended already."""
        return await self._end(graph_id, execution_id, "stop")

    async def cancel(self, graph_id: str, execution_id: str) -> GraphExecutionMeta | None:
        """Ends a run at once. None: it had ended already."""
        return await self._end(graph_id, execution_id, "cancel")

    async def delete(self, execution_id: str) -> None:
        """Stops a run if needed, then deletes it.

        Raises:
            NotFound: no such run, or an attempt whose answer was lost has deleted it.
        """
        await self._transport.call(
            Request(method="DELETE", path=path_of("api", "executions", execution_id), read=nothing, repeatable=True)
        )

    async def _end(self, graph_id: str, execution_id: str, how: str) -> GraphExecutionMeta | None:
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "graphs", graph_id, "executions", execution_id, how),
                read=one_or_none(GraphExecutionMeta),
                repeatable=True,
            )
        )

    async def _follow(self, execution_id: str, following: Following) -> AsyncIterator[tuple[ExecutionEvent, ...]]:
        while not following.done:
            following.check_time(execution_id)
            delay = 0.0
            try:
                events = await self.events(execution_id, since=following.cursor, wait_seconds=following.wait_seconds())
                following.answered()
            except PerdureError as error:
                events, delay = (), following.delay_after(error)
            if events:
                following.add(events)
                yield events
            else:
                await async_sleep(delay)
                following.add_status(await self._find_status(execution_id))

    async def _find_status(self, execution_id: str) -> ExecutionStatus | None:
        """None while the gateway is away."""
        try:
            return (await self.get(execution_id, node_limit=1)).status
        except PerdureError as error:
            if is_passing(error):
                return None
            raise
