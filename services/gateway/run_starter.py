"""Starting a run: merge its preset, validate, compile, start the workflow (the commit point), record."""

from typing import Final, NamedTuple

import structlog

from activities.blocks.registry import BlockRegistry
from activities.exchange.sub_graphs import GraphReference, is_agent_node, load_sub_graphs
from activities.graph_interface import GraphInterface
from activities.planning.compile import compile_plan
from activities.planning.validate import check_runnable
from models.errors import (
    AppError,
    ConflictError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from models.events import EventKind, ExecutionEvent
from models.execution import ExecutionStatus
from models.execution_records import GraphExecutionRecord
from models.graph import Graph
from models.graph_settings import GraphSettings
from models.ids import GraphExecId, NodeId, PresetId, UserId, new_id
from models.presets import Preset
from models.stores import UnitOfWork
from models.users import User
from models.value_store import ValueStore, run_prefix
from models.values import Values, total_inline_bytes
from models.wire import ExecuteGraphInput, RunIdentity, RunOpening
from services.gateway.container import Container
from services.gateway.missing import graph_missing, preset_missing, version_missing
from services.gateway.run_options import options_of, pinned_of
from services.gateway.run_request import RunClaim, RunRequest

INLINE_INPUT_BYTES: Final = 256 * 1024
"""Inputs travel in the workflow's first payload beside the plan."""

INLINE_MASK_BYTES: Final = 32 * 1024
"""So do masks for the graphs that run inside."""

_log = structlog.get_logger(__name__)


class _Prepared(NamedTuple):
    input: ExecuteGraphInput
    masks: dict[NodeId, Values]
    """Those of the caller."""


class RunStarter:
    """Opens its own short units of work: nobody may hold a connection while Temporal is asked."""

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._lookup = container.lookup
        self._blocks: BlockRegistry = container.blocks
        self._blobs = container.blobs
        self._values = ValueStore(container.blobs)
        self._runner = container.runner
        self._events = container.events
        self._clock = container.clock

    async def start(
        self, user: User, request: RunRequest, *, idempotency_key: str | None = None
    ) -> GraphExecutionRecord:
        """Starts a run and answers before it has done anything.

        The same idempotency key and request answer the same execution, however often they come.

        Raises:
            NotFoundError: no such graph, version or preset of this user.
            GraphValidationError, InvalidRequestError: the graph cannot run with these values, or the preset is one of
                another graph; nothing is left behind.
            ConflictError: the preset is not active, or the execution that the key has started was deleted.
            ForbiddenError: the user was suspended meanwhile.
            IdempotencyKeyReusedError: the key stands for another request.
            ServiceUnavailableError: nothing was started, or (with a key) a repetition finds out.
        """
        request.check_limits()
        claim = RunClaim.of(user.id, idempotency_key, request)
        if claim is not None and (known := await self._find_started(claim)) is not None:
            return known
        async with self._units() as unit:
            graph = await _get_graph(unit, user.id, request)
            if request.preset_id is not None:
                request = request.over(await _get_preset(unit, user.id, request.preset_id, graph))
            if request.nodes_input_masks:
                request.check_masks(graph, await _get_sub_graphs(unit, graph))
            settings = await unit.graph_settings.get(user.id, graph.id)
        request.check_pinned(graph)
        check_runnable(
            graph,
            self._blocks,
            inputs=request.inputs,
            masks=request.nodes_input_masks,
            pinned=pinned_of(graph, request),
        )
        prepared = await self._prepare(user, graph, request, claim, settings)
        if claim is not None:
            await self._bind(claim)
        started = await self._runner.start(prepared.input, owner_key_id=user.key_id)
        record = await self._announce(prepared, started=started)
        await self._demand_active(user, record.id)
        return record

    async def _find_started(self, claim: RunClaim) -> GraphExecutionRecord | None:
        """The execution that an earlier request with this key has started."""
        async with self._units() as unit:
            bound = await unit.idempotency_keys.find_digest(claim.user_id, claim.key)
            if bound is None:
                return None
            if bound != claim.digest:
                raise IdempotencyKeyReusedError(
                    f"Idempotency-Key {claim.key!r} was used before with another request. Use a new key."
                )
            known = await unit.executions.find(claim.user_id, claim.graph_exec_id)
            # Temporal forgets ended runs in time, and would then start this one again where nobody sees it.
            if known is None and await unit.executions.was_deleted(claim.user_id, claim.graph_exec_id):
                raise ConflictError(
                    f"Execution #{claim.graph_exec_id}, which Idempotency-Key {claim.key!r} has started, was deleted. "
                    "Use a new key to start another one."
                )
            return known

    async def _bind(self, claim: RunClaim) -> None:
        """Ties the key to the request just before the commit point, so that a refused request binds nothing."""
        async with self._units() as unit:
            await unit.idempotency_keys.reserve(
                claim.user_id,
                claim.key,
                body_sha256=claim.digest,
                graph_exec_id=claim.graph_exec_id,
                now=self._clock.now(),
            )

    async def _prepare(
        self, user: User, graph: Graph, request: RunRequest, claim: RunClaim | None, settings: GraphSettings
    ) -> _Prepared:
        graph_exec_id = claim.graph_exec_id if claim else GraphExecId(new_id())
        now = self._clock.now()
        declared = GraphInterface(graph, self._blocks).input_schema()["properties"]
        try:
            packed = await self._values.pack_all(
                {name: value for name, value in request.inputs.items() if name in declared},
                graph_exec_id=graph_exec_id,
                inline_budget_bytes=INLINE_INPUT_BYTES,
            )
            masks = await self._pack_masks(request, graph_exec_id)
            plan = await compile_plan(
                graph,
                self._blocks,
                values=self._values,
                graph_exec_id=graph_exec_id,
                masks=request.nodes_input_masks,
                pinned=pinned_of(graph, request),
            )
        except AppError:
            # With a key the values may be those of a run that an equal request has started meanwhile.
            if claim is None:
                await self._blobs.delete_prefix(run_prefix(graph_exec_id))
            raise
        runs_others = any(is_agent_node(node) for node in graph.nodes)
        input = ExecuteGraphInput(
            run=RunIdentity(
                graph_exec_id=graph_exec_id, graph_id=graph.id, graph_version=graph.version, user_id=user.id
            ),
            plan=plan,
            opening=RunOpening(inputs=packed, preset_id=request.preset_id, created_at=now),
            options=options_of(request, settings, masks=masks if runs_others else {}, now=now),
            user_timezone=user.effective_timezone,
        )
        return _Prepared(input, masks)

    async def _pack_masks(self, request: RunRequest, graph_exec_id: GraphExecId) -> dict[NodeId, Values]:
        """Masks without nulls, which mask nothing."""
        masks: dict[NodeId, Values] = {}
        left = INLINE_MASK_BYTES
        for node_id, pins in request.nodes_input_masks.items():
            given = {pin: value for pin, value in pins.items() if value is not None}
            if given:
                packed = await self._values.pack_all(given, graph_exec_id=graph_exec_id, inline_budget_bytes=left)
                left -= total_inline_bytes(packed.values())
                masks[NodeId(node_id)] = packed
        return masks

    async def _announce(self, prepared: _Prepared, *, started: bool) -> GraphExecutionRecord:
        """Records the started run. From here on nothing may fail the request: the worker records it too."""
        run, opening, masks = prepared.input.run, prepared.input.opening, prepared.masks
        structlog.contextvars.bind_contextvars(graph_exec_id=run.graph_exec_id)
        if started:
            try:
                async with self._units() as unit:
                    await unit.executions.ensure_queued(run, opening, masks=masks)
            except ServiceUnavailableError as error:
                _log.warning("started execution not recorded yet", reason=error.message)
            await self._publish_queued(run, opening)
        return GraphExecutionRecord(
            id=run.graph_exec_id,
            user_id=run.user_id,
            graph_id=run.graph_id,
            graph_version=run.graph_version,
            status=ExecutionStatus.QUEUED,
            inputs=opening.inputs,
            nodes_input_masks=masks or None,
            preset_id=opening.preset_id,
            created_at=opening.created_at,
        )

    async def _demand_active(self, user: User, graph_exec_id: GraphExecId) -> None:
        """Cancels a run that began while its user was suspended: whoever suspends ends the runs that are recorded.

        Looks once the run is recorded: one of the two sees what the other has done.
        """
        try:
            known = await self._lookup.find_user(user.id)
            if known is not None and not known.is_suspended:
                return
            await self._runner.cancel(graph_exec_id, owner_key_id=user.key_id)
        except ServiceUnavailableError as error:
            _log.warning("user of a started execution not looked up, or not cancelled", reason=error.message)
            return
        raise ForbiddenError("This account is suspended.")

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


async def _get_graph(unit: UnitOfWork, user_id: UserId, request: RunRequest) -> Graph:
    if request.version is None:
        graph = await unit.graphs.find_active(user_id, request.graph_id)
    else:
        graph = await unit.graphs.find(user_id, request.graph_id, version=request.version)
    if graph is None:
        missing = request.graph_id
        raise graph_missing(missing) if request.version is None else version_missing(missing, request.version)
    return graph


async def _get_preset(unit: UnitOfWork, user_id: UserId, preset_id: PresetId, graph: Graph) -> Preset:
    preset = await unit.presets.find(user_id, preset_id)
    if preset is None:
        raise preset_missing(preset_id)
    if preset.graph_id != graph.id:
        raise InvalidRequestError(f"Preset #{preset.id} is for graph #{preset.graph_id}, not for #{graph.id}.")
    if not preset.is_active:
        raise ConflictError(f"Preset #{preset.id} is not active. Set its `is_active` to true to run it.")
    return preset


async def _get_sub_graphs(unit: UnitOfWork, graph: Graph) -> tuple[Graph, ...]:
    async def find(reference: GraphReference) -> Graph | None:
        return await unit.graphs.find(graph.user_id, reference.graph_id, version=reference.version)

    return (await load_sub_graphs(graph, find)).graphs
