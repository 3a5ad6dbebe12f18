"""Starting a run: validate, compile, start the workflow (the commit point), record."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from activities.blocks.registry import BlockRegistry
from activities.graph_interface import GraphInterface
from activities.planning.compile import compile_plan
from activities.planning.validate import check_runnable
from models.errors import (
    AppError,
    IdempotencyKeyReusedError,
    InvalidRequestError,
    NotFoundError,
    ServiceUnavailableError,
)
from models.events import EventKind, ExecutionEvent
from models.execution import ExecutionStatus
from models.execution_records import GraphExecutionRecord
from models.graph import Graph
from models.ids import GraphExecId, GraphId, UserId, graph_exec_id_for_key, new_id
from models.json_values import dump_json
from models.users import User
from models.value_store import ValueStore, run_prefix
from models.wire import ExecuteGraphInput, RunIdentity, RunOpening
from services.gateway.container import Container
from services.gateway.features.executions.schemas import ExecuteIn, GraphExecutionMetaOut, meta_out
from services.gateway.json_bodies import check_limits
from services.gateway.missing import graph_missing, version_missing

MAX_INPUT_DEPTH: Final = 10
MAX_INPUT_KEYS: Final = 1_000
INLINE_INPUT_BYTES: Final = 256 * 1024
"""Inputs travel in the workflow's first payload beside the plan."""

_log = structlog.get_logger(__name__)


