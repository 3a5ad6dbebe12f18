"""The client itself: its parts, and the shortest ways to run a graph."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self
from uuid import uuid4

import httpx2

from perdure_client._async.account import AsyncAccountCalls
from perdure_client._async.api_keys import AsyncApiKeysCalls
from perdure_client._async.audit import AsyncAuditCalls
from perdure_client._async.blocks import AsyncBlocksCalls
from perdure_client._async.events import AsyncEventsCalls
from perdure_client._async.executions import PATIENCE_SECONDS, AsyncExecutionsCalls
from perdure_client._async.graphs import AsyncGraphsCalls
from perdure_client._async.presets import AsyncPresetsCalls
from perdure_client._async.rate_limits import AsyncRateLimitsCalls
from perdure_client._async.reviews import AsyncReviewsCalls
from perdure_client._async.transport import AsyncTransport
from perdure_client._async.users import AsyncUsersCalls
from perdure_client._request import Request, given, one, path_of
from perdure_client._retries import Retries
from perdure_client._settings import ClientSettings
from perdure_client.models import Diagnostics, ExecutionEvent, GraphExecutionMeta, Health, Results, User

PinnedOutputs = Mapping[str, Any] | Sequence[tuple[str, Any]]


class AsyncPerdureClient:
    """A connection to a Perdure gateway.

    Every method raises a `PerdureError`: `ConnectionFailed` or `Timeout` if the gateway does not answer, an `ApiError`
    if it refuses. Calls that do the same when they are made twice are repeated after lost connections and after
    429, 502, 503 and 504.

    Attributes:
        graphs: graphs and their versions.
        executions: runs of graphs.
        reviews: what waits for a person's decision.
        events: events from outside that runs wait for.
        presets: values saved for graphs.
        blocks: the block library.
        api_keys: your API keys.
        account: your password and logins.
        audit: who did what.
        users: all users, for administrators.
        rate_limits: what others have used of their limits, for administrators.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        timeout: float = 60.0,
        max_retries: int = 4,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """
        Args:
            base_url: address of the gateway, for example "http://127.0.0.1:8000".
            api_key: an API key or a user's token. It is sent to this address only and never shown. None for those few
                calls that need none, such as `account.login`.
            timeout: seconds to wait for an answer.
            max_retries: how often a safe call is repeated; 0 for never.
            transport: how requests travel, if not over the network.

        Raises:
            ValueError: the address or the key cannot be used.
        """
        settings = ClientSettings(base_url, api_key, timeout)
        self._transport = AsyncTransport(settings, Retries(max_retries), http=transport)
        self.graphs = AsyncGraphsCalls(self._transport)
        self.executions = AsyncExecutionsCalls(self._transport)
        self.reviews = AsyncReviewsCalls(self._transport)
        self.events = AsyncEventsCalls(self._transport)
        self.presets = AsyncPresetsCalls(self._transport)
        self.blocks = AsyncBlocksCalls(self._transport)
        self.api_keys = AsyncApiKeysCalls(self._transport)
        self.account = AsyncAccountCalls(self._transport)
        self.audit = AsyncAuditCalls(self._transport)
        self.users = AsyncUsersCalls(self._transport)
        self.rate_limits = AsyncRateLimitsCalls(self._transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections; the client cannot be used afterwards."""
        await self._transport.aclose()

    async def execute(
        self,
        graph_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        preset_id: str | None = None,
        nodes_input_masks: Mapping[str, Mapping[str, Any]] | None = None,
        hold_on_failure: bool | None = None,
        timeout_seconds: float | None = None,
        test: bool = False,
        pinned_outputs: Mapping[str, PinnedOutputs] | None = None,
        idempotency_key: str | None = None,
    ) -> GraphExecutionMeta:
        """Starts a run and answers at once.

        The call is repeated when an answer is lost, and still starts one run.

        Args:
            graph_id: the graph.
            inputs: by name; those that the graph does not declare are ignored.
            version: the active one by default.
            preset_id: a preset for this graph; its values hold where `inputs` has none.
            nodes_input_masks: node id -> pin -> value, instead of whatever reaches that pin.
            hold_on_failure: keeps the run open when nothing else can run and a node has failed; by default as the
                graph is set.
            timeout_seconds: how long the run may take; it fails then.
            test: nodes emit their pinned outputs instead of running.
            pinned_outputs: those of a test run, over the nodes' own: node id -> values by pin, or (pin, value) pairs.
            idempotency_key: 1 to 255 visible ASCII characters; the same key and request answer the same run, also
                days later and from another process. A new one by default.

        Raises:
            NotFound: no such graph, version or preset.
            Conflict: the preset is not active.
            ValidationFailed: the graph cannot run with these values, or the key stands for another request.
        """
        parts: tuple[str | int, ...] = ("api", "graphs", graph_id, "execute")
        body: dict[str, Any] = {"inputs": dict(inputs or {})}
        if nodes_input_masks:
            body["nodes_input_masks"] = {node_id: dict(pins) for node_id, pins in nodes_input_masks.items()}
        if pinned_outputs:
            body["pinned_outputs"] = {
                node_id: dict(values) if isinstance(values, Mapping) else list(values)
                for node_id, values in pinned_outputs.items()
            }
        body |= given(hold_on_failure=hold_on_failure, timeout_seconds=timeout_seconds, test=test or None)
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of(*parts, *(() if version is None else (version,))),
                params=given(preset_id=preset_id),
                body=body,
                headers={"Idempotency-Key": idempotency_key or str(uuid4())},
                read=one(GraphExecutionMeta),
                repeatable=True,
            )
        )

    async def run_and_wait(
        self,
        graph_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        version: int | None = None,
        preset_id: str | None = None,
        nodes_input_masks: Mapping[str, Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> Results:
        """Runs a graph and gives its results, whether it has completed or failed: see their `status`.

        Args:
            graph_id: the graph.
            inputs: by name; those that the graph does not declare are ignored.
            timeout: seconds to wait for the end; for ever by default.
            version: the active one by default.
            preset_id, nodes_input_masks, idempotency_key: see `execute`.

        Raises:
            RunUnfinished: the time is over; the run goes on, and the error names it.
            NotFound, Conflict, ValidationFailed: as of `execute`.
        """
        run = await self.execute(
            graph_id,
            inputs,
            version=version,
            preset_id=preset_id,
            nodes_input_masks=nodes_input_masks,
            idempotency_key=idempotency_key,
        )
        await self.executions.wait(run.id, timeout=timeout)
        return await self.executions.results(run.id)

    async def iter_events(
        self, execution_id: str, *, since: str = "0", patience_seconds: float = PATIENCE_SECONDS
    ) -> AsyncIterator[ExecutionEvent]:
        """Events of a run until it has ended: see `executions.iter_events`."""
        async for event in self.executions.iter_events(execution_id, since=since, patience_seconds=patience_seconds):
            yield event

    async def user(self) -> User:
        """Whose key this is."""
        return await self._transport.call(
            Request(method="GET", path=path_of("api", "user"), read=one(User), repeatable=True)
        )

    async def diagnostics(self) -> Diagnostics:
        """Versions, checks, problems and figures of the installation, for administrators. Raises Forbidden."""
        path = path_of("api", "admin", "diagnostics")
        return await self._transport.call(Request(method="GET", path=path, read=one(Diagnostics), repeatable=True))

    async def health(self) -> Health:
        """Whether the gateway answers. It is asked once."""
        return await self._transport.call(Request(method="GET", path=path_of("health"), read=one(Health)))
