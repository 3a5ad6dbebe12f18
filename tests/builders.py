"""Small builders for graphs and executions, so that tests say only what matters to them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from activities.blocks.registry import BlockRegistry
from activities.planning.compile import compile_plan
from activities.planning.validate import check_runnable, check_structure
from models.controls import RunOptions
from models.graph import Graph, Link, Node
from models.ids import AGENT_EXECUTOR_BLOCK_ID, BlockId, GraphExecId, GraphId, LinkId, NodeId, UserId, new_id
from models.value_store import ValueStore
from models.wire import ExecuteGraphInput, RunIdentity, RunOpening


def make_node(id: str, block_id: str, metadata: Mapping[str, Any] | None = None, **input_default: Any) -> Node:
    return Node(id=NodeId(id), block_id=BlockId(block_id), input_default=input_default, metadata=dict(metadata or {}))


def make_agent_node(id: str, graph: Graph, **inputs: Any) -> Node:
    """A node that runs `graph`, whose inputs and outputs are among x, y and z."""
    schema = {"type": "object", "properties": {name: {} for name in ("x", "y", "z")}}
    return make_node(
        id,
        AGENT_EXECUTOR_BLOCK_ID,
        user_id=graph.user_id,
        graph_id=graph.id,
        graph_version=graph.version,
        inputs=inputs,
        input_schema=schema,
        output_schema=schema,
    )


def make_link(source: str, sink: str, *, static: bool = False) -> Link:
    """`make_link("a.out", "b.in")`: pins may contain dots only after the first one."""
    source_id, _, source_name = source.partition(".")
    sink_id, _, sink_name = sink.partition(".")
    return Link(
        id=LinkId(f"{source}->{sink}"),
        source_id=NodeId(source_id),
        sink_id=NodeId(sink_id),
        source_name=source_name,
        sink_name=sink_name,
        is_static=static,
    )


def make_graph(
    nodes: Sequence[Node],
    links: Sequence[Link] = (),
    *,
    blocks: BlockRegistry,
    user_id: str = "user-1",
    name: str = "Test graph",
) -> Graph:
    """A graph that has passed the structural check, as the gateway stores it."""
    now = datetime.now(UTC)
    return Graph(
        id=GraphId(new_id()),
        name=name,
        user_id=UserId(user_id),
        created_at=now,
        updated_at=now,
        nodes=tuple(nodes),
        links=check_structure(nodes, links, blocks),
    )


async def make_run(
    graph: Graph,
    *,
    blocks: BlockRegistry,
    values: ValueStore,
    inputs: Mapping[str, Any] | None = None,
    masks: Mapping[str, Mapping[str, Any]] | None = None,
    pinned: Mapping[str, Sequence[tuple[str, Any]]] | None = None,
    run_options: RunOptions | None = None,
) -> ExecuteGraphInput:
    """The workflow input the gateway makes of a graph and the inputs of a run."""
    graph_exec_id = GraphExecId(new_id())
    check_runnable(graph, blocks, inputs=inputs or {}, masks=masks, pinned=pinned)
    plan = await compile_plan(graph, blocks, values=values, graph_exec_id=graph_exec_id, masks=masks, pinned=pinned)
    packed = await values.pack_all(inputs or {}, graph_exec_id=graph_exec_id, inline_budget_bytes=256 * 1024)
    return ExecuteGraphInput(
        run=RunIdentity(
            graph_exec_id=graph_exec_id, graph_id=graph.id, graph_version=graph.version, user_id=graph.user_id
        ),
        plan=plan,
        opening=RunOpening(inputs=packed, created_at=datetime.now(UTC)),
        options=run_options or RunOptions(),
    )
