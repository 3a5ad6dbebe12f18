"""`client.blocks`."""

from collections.abc import Mapping
from typing import Any

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, one, page_of, path_of
from perdure_client.models import Block

BlockOutputs = dict[str, list[Any]]


class AsyncBlocksCalls:
    """The block library."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> Page[Block]:
        """All blocks."""
        return await self._transport.call(
            Request(method="GET", path=path_of("api", "blocks"), read=page_of(Block), repeatable=True)
        )

    async def get(self, block_id: str) -> Block:
        """A block by id or alias. Raises NotFound."""
        return await self._transport.call(
            Request(method="GET", path=path_of("api", "blocks", block_id), read=one(Block), repeatable=True)
        )

    async def execute(self, block_id: str, inputs: Mapping[str, Any] | None = None) -> BlockOutputs:
        """Runs a block once outside any graph; pin -> values. It is not repeated after a failure.

        Raises:
            NotFound: no such block.
            Forbidden: it is disabled.
            ValidationFailed: its input is wrong, or it failed; the message says how.
        """
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "blocks", block_id, "execute"),
                body=dict(inputs or {}),
                read=one(BlockOutputs),
                # The gateway lets a block run for two minutes.
                patience_seconds=120,
            )
        )
