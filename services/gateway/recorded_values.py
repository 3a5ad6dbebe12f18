"""Recorded values in full: large ones are fetched from the blob store, each of them once per answer."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from models.errors import PayloadTooLargeError
from models.execution_outputs import RecordedOutputs
from models.json_values import dump_json
from models.value_store import ValueStore
from models.values import Value
from models.wire import NodeRecord

PAGE_BYTES: Final = 32 * 1024 * 1024
"""A page of node executions ends before its values pass this size; its cursor says so."""

OUTPUTS_BYTES: Final = 128 * 1024 * 1024

_AT_ONCE: Final = 8


class ValueReader:
    """Values of one answer."""

    def __init__(self, values: ValueStore) -> None:
        self._values = values
        self._loading: dict[str, asyncio.Task[Any]] = {}
        self._limit = asyncio.Semaphore(_AT_ONCE)

    async def mapping(self, values: Mapping[str, Value]) -> dict[str, Any]:
        return dict(zip(values, await self.sequence(values.values()), strict=True))

    async def sequence(self, values: Iterable[Value]) -> list[Any]:
        return list(await asyncio.gather(*map(self._one, values)))

    async def emissions(self, outputs: Sequence[tuple[str, Value]]) -> dict[str, list[Any]]:
        """Pin -> values, in the order they were emitted."""
        loaded = await self.sequence(value for _, value in outputs)
        by_pin: dict[str, list[Any]] = {}
        for (pin, _), value in zip(outputs, loaded, strict=True):
            by_pin.setdefault(pin, []).append(value)
        return by_pin

    async def outputs(self, recorded: RecordedOutputs) -> dict[str, Any]:
        """The outputs of a run.

        Raises:
            PayloadTooLargeError: more than one answer can hold; the node executions can be read page by page.
        """
        everything = [*recorded.graph.values(), *(v for pins in recorded.terminal.values() for v in pins.values())]
        size = sum(value_bytes(value) for values in everything for value in values)
        if size > OUTPUTS_BYTES:
            raise PayloadTooLargeError(
                f"The outputs have {size} bytes, more than the {OUTPUTS_BYTES} of one answer. "
                "Read the node executions page by page instead."
            )
        if recorded.kind == "graph":
            return {name: await self.sequence(values) for name, values in recorded.graph.items()}
        return {
            node_id: {pin: await self.sequence(values) for pin, values in pins.items()}
            for node_id, pins in recorded.terminal.items()
        }

    async def _one(self, value: Value) -> Any:
        if value.ref is None:
            return value.inline
        task = self._loading.get(value.ref.key)
        if task is None:
            task = self._loading[value.ref.key] = asyncio.create_task(self._load(value))
        return await task

    async def _load(self, value: Value) -> Any:
        async with self._limit:
            return await self._values.load(value)


def fitting(records: Sequence[NodeRecord]) -> Sequence[NodeRecord]:
    """The first of `records`, as many as one page takes; at least one."""
    size = 0
    for count, record in enumerate(records):
        size += record_bytes(record)
        if size > PAGE_BYTES and count:
            return records[:count]
    return records


def record_bytes(record: NodeRecord) -> int:
    return sum(map(value_bytes, (*record.inputs.values(), *(value for _, value in record.outputs))))


def value_bytes(value: Value) -> int:
    return value.ref.size if value.ref is not None else len(dump_json(value.inline))
