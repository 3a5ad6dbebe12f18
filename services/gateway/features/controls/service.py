"""Pausing runs, and mending them while they go on. An execution decides itself; here is checked what it cannot know."""

import asyncio
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from models.controls import (
    MAX_GIVEN_OUTPUT_BYTES,
    ControlAction,
    ControlAnswer,
    ControlRecord,
    ControlRequest,
    DeadlineExtension,
    GivenOutputs,
    NodeControl,
)
from models.errors import ConflictError, InvalidRequestError, NotFoundError, PayloadTooLargeError
from models.execution_records import GraphExecutionRecord
from models.ids import GraphExecId, NodeExecId, NodeId
from models.json_values import dump_json
from models.pages import Page, PageRequest
from models.pins import ERROR_PIN
from models.users import User
from models.wire import NodeRecord
from models.wire_model import Wire
from services.gateway.container import Container
from services.gateway.features.controls.schemas import DeadlineIn, OutputsIn, ReasonIn
from services.gateway.open_runs import get_open_run, get_run, request_id

PAUSE_WAIT: Final = timedelta(seconds=5)
"""Within this time a run usually has recorded that it is paused, or goes on."""

_POLL_SECONDS: Final = 0.1


class ControlService:
    """Opens its own short units of work: nobody may hold a connection while an execution is asked.

    Each method raises NotFoundError if the run, or what is named in it, is not there, and ConflictError if it has ended
    or is not in a state for this.
    """

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._blocks = container.blocks
        self._runner = container.runner
        self._clock = container.clock

    async def pause(self, user: User, graph_exec_id: GraphExecId, given: ReasonIn) -> GraphExecutionRecord:
        """Keeps anything new from starting. The run is read after it has recorded the pause, if that comes soon."""
        return await self._set_paused(user, graph_exec_id, given, wanted=True)

    async def resume(self, user: User, graph_exec_id: GraphExecId, given: ReasonIn) -> GraphExecutionRecord:
        """Lets a run go on; one that was not paused already does."""
        return await self._set_paused(user, graph_exec_id, given, wanted=False)

    async def release(
        self, user: User, graph_exec_id: GraphExecId, given: ReasonIn, *, key: str | None
    ) -> ControlAnswer:
        """Ends a run that is kept open because nodes have failed."""
        argument = ControlRequest(requested_by=user.id, reason=given.reason)
        return await self._control(user, graph_exec_id, ControlAction.RELEASE_HOLD, argument, given, key)

    async def retry_node(
        self, user: User, graph_exec_id: GraphExecId, node_exec_id: NodeExecId, given: ReasonIn, *, key: str | None
    ) -> ControlAnswer:
        """Runs a failed node execution again."""
        argument = NodeControl(node_exec_id=node_exec_id, requested_by=user.id, reason=given.reason)
        return await self._control(user, graph_exec_id, ControlAction.RETRY_NODE, argument, given, key)

    async def skip_node(
        self, user: User, graph_exec_id: GraphExecId, node_exec_id: NodeExecId, given: ReasonIn, *, key: str | None
    ) -> ControlAnswer:
        """Lets a node execution end without outputs."""
        argument = NodeControl(node_exec_id=node_exec_id, requested_by=user.id, reason=given.reason)
        return await self._control(user, graph_exec_id, ControlAction.SKIP_NODE, argument, given, key)

    async def set_output(
        self, user: User, graph_exec_id: GraphExecId, node_exec_id: NodeExecId, given: OutputsIn, *, key: str | None
    ) -> ControlAnswer:
        """Lets a node execution end with these outputs.

        Raises:
            InvalidRequestError: the block has no such pin.
            PayloadTooLargeError
        """
        outputs = tuple(given.emissions())
        size = len(dump_json(outputs))
        if size > MAX_GIVEN_OUTPUT_BYTES:
            raise PayloadTooLargeError(f"The outputs have {size} bytes; the limit is {MAX_GIVEN_OUTPUT_BYTES}.")
        async with self._units() as unit:
            run = await get_open_run(unit, user.id, graph_exec_id, repeated=key is not None)
            node = await unit.executions.find_node(run.id, node_exec_id)
            graph = await unit.graphs.find_any(user.id, run.graph_id, version=run.graph_version)
        if node is not None:
            constants = next((n.input_default for n in graph.nodes if n.id == node.node_id), {}) if graph else {}
            self._check_pins(node, outputs, constants)
        argument = GivenOutputs(node_exec_id=node_exec_id, outputs=outputs, requested_by=user.id, reason=given.reason)
        return await self._control(user, graph_exec_id, ControlAction.SET_OUTPUT, argument, given, key)

    async def extend_deadline(
        self, user: User, graph_exec_id: GraphExecId, given: DeadlineIn, *, key: str | None
    ) -> ControlAnswer:
        """Moves a deadline. Raises InvalidRequestError if it is in the past."""
        now = self._clock.now()
        until, seconds = given.until, given.timeout_seconds
        if given.node_id is None and seconds is not None:
            until, seconds = now + timedelta(seconds=seconds), None
        if until is not None and until <= now:
            raise InvalidRequestError(f"`until` is {until.isoformat()}, which is in the past.")
        argument = DeadlineExtension(
            node_exec_id=None if given.node_exec_id is None else NodeExecId(given.node_exec_id),
            node_id=None if given.node_id is None else NodeId(given.node_id),
            until=until,
            timeout_seconds=seconds,
            requested_by=user.id,
        )
        return await self._control(user, graph_exec_id, ControlAction.EXTEND_DEADLINE, argument, given, key)

    async def list_of_execution(self, user: User, graph_exec_id: GraphExecId, page: PageRequest) -> Page[ControlRecord]:
        """Who did what to a run, oldest first."""
        async with self._units() as unit:
            run = await get_run(unit, user.id, graph_exec_id)
            return await unit.controls.list_of_execution(user.id, run.id, page)

    async def _control(
        self,
        user: User,
        graph_exec_id: GraphExecId,
        action: ControlAction,
        argument: Wire,
        given: BaseModel,
        key: str | None,
    ) -> ControlAnswer:
        async with self._units() as unit:
            run = await get_open_run(unit, user.id, graph_exec_id, repeated=key is not None)
        try:
            return await self._runner.control(
                run.id,
                owner_key_id=user.key_id,
                action=action,
                argument=argument,
                request_id=request_id(user.id, action, given, key=key),
            )
        except ConflictError:
            # A run does not remember all executions that have ended, and so cannot tell them from those of others.
            await self._check_exists(run, argument)
            raise

    async def _check_exists(self, run: GraphExecutionRecord, argument: Wire) -> None:
        """Raises NotFoundError if the argument is about a node execution that the run does not have."""
        node_exec_id: NodeExecId | None = getattr(argument, "node_exec_id", None)
        if node_exec_id is None:
            return
        async with self._units() as unit:
            if await unit.executions.find_node(run.id, node_exec_id) is None:
                raise NotFoundError(f"Node execution #{node_exec_id[:255]} not found or access denied.")

    async def _set_paused(
        self, user: User, graph_exec_id: GraphExecId, given: ReasonIn, *, wanted: bool
    ) -> GraphExecutionRecord:
        async with self._units() as unit:
            run = await get_open_run(unit, user.id, graph_exec_id)
        send = self._runner.pause if wanted else self._runner.resume
        request = ControlRequest(requested_by=user.id, reason=given.reason)
        if not await send(run.id, owner_key_id=user.key_id, request=request):
            raise ConflictError(f"Graph execution #{run.id} has ended.")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PAUSE_WAIT.total_seconds()
        while True:
            async with self._units() as unit:
                run = await get_run(unit, user.id, graph_exec_id)
            if run.status.is_terminal or (run.paused_at is not None) is wanted or loop.time() > deadline:
                return run
            await asyncio.sleep(_POLL_SECONDS)

    def _check_pins(
        self, node: NodeRecord, outputs: tuple[tuple[str, object], ...], constants: dict[str, object]
    ) -> None:
        block = self._blocks.find(node.block_id)
        for pin, _ in outputs:
            if block is not None and pin != ERROR_PIN and not block.has_output_pin(pin, constants):
                raise InvalidRequestError(f"Block {block.name()!r} has no output pin {pin[:100]!r}.")
