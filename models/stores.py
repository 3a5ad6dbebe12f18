"""What the system needs from its database, as protocols: one store per noun, and the unit of work around them.

Stores never commit: a unit of work does, once, when its block ends without an error.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from models.api_keys import ApiKey, ApiKeyStatus, Permission
from models.controls import ControlRecord
from models.erasure import ErasureStore
from models.execution_query.conditions import ExecutionQuery
from models.execution_records import GraphExecutionRecord, NodeCursor
from models.first_setup import FirstSetupStore
from models.graph import Graph, GraphSummary
from models.graph_settings import GraphSettings, GraphSettingsChange
from models.identity import AccountStore, MailTokenStore, PreferenceStore, RefreshTokenStore, UserDirectory
from models.ids import ApiKeyId, GraphExecId, GraphId, NodeExecId, NodeId, PresetId, UserId
from models.oidc import ExternalIdentityStore
from models.pages import Page, PageRequest
from models.ports import AuditLog
from models.presets import Preset, PresetChange
from models.reviews import AwaitedEvent, Review
from models.users import User, UserClaims
from models.values import Values
from models.wire import NodeRecord, RunIdentity, RunOpening


class UserStore(UserDirectory, Protocol):
    async def find(self, user_id: UserId) -> User | None: ...

    async def find_by_email(self, email: str) -> User | None:
        """The oldest user with this address, whatever its case."""
        ...

    async def ensure(self, claims: UserClaims, *, now: datetime) -> User:
        """The user of a verified token: made on first sight; role and last login follow the token.

        The role of a local account is its own. Who was erased is made anew only by a token from after that.

        Raises:
            ErasedUserError: the token is older, or does not say.
        """
        ...

    async def update(
        self, user_id: UserId, *, now: datetime, name: str | None, email: str | None, timezone: str | None
    ) -> User:
        """Changes what is not None. Raises NotFoundError."""
        ...


class ApiKeyStore(Protocol):
    async def ensure(self, key: ApiKey) -> None:
        """Inserts a key; one with the same hash becomes equal to it, but keeps its id."""
        ...

    async def touch(self, key: ApiKey, *, now: datetime) -> None:
        """Sets `last_used_at`, unless it has changed since the key was read."""
        ...

    async def get(self, user_id: UserId, key_id: ApiKeyId, *, for_update: bool = False) -> ApiKey:
        """A key of the user; `for_update`: until the unit of work ends nobody else can change it.

        Raises:
            NotFoundError: no such key of this user.
        """
        ...

    async def list_of_user(self, user_id: UserId, page: PageRequest) -> Page[ApiKey]:
        """Newest first, revoked ones too."""
        ...

    async def lock_active_count(self, user_id: UserId) -> int:
        """How many active keys the user has; until the unit of work ends nobody else who asks can add one."""
        ...

    async def set_status(self, user_id: UserId, key_id: ApiKeyId, status: ApiKeyStatus, *, now: datetime) -> ApiKey:
        """Raises NotFoundError."""
        ...

    async def revoke_all(self, user_id: UserId, *, now: datetime) -> None:
        """Ends every key of the user for good."""
        ...

    async def set_permissions(self, user_id: UserId, key_id: ApiKeyId, permissions: frozenset[Permission]) -> ApiKey:
        """Raises NotFoundError."""
        ...

    async def describe(self, user_id: UserId, key_id: ApiKeyId, *, name: str, description: str | None) -> ApiKey:
        """Sets what people call a key. Raises NotFoundError."""
        ...


class GraphStore(Protocol):
    """Graphs of one user at a time: what belongs to others, or was deleted, is not found."""

    async def add_version(self, graph: Graph) -> None:
        """Stores a version with its nodes and links; if it is active, the others no longer are."""
        ...

    async def find(self, user_id: UserId, graph_id: GraphId, *, version: int | None = None) -> Graph | None:
        """A version, by default the highest."""
        ...

    async def find_active(self, user_id: UserId, graph_id: GraphId) -> Graph | None: ...

    async def find_any(self, user_id: UserId, graph_id: GraphId, *, version: int) -> Graph | None:
        """A version, also of a deleted graph: what an execution ran."""
        ...

    async def owns(self, user_id: UserId, graph_id: GraphId) -> bool:
        """Whether a graph is, or was until it was deleted, one of the user."""
        ...

    async def list_active(self, user_id: UserId, page: PageRequest) -> Page[GraphSummary]:
        """The active version of every graph, the latest change first."""
        ...

    async def list_versions(
        self, user_id: UserId, graph_id: GraphId, page: PageRequest, *, max_bytes: int
    ) -> Page[Graph]:
        """Newest first. Raises PayloadTooLargeError for a page whose graphs take more than `max_bytes`."""
        ...

    async def lock_latest_version(self, user_id: UserId, graph_id: GraphId) -> int | None:
        """The highest version; until the unit of work ends nobody else can add one. None if there is no graph."""
        ...

    async def activate(self, user_id: UserId, graph_id: GraphId, version: int, *, now: datetime) -> bool:
        """Makes a version the only active one; False if there is no such version."""
        ...

    async def delete(self, user_id: UserId, graph_id: GraphId, *, now: datetime) -> int:
        """Marks all versions as deleted; how many there were."""
        ...


class ExecutionStore(Protocol):
    """The reading side of the projection of executions, for their owner; the worker writes it."""

    async def ensure_queued(
        self, run: RunIdentity, opening: RunOpening, *, masks: Mapping[NodeId, Values] | None = None
    ) -> None:
        """Makes the row of a run that was just started; to a row the worker already wrote it adds but the masks."""
        ...

    async def find(self, user_id: UserId, graph_exec_id: GraphExecId) -> GraphExecutionRecord | None:
        """None also for deleted executions."""
        ...

    async def was_deleted(self, user_id: UserId, graph_exec_id: GraphExecId) -> bool: ...

    async def list_of_user(
        self,
        user_id: UserId,
        page: PageRequest,
        *,
        graph_id: GraphId | None = None,
        query: ExecutionQuery | None = None,
    ) -> Page[GraphExecutionRecord]:
        """Newest first; those that a query finds."""
        ...

    async def list_open(self, user_id: UserId, graph_id: GraphId | None = None) -> Sequence[GraphExecId]:
        """Executions of a graph, or of all, that have not ended, deleted ones too."""
        ...

    async def list_nodes(
        self, graph_exec_id: GraphExecId, *, after: NodeCursor | None, limit: int
    ) -> Sequence[NodeRecord]:
        """Node executions by (`route_seq`, id), those after a cursor."""
        ...

    async def list_nodes_of(self, graph_exec_id: GraphExecId, node_ids: Sequence[NodeId]) -> Sequence[NodeRecord]:
        """All executions of the given nodes, by (`route_seq`, id)."""
        ...

    async def find_node(self, graph_exec_id: GraphExecId, node_exec_id: NodeExecId) -> NodeRecord | None: ...

    async def count_nodes(self, graph_exec_id: GraphExecId) -> int: ...

    async def delete(self, user_id: UserId, graph_exec_id: GraphExecId, *, now: datetime) -> bool:
        """Hides an execution; False if there is none."""
        ...


class IdempotencyStore(Protocol):
    """Which execution an `Idempotency-Key` of a user stands for."""

    async def reserve(
        self, user_id: UserId, key: str, *, body_sha256: str, graph_exec_id: GraphExecId, now: datetime
    ) -> None:
        """Binds a key to a request, for good.

        Raises:
            IdempotencyKeyReusedError: the key stands for another request.
        """
        ...

    async def find_digest(self, user_id: UserId, key: str) -> str | None:
        """`body_sha256` of the request that a key is bound to."""
        ...


class PresetStore(Protocol):
    """Presets of one user at a time: what belongs to others, or was deleted, is not found."""

    async def add(self, preset: Preset) -> None: ...

    async def find(self, user_id: UserId, preset_id: PresetId) -> Preset | None: ...

    async def list_of_user(
        self, user_id: UserId, page: PageRequest, *, graph_id: GraphId | None = None
    ) -> Page[Preset]:
        """The latest change first."""
        ...

    async def update(
        self, user_id: UserId, preset_id: PresetId, change: PresetChange, *, now: datetime
    ) -> Preset | None:
        """The preset after the change; None if there is no such preset."""
        ...

    async def delete(self, user_id: UserId, preset_id: PresetId, *, now: datetime) -> bool:
        """Hides a preset; False if there is none."""
        ...


class GraphSettingsStore(Protocol):
    """How the runs of a user's graphs behave; deleting a graph leaves its settings."""

    async def get(self, user_id: UserId, graph_id: GraphId) -> GraphSettings:
        """The defaults where nothing was set."""
        ...

    async def change(self, user_id: UserId, graph_id: GraphId, change: GraphSettingsChange) -> GraphSettings:
        """The settings after the change."""
        ...


