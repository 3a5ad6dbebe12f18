"""Runs one block the way the engine does: build its input, run it, check every emission."""

from collections.abc import Mapping
from typing import Any

from models.blocks import Block, BlockContext
from models.coercion import build_input, validate_emission
from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.pins import fold


def make_context(**services: Any) -> BlockContext:
    return BlockContext(
        user_id=UserId("user"),
        graph_id=GraphId("graph"),
        graph_version=1,
        graph_exec_id=GraphExecId("execution"),
        node_id=NodeId("node"),
        node_exec_id=NodeExecId("node-execution"),
        idempotency_key="key",
        services=services,
    )


async def run_block(
    block: type[Block[Any]], values: Mapping[str, Any], *, context: BlockContext | None = None
) -> list[tuple[str, Any]]:
    """The emissions of the block, in order."""
    emissions: list[tuple[str, Any]] = []
    input = build_input(block, fold(values))
    async for pin, value in block().run(input, context or make_context()):
        validate_emission(block, input, pin, value)
        emissions.append((pin, value))
    return emissions
