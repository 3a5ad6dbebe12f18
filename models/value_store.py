"""Large values in the blob store: written once, referred to by everything that carries them."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from models.errors import ValueTooLargeError
from models.ids import GraphExecId
from models.json_values import dump_json, json_type, normalise_json
from models.ports import BlobStore
from models.values import INLINE_LIMIT_BYTES, NODE_STORAGE_BYTES, VALUE_LIMIT_BYTES, Value, ValueRef, Values

HEAVY_ITEMS: Final = 100_000
"""Values of more items (or ten times as many characters) are encoded in a thread."""


def run_prefix(graph_exec_id: GraphExecId) -> str:
    """Everything a run stores lies under this prefix and goes with the run."""
    return f"runs/{graph_exec_id}/"


class ValueStore:
    """Turns JSON values into `Value`s and back, writing large ones once to the blob store.

    Keys are content hashes within a run, so that storing the same value again (a retry, several sinks) is idempotent.
    """

    def __init__(
        self,
        blobs: BlobStore,
        *,
        inline_limit_bytes: int = INLINE_LIMIT_BYTES,
        node_storage_bytes: int = NODE_STORAGE_BYTES,
    ) -> None:
        self._blobs = blobs
        self._inline_limit_bytes = inline_limit_bytes
        self.node_storage_bytes = node_storage_bytes

    async def pack(
        self,
        value: object,
        *,
        graph_exec_id: GraphExecId,
        force_ref: bool = False,
        limit_bytes: int | None = VALUE_LIMIT_BYTES,
    ) -> Value:
        """`value` (any Python object) as a Value.

        Args:
            force_ref: write it to the blob store even if it is small.
            limit_bytes: None for what the engine itself puts together of values that each kept the limit.

        Raises:
            ValueTooLargeError: more than `limit_bytes` of JSON.
            JsonTooDeepError: nested too deep.
        """
        if not force_ref and (value is None or isinstance(value, bool)):
            return Value(inline=value)
        # Large values take seconds; on the event loop they would keep every other block's heartbeat from being sent.
        plain, data = await asyncio.to_thread(_encode, value) if is_heavy(value) else _encode(value)
        if len(data) <= self._inline_limit_bytes and not force_ref:
            return Value(inline=plain)
        if limit_bytes is not None and len(data) > limit_bytes:
            raise ValueTooLargeError(
                f"A value of {len(data)} bytes is over the limit of {limit_bytes} bytes. Split it into parts."
            )
        digest = hashlib.sha256(data).hexdigest()
        key = f"{run_prefix(graph_exec_id)}{digest}"
        await self._blobs.put(key, data)
        return Value(ref=ValueRef(key=key, size=len(data), sha256=digest, json_type=json_type(plain)))

    async def pack_all(
        self, values: Mapping[str, object], *, graph_exec_id: GraphExecId, inline_budget_bytes: int
    ) -> Values:
        """Packs a mapping so that all inline values together stay within the budget: later ones become references."""
        packed: Values = {}
        for name, value in values.items():
            item = await self.pack(value, graph_exec_id=graph_exec_id)
            if item.ref is None and item.inline_bytes > inline_budget_bytes:
                item = await self.pack(value, graph_exec_id=graph_exec_id, force_ref=True)
            inline_budget_bytes -= item.inline_bytes if item.ref is None else 0
            packed[name] = item
        return packed

    async def load(self, value: Value) -> Any:
        """The JSON value itself."""
        if value.ref is None:
            return value.inline
        # It was normalised before it was written, which takes most of the time of reading a large value.
        return orjson.loads(await self._blobs.get(value.ref.key))

    async def load_all(self, values: Mapping[str, Value]) -> dict[str, Any]:
        return {name: await self.load(value) for name, value in values.items()}


def _encode(value: object) -> tuple[Any, bytes]:
    plain = normalise_json(value)
    return plain, dump_json(plain)


def is_heavy(value: object) -> bool:
    """Whether a value has more than `HEAVY_ITEMS` items or characters; looks at no more than that."""
    left = HEAVY_ITEMS
    pending: list[object] = [value]
    while pending and left > 0:
        item = pending.pop()
        if isinstance(item, str | bytes):
            left -= len(item) // 10
        elif isinstance(item, dict):
            left -= len(item)
            pending.extend(item.values() if len(item) <= left else ())
        elif isinstance(item, list | tuple):
            left -= len(item)
            pending.extend(item if len(item) <= left else ())
    return left <= 0