class ReviewStore(Protocol):
    """The reading side of reviews, for the owner of their runs; those of deleted runs are not found."""

    async def list_waiting(self, user_id: UserId, page: PageRequest) -> Page[Review]:
        """Newest first."""
        ...

    async def list_of_execution(self, user_id: UserId, graph_exec_id: GraphExecId, page: PageRequest) -> Page[Review]:
        """Oldest first, decided ones too."""
        ...

    async def list_latest(self, user_id: UserId, node_exec_ids: Iterable[NodeExecId]) -> Sequence[Review]:
        """Of each node execution the review of its latest generation, in any order; those without one are left out."""
        ...


class AwaitedEventStore(Protocol):
    """The reading side of awaited events; those of deleted runs are not found."""

    async def list_waiting(
        self, user_id: UserId, graph_exec_id: GraphExecId, *, name: str | None = None, limit: int
    ) -> Sequence[AwaitedEvent]:
        """What a run waits for, by its name if one is given; the longest wait first."""
        ...

    async def find_by_token_hash(self, token_hash: str) -> AwaitedEvent | None:
        """What the token delivers, while it is awaited; whoever the owner is."""
        ...


class ControlStore(Protocol):
    """The reading side of what people did to executions."""

    async def list_of_execution(
        self, user_id: UserId, graph_exec_id: GraphExecId, page: PageRequest
    ) -> Page[ControlRecord]:
        """Oldest first."""
        ...


