"""A graph version compiled into the ExecutionPlan that a workflow runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from activities.blocks.registry import BlockRegistry, BlockType
from activities.planning.node_options import Emitted, read_retry, read_review, read_timeout_seconds, title_of
from activities.planning.validate import is_start
from models.blocks import BlockKind, ExecutorKind
from models.errors import GraphValidationError
from models.graph import Graph, Link, Node
from models.ids import BlockId, GraphExecId, NodeId
from models.json_values import normalise_json
from models.pins import NOTHING, dynamic_sources, select
from models.plan import MAX_PLAN_BYTES, ExecutionPlan, PlanBlock, PlanLink, PlanNode, PlanPinned
from models.value_store import ValueStore
from models.values import Values


async def compile_plan(
    graph: Graph,
    blocks: BlockRegistry,
    *,
    values: ValueStore,
    graph_exec_id: GraphExecId,
    masks: Mapping[str, Mapping[str, Any]] | None = None,
    pinned: Mapping[str, Emitted] | None = None,
) -> ExecutionPlan:
    """The plan of one execution of a graph that has passed `check_structure` and `check_runnable`.

    Large constants are written to the value store under this execution. `masks` maps node id -> pin -> value,
    `pinned` node id -> what it emits instead of running its block.

    Raises:
        UnknownBlockError: a block has gone since the graph was saved.
        GraphValidationError: the plan is larger than a workflow can take.
    """
    inbound: dict[NodeId, list[Link]] = {}
    outbound: dict[NodeId, list[Link]] = {}
    for link in graph.links:
        inbound.setdefault(link.sink_id, []).append(link)
        outbound.setdefault(link.source_id, []).append(link)
    plan_blocks: dict[BlockId, PlanBlock] = {}
    nodes: list[PlanNode] = []
    for node in graph.nodes:
        block = blocks.get(node.block_id)
        plan_blocks.setdefault(node.block_id, _plan_block(block))
        nodes.append(
            PlanNode(
                id=node.id,
                block_id=node.block_id,
                title=title_of(node, block),
                defaults=await _pack(node.input_default, values, graph_exec_id),
                masks=await _pack((masks or {}).get(node.id, {}), values, graph_exec_id),
                graph_pin=_graph_pin(node, block),
                retry=read_retry(node, block),
                timeout_seconds=read_timeout_seconds(node, block),
                review=read_review(node, block),
                pinned=await _pinned((pinned or {}).get(node.id), outbound.get(node.id, []), values, graph_exec_id),
                is_start=is_start(node, block, inbound),
                **_wiring(inbound.get(node.id, []), outbound.get(node.id, [])),
            )
        )
    plan = ExecutionPlan(
        graph_id=graph.id,
        graph_version=graph.version,
        graph_name=graph.name,
        blocks=plan_blocks,
        nodes=tuple(nodes),
    )
    if plan.size_bytes > MAX_PLAN_BYTES:
        raise GraphValidationError(
            f"The compiled graph has {plan.size_bytes} bytes; the limit is {MAX_PLAN_BYTES}. Split it into several."
        )
    return plan


def _plan_block(block: BlockType) -> PlanBlock:
    executor = ExecutorKind.SKIP if block.kind is BlockKind.NOTE else block.executor
    return PlanBlock(name=block.name(), kind=block.kind, executor=executor)


def _wiring(inbound: list[Link], outbound: list[Link]) -> dict[str, Any]:
    linked = tuple(dict.fromkeys(link.sink_name for link in inbound))
    static = {link.sink_name for link in inbound if link.is_static}
    return {
        "linked_pins": linked,
        "static_pins": tuple(pin for pin in linked if pin in static),
        "links": tuple(
            PlanLink(
                id=link.id,
                source_name=link.source_name,
                sink_id=link.sink_id,
                sink_name=link.sink_name,
                is_static=link.is_static,
            )
            for link in outbound
        ),
    }


def _graph_pin(node: Node, block: BlockType) -> str | None:
    return block.graph_pin_name(node.input_default) if block.kind in (BlockKind.INPUT, BlockKind.OUTPUT) else None


async def _pinned(
    given: Emitted | None, outbound: Iterable[Link], values: ValueStore, graph_exec_id: GraphExecId
) -> tuple[PlanPinned, ...] | None:
    """The values with the parts that dynamic links take: no activity will be there to select them."""
    if given is None:
        return None
    source_names = dynamic_sources(link.source_name for link in outbound)
    pinned: list[PlanPinned] = []
    for pin, value in given:
        plain = normalise_json(value)
        parts = {name: select(plain, name) for name in source_names.get(pin, ())}
        found = {name: part for name, part in parts.items() if part is not NOTHING}
        selected = {name: await values.pack(part, graph_exec_id=graph_exec_id) for name, part in found.items()}
        packed = await values.pack(plain, graph_exec_id=graph_exec_id)
        pinned.append(PlanPinned(pin=pin, value=packed, selected=selected))
    return tuple(pinned)


async def _pack(constants: Mapping[str, Any], values: ValueStore, graph_exec_id: GraphExecId) -> Values:
    given = {pin: value for pin, value in constants.items() if value is not None}
    return {pin: await values.pack(value, graph_exec_id=graph_exec_id) for pin, value in given.items()}
