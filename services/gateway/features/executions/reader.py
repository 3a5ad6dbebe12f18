"""Reading executions. Values are fetched after the transaction: a slow blob store must not hold connections."""

import asyncio
from typing import NamedTuple

from activities.graph_interface import GraphInterface
from activities.outputs import assemble_outputs
from models.errors import InvalidRequestError
from models.events import ExecutionEvent
from models.execution_outputs import RecordedOutputs
from models.execution_records import GraphExecutionRecord, NodeCursor
from models.ids import GraphExecId, GraphId, NodeExecId, UserId
from models.stores import UnitOfWork
from models.users import User
from models.value_store import ValueStore
from models.wire import NodeRecord
from services.gateway.container import Container
from services.gateway.execution_meta import GraphExecutionMetaOut, meta_fields, meta_out
from services.gateway.features.executions.node_pages import read_page
from services.gateway.features.executions.schemas import (
    GraphExecutionOut,
    NodeExecutionOut,
    NodeExecutionPageOut,
    NodeResultOut,
    ResultsOut,
    node_out,
)
from services.gateway.missing import execution_missing
from services.gateway.recorded_values import ValueReader


class NodeRange(NamedTuple):
    """Which node executions: `limit` of them after a cursor ("route_seq:id"), or the first ones."""

    after: str | None = None
    limit: int = 5_000


class _Found(NamedTuple):
    run: GraphExecutionRecord
    outputs: RecordedOutputs
    nodes: tuple[NodeRecord, ...]
    next_cursor: str | None
    total: int