class StatisticsStore(Protocol):
    """Figures about the whole installation, for administrators."""

    async def count_objects(self) -> Mapping[str, int]:
        """How many there are of each kind, whoever they belong to."""
        ...

    async def count_executions(self) -> Mapping[str, int]:
        """Executions by status, deleted ones too."""
        ...

    async def database_version(self) -> str: ...


class UnitOfWork(Protocol):
    """One transaction and the stores inside it."""

    @property
    def users(self) -> UserStore: ...

    @property
    def accounts(self) -> AccountStore: ...

    @property
    def refresh_tokens(self) -> RefreshTokenStore: ...

    @property
    def mail_tokens(self) -> MailTokenStore: ...

    @property
    def identities(self) -> ExternalIdentityStore: ...

    @property
    def erasures(self) -> ErasureStore: ...

    @property
    def first_setup(self) -> FirstSetupStore: ...

    @property
    def preferences(self) -> PreferenceStore: ...

    @property
    def api_keys(self) -> ApiKeyStore: ...

    @property
    def graphs(self) -> GraphStore: ...

    @property
    def executions(self) -> ExecutionStore: ...

    @property
    def idempotency_keys(self) -> IdempotencyStore: ...

    @property
    def presets(self) -> PresetStore: ...

    @property
    def graph_settings(self) -> GraphSettingsStore: ...

    @property
    def reviews(self) -> ReviewStore: ...

    @property
    def awaited_events(self) -> AwaitedEventStore: ...

    @property
    def controls(self) -> ControlStore: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def statistics(self) -> StatisticsStore: ...


UnitOfWorkFactory = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Opens a unit of work that commits when its block ends and rolls back when it raises.

Raises ServiceUnavailableError if the database does not answer.
"""
