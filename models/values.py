"""How values travel through Temporal: small ones inline, large ones as a reference to the blob store."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from models.json_values import JsonType, dump_json

INLINE_LIMIT_BYTES: Final = 16 * 1024
"""A value whose JSON is longer travels as a ValueRef: a history of thousands of events must stay small."""

VALUE_LIMIT_BYTES: Final = 32 * 1024 * 1024
"""No single value may be larger."""

NODE_STORAGE_BYTES: Final = 256 * 1024 * 1024
"""Large values that one node execution may add to what its run stores: eight of the largest. A worker writes them while
others wait for it, and one mistaken loop must not fill a disk."""

RUN_STORAGE_BYTES: Final = 8 * 1024**3
"""Large values that one run may store. A list that grows by an entry of 1 KB in each of 4 000 rounds, written anew each
time, takes about that. Executions that run at the same time may exceed it together."""

REF_BYTES: Final = 200
"""About what a reference adds to a Temporal command."""


class ValueRef(BaseModel):
    """Where the JSON of a large value lies, and what it is, without loading it."""

    model_config = ConfigDict(frozen=True)

    key: str
    size: int
    """Bytes of the JSON before encryption."""
    sha256: str
    json_type: JsonType


class Value(BaseModel):
    """A JSON value inline, or a reference to it. Exactly one of the two counts: `ref` if it is set."""

    model_config = ConfigDict(frozen=True)

    inline: Any = Field(default=None)
    ref: ValueRef | None = Field(default=None)

    @property
    def inline_bytes(self) -> int:
        """About how much the value adds to a Temporal command."""
        if self.ref is not None:
            return REF_BYTES
        inline = self.inline
        if inline is None or isinstance(inline, bool | int | float):
            return 24
        if isinstance(inline, str):
            return len(dump_json(inline)) + 22
        return len(dump_json(inline)) + 16


Values = dict[str, Value]


def total_inline_bytes(values: Iterable[Value]) -> int:
    return sum(value.inline_bytes for value in values)
