"""Runs of other graphs inside a run: what they start with, how they begin, and what they gave."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio import activity

from activities.blocks.registry import BlockRegistry
from activities.graph_interface import GraphInterface
from activities.heartbeat import heartbeats
from activities.owner import owner_key_id
from activities.planning.compile import compile_plan
from activities.planning.validate import check_runnable
from models.errors import BlockError, GraphValidationError, NotFoundError
from models.execution import ExecutionStatus
from models.execution_records import NodeCursor
from models.graph import Graph
from models.ids import GraphExecId, GraphId, NodeId, UserId
from models.ports import ExecutionRecorder, GraphRunner
from models.stores import UnitOfWorkFactory
from models.value_store import ValueStore
from models.values import Values, total_inline_bytes
from models.waits import ChildFinished, ChildWait, RunAgent, Wait
from models.wire import ExecuteBlockInput, OpenedExecution, OpenExecutionInput, RunIdentity

MAX_DEPTH: Final = 10
"""Runs inside runs inside runs; a graph that calls itself must end somewhere."""

INLINE_INPUT_BYTES: Final = 256 * 1024
ROWS_AT_ONCE: Final = 100
OUTPUT_PIN: Final = "output"


class SubAgents:
    """What the workflow needs to know of other graphs of the same owner."""

    def __init__(
        self, *, units: UnitOfWorkFactory, blocks: BlockRegistry, values: ValueStore, recorder: ExecutionRecorder
    ) -> None:
        self._units = units
        self._blocks = blocks
        self._values = values
        self._recorder = recorder

    async def prepare(self, request: RunAgent, task: ExecuteBlockInput, *, graph_exec_id: GraphExecId) -> ChildWait:
        """What to run. Everything that can be found wrong beforehand fails the node instead of a run inside it.

        Raises:
            BlockError: no such graph of the owner, too deep, or it cannot run with these inputs.
        """
        depth = task.options.depth if task.options else 0
        if depth + 1 > MAX_DEPTH:
            raise BlockError(f"Sub-agents may be nested {MAX_DEPTH} deep; this one would be one more.")
        graph = await self._find_graph(task.run.user_id, request.graph_id, request.graph_version)
        if graph is None:
            version = "" if request.graph_version is None else f" in version {request.graph_version}"
            raise BlockError(f"Graph #{request.graph_id}{version} not found or access denied.")
        inherited = task.options.masks if task.options else {}
        own: dict[str, Values] = {}
        budget = INLINE_INPUT_BYTES
        for node_id, pins in request.masks.items():
            own[node_id] = await self._values.pack_all(pins, graph_exec_id=graph_exec_id, inline_budget_bytes=budget)
            budget = max(0, budget - total_inline_bytes(own[node_id].values()))
        masks = {node_id: {**inherited.get(node_id, {}), **own.get(node_id, {})} for node_id in {**inherited, **own}}
        try:
            check_runnable(graph, self._blocks, inputs=request.inputs, masks=await self._load(masks))
        except GraphValidationError as error:
            raise BlockError(f"The sub-agent {graph.name!r} cannot run: {error.message}") from error
        declared = GraphInterface(graph, self._blocks).input_schema()["properties"]
        return ChildWait(
            graph_exec_id=graph_exec_id,
            graph_id=graph.id,
            graph_version=graph.version,
            graph_name=graph.name,
            inputs=await self._pack(
                {name: value for name, value in request.inputs.items() if name in declared}, graph_exec_id
            ),
            masks=masks,
        )

    async def outputs_of(self, wait: Wait, *, user_id: UserId) -> AsyncIterator[tuple[str, Any]]:
        """(name, value) of every value its OUTPUT nodes emitted, in the order of their routing."""
        assert isinstance(wait, ChildWait)
        run = RunIdentity(
            graph_exec_id=wait.graph_exec_id,
            graph_id=wait.graph_id,
            graph_version=wait.graph_version,
            user_id=user_id,
        )
        names = await self._output_names(run)
        after: NodeCursor | None = None
        while names:
            page = await self._recorder.list_output_values(run, list(names), after=after, limit=ROWS_AT_ONCE)
            for record in page:
                for pin, value in record.outputs:
                    if pin == OUTPUT_PIN:
                        yield names[record.node_id], await self._values.load(value)
            if len(page) < ROWS_AT_ONCE:
                return
            after = NodeCursor(page[-1].route_seq, page[-1].node_exec_id)

    async def open(self, input: OpenExecutionInput) -> OpenedExecution:
        """The plan of a run that was started without one.

        Raises:
            NotFoundError: the graph is gone.
            GraphValidationError: it cannot run with these inputs.
        """
        run = input.run
        graph = await self._find_graph(run.user_id, run.graph_id, run.graph_version)
        if graph is None:
            raise NotFoundError(f"Graph #{run.graph_id} in version {run.graph_version} not found or access denied.")
        masks = await self._load(input.options.masks)
        check_runnable(graph, self._blocks, inputs=await self._values.load_all(input.opening.inputs), masks=masks)
        plan = await compile_plan(
            graph, self._blocks, values=self._values, graph_exec_id=run.graph_exec_id, masks=masks
        )
        return OpenedExecution(plan=plan)

    async def find_end(self, run: RunIdentity) -> ChildFinished:
        """How a run ended whose workflow is closed; one that nobody recorded was terminated from outside."""
        async with self._units() as unit:
            record = await unit.executions.find(run.user_id, run.graph_exec_id)
        if record is None or not record.status.is_terminal:
            return ChildFinished(graph_exec_id=run.graph_exec_id, status=ExecutionStatus.TERMINATED.value)
        return ChildFinished(
            graph_exec_id=run.graph_exec_id,
            status=record.status.value,
            error=record.error,
            cost=record.stats.cost if record.stats else 0,
            node_exec_count=record.stats.node_exec_count if record.stats else 0,
        )

    async def _find_graph(self, user_id: UserId, graph_id: GraphId, version: int | None) -> Graph | None:
        async with self._units() as unit:
            if version is None:
                return await unit.graphs.find_active(user_id, graph_id)
            return await unit.graphs.find(user_id, graph_id, version=version)

    async def _output_names(self, run: RunIdentity) -> dict[NodeId, str]:
        async with self._units() as unit:
            graph = await unit.graphs.find_any(run.user_id, run.graph_id, version=run.graph_version)
        return GraphInterface(graph, self._blocks).output_nodes() if graph is not None else {}

    async def _pack(self, values: Mapping[str, Any], graph_exec_id: GraphExecId) -> Values:
        return await self._values.pack_all(values, graph_exec_id=graph_exec_id, inline_budget_bytes=INLINE_INPUT_BYTES)

    async def _load(self, masks: Mapping[str, Values]) -> dict[str, dict[str, Any]]:
        return {node_id: await self._values.load_all(pins) for node_id, pins in masks.items()}


class SubAgentActivities:
    """Every call may be repeated."""

    def __init__(self, *, sub_agents: SubAgents, runner: GraphRunner) -> None:
        self._sub_agents = sub_agents
        self._runner = runner

    @activity.defn(name="open_execution")
    async def open_execution(self, input: OpenExecutionInput) -> OpenedExecution:
        """See SubAgents.open."""
        structlog.contextvars.bind_contextvars(graph_exec_id=input.run.graph_exec_id, user_id=input.run.user_id)
        async with heartbeats():
            return await self._sub_agents.open(input)

    @activity.defn(name="find_ended_run")
    async def find_ended_run(self, run: RunIdentity) -> ChildFinished | None:
        """How a run ended, or None if its workflow still goes on."""
        is_closed = await self._runner.wait_closed(
            run.graph_exec_id, owner_key_id=owner_key_id(), timeout=timedelta(seconds=1)
        )
        return await self._sub_agents.find_end(run) if is_closed else None
