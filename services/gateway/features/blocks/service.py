"""The block library, and running one block outside any graph."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from activities.blocks.registry import BlockRegistry, BlockType
from models.blocks import BlockContext
from models.coercion import build_input, validate_emission
from models.errors import (
    AppError,
    BlockDisabledError,
    BlockError,
    BlockTimeoutError,
    NotFoundError,
    UnknownBlockError,
    ValueTooLargeError,
)
from models.function_cache import thread_cached
from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, new_id
from models.json_values import dump_json, normalise_json
from models.pins import ERROR_PIN, fold
from models.users import User
from models.values import VALUE_LIMIT_BYTES
from services.gateway.features.blocks.schemas import BlockOut, block_out
from services.gateway.run_request import check_values

TIMEOUT_SECONDS: Final = 120.0
"""A caller waits for the answer; longer work belongs into a graph."""

MAX_EMISSIONS: Final = 20_000

Outputs = dict[str, list[Any]]
_BLOCKS_OUT: Final = TypeAdapter(list[BlockOut])


@thread_cached(max_size=4)
def block_catalogue(blocks: BlockRegistry) -> bytes:
    """The JSON of all blocks as clients see them. It is long, and the same until the process ends."""
    return _BLOCKS_OUT.dump_json([block_out(block) for block in blocks.all()])


class BlockService:
    def __init__(self, blocks: BlockRegistry, *, services: Mapping[str, Any]) -> None:
        self._blocks = blocks
        self._services = services

    def get(self, block_id: str) -> BlockType:
        """By id or alias. Raises NotFoundError."""
        try:
            return self._blocks.get(block_id)
        except UnknownBlockError as error:
            raise NotFoundError(f"Block #{block_id} not found.") from error

    async def execute(self, user: User, block_id: str, inputs: Mapping[str, Any]) -> Outputs:
        """Runs a block once; pin -> emitted values. It is not retried and leaves no record.

        Raises:
            NotFoundError, BlockDisabledError: it cannot run.
            InvalidRequestError: its input is too deep, or has too many keys.
            BlockError: its input is wrong, it failed, or took more than `TIMEOUT_SECONDS`.
        """
        block = self.get(block_id)
        if block.disabled is not None:
            raise BlockDisabledError(f"Block #{block_id} is disabled: {block.disabled}")
        check_values(inputs, "input")
        input = build_input(block, fold(inputs))
        limit = min(TIMEOUT_SECONDS, block.timeout.total_seconds())
        try:
            async with asyncio.timeout(limit):
                return await self._collect(block, input, _context(user, self._services))
        except TimeoutError as error:
            raise BlockTimeoutError(
                f"Block {block.name()!r} did not finish within {limit:g} s. Run it in a graph if it needs longer."
            ) from error

    async def _collect(self, block: BlockType, input: Any, context: BlockContext) -> Outputs:
        outputs: Outputs = {}
        count = size = 0
        try:
            async for pin, value in block().run(input, context):
                if pin == ERROR_PIN:
                    raise BlockError(str(value) or "The block failed without a message.")
                validate_emission(block, input, pin, value)
                plain = normalise_json(value)
                count, size = count + 1, size + len(dump_json(plain))
                if count > MAX_EMISSIONS or size > VALUE_LIMIT_BYTES:
                    raise ValueTooLargeError("The block emitted more than one answer can hold. Run it in a graph.")
                outputs.setdefault(pin, []).append(plain)
        except (AppError, TimeoutError):
            raise
        except Exception as error:
            # A block's bug is the block's failure, as in a graph, not the gateway's.
            raise BlockError(f"{block.name()} failed: {type(error).__name__}: {error}") from error
        return outputs


def _context(user: User, services: Mapping[str, Any]) -> BlockContext:
    """A context whose graph and execution exist nowhere."""
    node_exec_id = NodeExecId(new_id())
    return BlockContext(
        user_id=user.id,
        graph_id=GraphId(""),
        graph_version=0,
        graph_exec_id=GraphExecId(new_id()),
        node_id=NodeId("direct"),
        node_exec_id=node_exec_id,
        idempotency_key=node_exec_id,
        user_timezone=user.effective_timezone,
        services=services,
    )