class ExecutionReader:
    """Executions of one user; those of others, and deleted ones, are not found."""

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._blocks = container.blocks
        self._events = container.events
        self._polls = container.polls
        self._runner = container.runner
        self._values = ValueStore(container.blobs)

    async def get_record(
        self, user_id: UserId, graph_exec_id: GraphExecId, *, graph_id: GraphId | None = None
    ) -> GraphExecutionRecord:
        """Raises NotFoundError, also if it is not an execution of the given graph."""
        async with self._units() as unit:
            return await _get(unit, user_id, graph_exec_id, graph_id)

    async def get_meta(self, user_id: UserId, graph_exec_id: GraphExecId) -> GraphExecutionMetaOut:
        """Raises NotFoundError."""
        return meta_out(await self.get_record(user_id, graph_exec_id))

    async def get_detail(
        self, user: User, graph_exec_id: GraphExecId, nodes: NodeRange, *, graph_id: GraphId | None = None
    ) -> GraphExecutionOut:
        """Raises NotFoundError."""
        found = await self._find(user.id, graph_exec_id, nodes, graph_id)
        reader = ValueReader(self._values)
        masks = found.run.nodes_input_masks or {}
        return GraphExecutionOut(
            **meta_fields(
                found.run,
                inputs=await reader.mapping(found.run.inputs),
                masks={node_id: await reader.mapping(pins) for node_id, pins in masks.items()} or None,
            ),
            temporal_url=self._runner.inspection_url(graph_exec_id, owner_key_id=user.key_id),
            outputs=await reader.outputs(found.outputs),
            node_executions=await _nodes_out(found, reader),
            node_executions_total=found.total,
            next_node_cursor=found.next_cursor,
        )

    async def list_nodes(self, user_id: UserId, graph_exec_id: GraphExecId, nodes: NodeRange) -> NodeExecutionPageOut:
        """Raises NotFoundError."""
        found = await self._find(user_id, graph_exec_id, nodes, None)
        return NodeExecutionPageOut(
            node_executions=await _nodes_out(found, ValueReader(self._values)),
            node_executions_total=found.total,
            next_node_cursor=found.next_cursor,
        )

    async def get_results(self, user_id: UserId, graph_exec_id: GraphExecId, nodes: NodeRange) -> ResultsOut:
        """Outputs and node executions; those so far while the run goes on. Raises NotFoundError."""
        found = await self._find(user_id, graph_exec_id, nodes, None)
        reader = ValueReader(self._values)
        return ResultsOut(
            execution_id=found.run.id,
            status=found.run.status,
            outputs=await reader.outputs(found.outputs),
            nodes=[
                NodeResultOut(
                    node_id=record.node_id,
                    block_id=record.block_id,
                    status=record.status,
                    input=await reader.mapping(record.inputs),
                    output=await reader.emissions(record.outputs),
                    error=record.error,
                )
                for record in found.nodes
            ],
            next_node_cursor=found.next_cursor,
            error=found.run.error,
        )

    async def read_events(
        self, user_id: UserId, graph_exec_id: GraphExecId, *, since: str, limit: int, wait_seconds: float
    ) -> list[ExecutionEvent]:
        """Events after a cursor, oldest first; waits for the first one, at most `wait_seconds`.

        Raises:
            NotFoundError: not an execution of this user.
            TooManyRequestsError: too many wait already.
            ServiceUnavailableError: Redis does not answer.
        """
        await self.get_record(user_id, graph_exec_id)
        if wait_seconds <= 0:
            return list(await self._events.read(graph_exec_id, since=since, limit=limit, wait_seconds=0))
        with self._polls.one_of(user_id):
            return await self._wait_for_events(graph_exec_id, since=since, limit=limit, wait_seconds=wait_seconds)

    async def _wait_for_events(
        self, graph_exec_id: GraphExecId, *, since: str, limit: int, wait_seconds: float
    ) -> list[ExecutionEvent]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            left = max(0.0, deadline - loop.time())
            events = await self._events.read(graph_exec_id, since=since, limit=limit, wait_seconds=left)
            if events or loop.time() >= deadline:
                return list(events)

    async def _find(
        self, user_id: UserId, graph_exec_id: GraphExecId, nodes: NodeRange, graph_id: GraphId | None
    ) -> _Found:
        after = _cursor(nodes.after)
        async with self._units() as unit:
            run = await _get(unit, user_id, graph_exec_id, graph_id)

            async def list_nodes(place: NodeCursor | None, limit: int) -> list[NodeRecord]:
                return list(await unit.executions.list_nodes(graph_exec_id, after=place, limit=limit))

            page = await read_page(list_nodes, after=after, limit=nodes.limit)
            outputs = run.outputs or await self._outputs_so_far(unit, run)
            total = await unit.executions.count_nodes(graph_exec_id)
        cursor = f"{page.last.route_seq}:{page.last.node_exec_id}" if page.last else None
        return _Found(run=run, outputs=outputs, nodes=page.records, next_cursor=cursor, total=total)

    async def _outputs_so_far(self, unit: UnitOfWork, run: GraphExecutionRecord) -> RecordedOutputs:
        graph = await unit.graphs.find_any(run.user_id, run.graph_id, version=run.graph_version)
        if graph is None:
            return RecordedOutputs()
        interface = GraphInterface(graph, self._blocks)
        output_nodes, terminal_nodes = interface.output_nodes(), interface.terminal_nodes()
        records = await unit.executions.list_nodes_of(run.id, list(output_nodes) or list(terminal_nodes))
        return assemble_outputs(records, output_nodes=output_nodes, terminal_nodes=terminal_nodes)


async def _get(
    unit: UnitOfWork, user_id: UserId, graph_exec_id: GraphExecId, graph_id: GraphId | None
) -> GraphExecutionRecord:
    run = await unit.executions.find(user_id, graph_exec_id)
    if run is None or graph_id not in (None, run.graph_id):
        raise execution_missing(graph_exec_id)
    return run


async def _nodes_out(found: _Found, reader: ValueReader) -> list[NodeExecutionOut]:
    return [
        node_out(
            found.run,
            record,
            inputs=await reader.mapping(record.inputs),
            outputs=await reader.emissions(record.outputs),
        )
        for record in found.nodes
    ]


def _cursor(text: str | None) -> NodeCursor | None:
    if text is None:
        return None
    route_seq, colon, node_exec_id = text.partition(":")
    if not colon or not route_seq.isdecimal() or len(route_seq) > 9 or not node_exec_id:
        raise InvalidRequestError(f"{text[:100]!r} is not a cursor. Use the `next_node_cursor` of an earlier answer.")
    return NodeCursor(int(route_seq), NodeExecId(node_exec_id))