class ExecutionStarter:
    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._blocks: BlockRegistry = container.blocks
        self._blobs = container.blobs
        self._values = ValueStore(container.blobs)
        self._runner = container.runner
        self._events = container.events
        self._clock = container.clock

    async def start(
        self,
        user: User,
        graph_id: GraphId,
        request: ExecuteIn,
        *,
        version: int | None = None,
        preset_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> GraphExecutionMetaOut:
        """Starts a run of a graph, by default of its active version; answers before it has done anything.

        The same idempotency key and request answer the same execution, however often they come.

        Raises:
            NotFoundError: no such graph, version or preset of this user.
            GraphValidationError, InvalidRequestError: the graph cannot run with these inputs; nothing is left behind.
            IdempotencyKeyReusedError: the key stands for another request.
            ServiceUnavailableError: nothing was started, or (with a key) a repetition finds out.
        """
        if preset_id is not None:
            raise NotFoundError(f"Preset #{preset_id} not found.")
        _check_inputs(request.inputs)
        claim = _Claim.of(user.id, idempotency_key, graph_id, version, request)
        if claim is not None and (known := await self._find_started(claim)) is not None:
            return meta_out(known)
        graph = await self._load_graph(user.id, graph_id, version)
        check_runnable(graph, self._blocks, inputs=request.inputs)
        input = await self._compile(user, graph, request.inputs, claim)
        if claim is not None:
            await self._bind(claim)
        started = await self._runner.start(input, owner_key_id=user.key_id)
        return await self._announce(input, started=started)

    async def _load_graph(self, user_id: UserId, graph_id: GraphId, version: int | None) -> Graph:
        async with self._units() as unit:
            if version is None:
                graph = await unit.graphs.find_active(user_id, graph_id)
            else:
                graph = await unit.graphs.find(user_id, graph_id, version=version)
        if graph is None:
            raise graph_missing(graph_id) if version is None else version_missing(graph_id, version)
        return graph

    async def _find_started(self, claim: "_Claim") -> GraphExecutionRecord | None:
        """The execution that an earlier request with this key has started."""
        async with self._units() as unit:
            bound = await unit.idempotency_keys.find_digest(claim.user_id, claim.key)
            if bound is None:
                return None
            if bound != claim.digest:
                raise IdempotencyKeyReusedError(
                    f"Idempotency-Key {claim.key!r} was used before with another request. Use a new key."
                )
            return await unit.executions.find(claim.user_id, claim.graph_exec_id)

    async def _bind(self, claim: "_Claim") -> None:
        """Ties the key to the request just before the commit point, so that a refused request binds nothing."""
        async with self._units() as unit:
            await unit.idempotency_keys.reserve(
                claim.user_id,
                claim.key,
                body_sha256=claim.digest,
                graph_exec_id=claim.graph_exec_id,
                now=self._clock.now(),
            )

    async def _compile(
        self, user: User, graph: Graph, inputs: Mapping[str, Any], claim: "_Claim | None"
    ) -> ExecuteGraphInput:
        graph_exec_id = claim.graph_exec_id if claim else GraphExecId(new_id())
        declared = GraphInterface(graph, self._blocks).input_schema()["properties"]
        try:
            packed = await self._values.pack_all(
                {name: value for name, value in inputs.items() if name in declared},
                graph_exec_id=graph_exec_id,
                inline_budget_bytes=INLINE_INPUT_BYTES,
            )
            plan = await compile_plan(graph, self._blocks, values=self._values, graph_exec_id=graph_exec_id)
        except AppError:
            # With a key the values may be those of a run that an equal request has started meanwhile.
            if claim is None:
                await self._blobs.delete_prefix(run_prefix(graph_exec_id))
            raise
        return ExecuteGraphInput(
            run=RunIdentity(
                graph_exec_id=graph_exec_id, graph_id=graph.id, graph_version=graph.version, user_id=user.id
            ),
            plan=plan,
            opening=RunOpening(inputs=packed, created_at=self._clock.now()),
            user_timezone=user.effective_timezone,
        )

    async def _announce(self, input: ExecuteGraphInput, *, started: bool) -> GraphExecutionMetaOut:
        """Records the started run. From here on nothing may fail the request: the worker records it too."""
        run, opening = input.run, input.opening
        structlog.contextvars.bind_contextvars(graph_exec_id=run.graph_exec_id)
        if started:
            try:
                async with self._units() as unit:
                    await unit.executions.ensure_queued(run, opening)
            except ServiceUnavailableError as error:
                _log.warning("started execution not recorded yet", reason=error.message)
            await self._publish_queued(run, opening)
        return meta_out(
            GraphExecutionRecord(
                id=run.graph_exec_id,
                user_id=run.user_id,
                graph_id=run.graph_id,
                graph_version=run.graph_version,
                status=ExecutionStatus.QUEUED,
                inputs=opening.inputs,
                created_at=opening.created_at,
            )
        )

    async def _publish_queued(self, run: RunIdentity, opening: RunOpening) -> None:
        queued = ExecutionEvent(
            kind=EventKind.GRAPH,
            graph_exec_id=run.graph_exec_id,
            status=ExecutionStatus.QUEUED,
            at=opening.created_at,
        )
        try:
            await self._events.publish([queued])
        except ServiceUnavailableError as error:
            _log.warning("event not published", reason=error.message)


def _check_inputs(inputs: Mapping[str, Any]) -> None:
    if len(inputs) > MAX_INPUT_KEYS:
        raise InvalidRequestError(
            f"Invalid input structure: there are {len(inputs)} inputs; the limit is {MAX_INPUT_KEYS}."
        )
    for name, value in inputs.items():
        check_limits(value, where=f"input {name[:100]!r}", max_depth=MAX_INPUT_DEPTH, max_keys=MAX_INPUT_KEYS)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A request under an idempotency key: the same ones have the same digest, whatever the order of their keys."""

    user_id: UserId
    key: str
    digest: str
    graph_exec_id: GraphExecId

    @classmethod
    def of(
        cls, user_id: UserId, key: str | None, graph_id: GraphId, version: int | None, request: ExecuteIn
    ) -> "_Claim | None":
        if key is None:
            return None
        same = _sorted({"graph_id": graph_id, "version": version, **request.model_dump()})
        digest = hashlib.sha256(dump_json(same)).hexdigest()
        return cls(user_id=user_id, key=key, digest=digest, graph_exec_id=graph_exec_id_for_key(user_id, key))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
