"""What the system needs from the outside, as protocols. Adapters live in `infra/`; tests have ten-line fakes."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from models.ids import GraphExecId, NodeExecId, NodeId, OwnerKeyId, UserId

if TYPE_CHECKING:
    from models.audit import AuditEntry, AuditQuery
    from models.controls import ControlAction, ControlAnswer, ControlRecord, ControlRequest, RunPhase
    from models.events import ExecutionEvent
    from models.execution_outputs import RecordedOutputs
    from models.execution_records import NodeCursor
    from models.media import MediaFile
    from models.pages import Page, PageRequest
    from models.rate_limits import RateCount, RateRule
    from models.reviews import OpenEvent, OpenReview
    from models.waits import Resolution
    from models.wire import (
        CloseExecutionInput,
        ExecuteGraphInput,
        NodeRecord,
        RunIdentity,
        RunOpening,
        StopRequest,
        StreamedOutputs,
    )
    from models.wire_model import Wire


class KeyedLease(Protocol):
    """A lock that is held. `fence` is greater than that of every earlier holder; `lost` tells that it is no longer."""

    @property
    def fence(self) -> int: ...

    @property
    def lost(self) -> asyncio.Event: ...


@dataclass
class MutexStats:
    """`waited_seconds` and `held_seconds` are sums."""

    acquired: int = 0
    timeouts: int = 0
    lost: int = 0
    waited_seconds: float = 0.0
    held_seconds: float = 0.0
    held: int = 0
    idle_entries: int = 0


class BlobStore(Protocol):
    """Encrypted bytes by key. `put` of an existing key with the same content is a no-op."""

    async def put(self, key: str, data: bytes) -> None: ...

    async def get(self, key: str) -> bytes:
        """Raises NotFoundError if there is no such blob."""
        ...

    async def delete_prefix(self, prefix: str) -> None: ...


class EventBus(Protocol):
    """Live events of executions. Losing one loses no state: the projections are the memory."""

    async def publish(self, events: Sequence["ExecutionEvent"]) -> None:
        """Appends events, skipping those already seen (same node execution, generation, attempt, kind, seq)."""
        ...

    async def read(
        self, graph_exec_id: GraphExecId, *, since: str, limit: int, wait_seconds: float
    ) -> Sequence["ExecutionEvent"]:
        """Events after the cursor `since` ("0" = from the start), oldest first; waits for the first one if none."""
        ...


class ExecutionRecorder(Protocol):
    """The projection of executions. Each call is one transaction; every write is idempotent and monotone."""

    async def open_execution(self, run: "RunIdentity", opening: "RunOpening") -> None:
        """Ensures the row of the run: QUEUED, or RUNNING once `opening.started_at` is known."""
        ...

    async def record_nodes(
        self, run: "RunIdentity", records: Sequence["NodeRecord"], *, opening: "RunOpening | None" = None
    ) -> None: ...

    async def list_output_values(
        self,
        run: "RunIdentity",
        node_ids: Sequence[str],
        *,
        after: "NodeCursor | None" = None,
        limit: int | None = None,
    ) -> "Sequence[NodeRecord]":
        """COMPLETED and FAILED executions of the given nodes, by (`route_seq`, id): those after a cursor, at most
        `limit`."""
        ...

    async def find_ended(self, node_exec_id: NodeExecId, generation: int) -> "NodeRecord | None":
        """The execution as an earlier attempt recorded it, if that ended COMPLETED or FAILED."""
        ...

    async def close_execution(self, closing: "CloseExecutionInput", outputs: "RecordedOutputs") -> None:
        """Writes the final state and ends node rows that are still open as TERMINATED."""
        ...

    async def claim(
        self, run: "RunIdentity", node_exec_id: NodeExecId, generation: int, attempt: int, *, at: datetime
    ) -> bool:
        """Commits the claim row of an attempt; False if another attempt left one. (attempt, at) tell attempts apart,
        so that a call whose answer was lost may be repeated."""
        ...

    async def release_claim(self, node_exec_id: NodeExecId, generation: int) -> None:
        """The attempt that held the claim has failed with a known outcome."""
        ...


class WaitRecorder(Protocol):
    """The projection of waits and of what people did to a run. Each call is one transaction, idempotent and monotone:
    what has ended stays ended."""

    async def open_review(self, run: "RunIdentity", review: "OpenReview") -> None:
        """Ensures a WAITING review of this node execution and generation."""
        ...

    async def open_event(self, run: "RunIdentity", event: "OpenEvent") -> None:
        """Ensures that an event is awaited. While it is, a later call replaces the token, whose answer got lost."""
        ...

    async def end_wait(self, node_exec_id: NodeExecId, generation: int, resolution: "Resolution") -> None:
        """How the review or event of this node execution and generation ended; nothing if there is none."""
        ...

    async def record_controls(self, run: "RunIdentity", controls: Sequence["ControlRecord"]) -> None: ...

    async def record_phase(self, run: "RunIdentity", phase: "RunPhase") -> None:
        """Status, reason and pause of a run that has not ended; a phase older than the recorded one changes nothing."""
        ...


class GraphRunner(Protocol):
    """Starts and controls the workflows that execute graphs."""

    async def start(self, input: "ExecuteGraphInput", *, owner_key_id: OwnerKeyId) -> bool:
        """Starts the execution; this is the commit point of a run. False if it was started before.

        Raises:
            ServiceUnavailableError: Temporal does not answer.
        """
        ...

    async def stop(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, request: "StopRequest") -> bool:
        """Asks the execution to end; False if it has ended (or never ran)."""
        ...

    async def cancel(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId) -> bool:
        """Requests Temporal cancellation, which an ended execution ignores; False if Temporal does not know it."""
        ...

    async def pause(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, request: "ControlRequest") -> bool:
        """False if the execution has ended; pausing a paused one changes nothing."""
        ...

    async def resume(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, request: "ControlRequest") -> bool:
        """False if the execution has ended."""
        ...

    async def control(
        self,
        graph_exec_id: GraphExecId,
        *,
        owner_key_id: OwnerKeyId,
        action: "ControlAction",
        argument: "Wire",
        request_id: str,
    ) -> "ControlAnswer":
        """Carries out one of the actions that the execution answers (a Temporal Update); the same `request_id` answers
        the same.

        Raises:
            NotFoundError: there is no such node execution, review or event in the run.
            ConflictError: it is not in a state that allows the action, or the execution has ended.
            InvalidRequestError: the argument is wrong.
            TooManyRequestsError: the execution has as many actions under way as it can take.
            ServiceUnavailableError: Temporal does not answer.
        """
        ...

    async def send_outputs(
        self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, outputs: "StreamedOutputs"
    ) -> None:
        """Hands emissions of a running block to its execution.

        Raises:
            ServiceUnavailableError: Temporal does not answer.
            NotFoundError: the execution has ended.
        """
        ...

    async def wait_closed(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, timeout: timedelta) -> bool:
        """Waits until the workflow has closed; False if it has not within `timeout`."""
        ...

    def inspection_url(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId) -> str | None:
        """Where an operator can look into the execution; None if no such place is known."""
        ...

    async def ping(self) -> None:
        """Raises ServiceUnavailableError unless Temporal answers."""
        ...


class Credits(Protocol):
    """Charging for blocks, keyed by (node execution, generation), so that repeating a call changes nothing."""

    async def reserve(
        self, user_id: UserId, node_exec_id: NodeExecId, generation: int, *, block_id: str, inputs: BaseModel
    ) -> int:
        """Credits set aside. Raises InsufficientCreditsError."""
        ...

    async def settle(self, user_id: UserId, node_exec_id: NodeExecId, generation: int, *, seconds: float) -> int:
        """Credits finally charged."""
        ...


class NoCredits:
    """Credits of an installation that does not charge."""

    async def reserve(
        self, user_id: UserId, node_exec_id: NodeExecId, generation: int, *, block_id: str, inputs: BaseModel
    ) -> int:
        return 0

    async def settle(self, user_id: UserId, node_exec_id: NodeExecId, generation: int, *, seconds: float) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class LanguageModelAnswer:
    """`model` is the one that answered; token counts are 0 where the provider reports none."""

    text: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0


class LanguageModel(Protocol):
    """Answers prompts."""

    async def complete(
        self,
        prompt: str,
        *,
        model: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> LanguageModelAnswer:
        """One answer, without retries of its own.

        Raises:
            BlockConfigurationError: there is no API key; the message names the setting.
            BlockTransientError: rate limit, server error, time-out or broken connection.
            BlockError: the provider refuses the request, or answers without text.
        """
        ...


class TemplateRenderer(Protocol):
    """Renders templates that could run away, outside this process."""

    async def render(self, template: str, values: Mapping[str, Any], *, escape_html: bool) -> str:
        """Raises BlockError if the template is wrong or over a limit of time, memory or output."""
        ...


class FileStore(Protocol):
    """Files of runs. A run reaches its own files and no others; they go with it."""

    async def save(self, file: "MediaFile", *, graph_exec_id: GraphExecId) -> str:
        """A reference to the stored file, the same for the same file. Raises BlockError if it is too large."""
        ...

    async def load(self, reference: str, *, graph_exec_id: GraphExecId) -> "MediaFile":
        """The file of a reference (or of the path after its run).

        Raises:
            BlockError: it names no file of this run.
        """
        ...

    async def download(self, url: str) -> "MediaFile":
        """Raises BlockError if this server downloads nothing, or the file cannot be had."""
        ...


class KeyValueStore(Protocol):
    """What blocks keep beyond a run: JSON values by (user, key)."""

    async def find(self, user_id: UserId, key: str) -> Any:
        """The value; None if there is none."""
        ...

    async def put(self, user_id: UserId, key: str, value: Any) -> None:
        """Sets the value, whatever was there. Repeating it changes nothing."""
        ...


class RowBuffer(Protocol):
    """Rows that the executions of one node collect within a run. They go with it."""

    async def add(
        self,
        rows: Sequence[Any],
        *,
        graph_exec_id: GraphExecId,
        node_id: NodeId,
        node_exec_id: NodeExecId,
        enough: int,
    ) -> Sequence[Any] | None:
        """Adds JSON values. Once there are `enough`, all of them in the order in which they came, and the buffer is
        empty again; None before. Repeating it for a node execution changes nothing and gives the same answer.
        """
        ...


class RateLimitStore(Protocol):
    """Sliding windows of requests by key, shared by all processes of a gateway. What is not counted leaves no trace."""

    async def take(self, key: str, rule: "RateRule", *, request_id: str) -> "RateCount":
        """Counts a request if the rule allows it; repeating it for a request that was counted counts nothing.

        Raises:
            ServiceUnavailableError: the counts cannot be read.
        """
        ...

    async def peek(self, key: str, rule: "RateRule") -> "RateCount":
        """What is counted; counts nothing. Raises ServiceUnavailableError."""
        ...

    async def reset(self, key: str, rule: "RateRule") -> None:
        """Forgets what the key has used under the rule. Raises ServiceUnavailableError."""
        ...


class KeyedMutex(Protocol):
    """Locks by key that all processes share. Who holds one keeps it for as long as it lives."""

    def locked(self, key: str, *, patience: float | None = None) -> "AbstractAsyncContextManager[KeyedLease]":
        """Holds the lock of a key; waits for it at most `patience` seconds.

        Raises:
            ConflictError: it was not free in time.
            ServiceUnavailableError: locks cannot be had.
        """
        ...

    def stats(self) -> "MutexStats":
        """Figures of this process."""
        ...


class FeatureFlags(Protocol):
    async def is_enabled(self, flag_key: str, *, default: bool, user_id: UserId | None = None) -> bool:
        """Whether a flag is on, for a user if one is given. Nothing is raised: what is not known is `default`."""
        ...


class AuditLog(Protocol):
    """Who did what. It belongs to a unit of work: an entry stands if, and only if, what it tells of was committed."""

    async def record(self, entry: "AuditEntry") -> None: ...

    async def list_entries(self, query: "AuditQuery", page: "PageRequest") -> "Page[AuditEntry]":
        """Newest first."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, in UTC."""
        ...
