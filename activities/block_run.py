"""Running a block once: its input from what arrived, its emissions packed for the wire."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel

from activities.streaming import OutputStream
from models.beside_the_loop import beside_the_loop
from models.blocks import Block, BlockContext, Emission
from models.coercion import build_input, validate_emission
from models.errors import BlockError, ValueTooLargeError
from models.json_values import normalise_json
from models.pins import ERROR_PIN, NOTHING, base_name, fold, is_dynamic, select
from models.value_store import ValueStore
from models.values import RUN_STORAGE_BYTES, Value, Values
from models.wire import BlockOutputItem, ExecuteBlockInput, NodeRecord

MAX_INLINE_BYTES: Final = 384 * 1024
"""Inline emissions of one node execution; beyond it large ones become references (Temporal warns from 512 KiB on)."""

MAX_WIRE_BYTES: Final = 1792 * 1024
"""All emissions of one node execution, references included: Temporal refuses payloads over 2 MiB."""

MAX_EMISSIONS: Final = 20_000

_ITEM_BYTES: Final = 20
_REFERENCE_BYTES: Final = 300
_WORTH_A_REFERENCE_BYTES: Final = 512


class BlockRun:
    """One attempt of a block.

    Attributes:
        inputs: what the block got by pin, constants included, before coercion; complete after `prepare`.
        outputs: emissions so far, in order; they count even if the block fails afterwards.
        wire_bytes: about what they take in the answer of the activity.
        stored_bytes: large values that this execution has added to what its run stores; those it only passes on are
            not among them.
    """

    def __init__(self, block: type[Block[Any]], task: ExecuteBlockInput, values: ValueStore) -> None:
        self.block = block
        self._task = task
        self._values = values
        self._inline_bytes = 0
        self.wire_bytes = 0
        self.stored_bytes = 0
        self.inputs: Values = {**task.defaults, **task.received, **task.masks}
        self._stored_keys = {value.ref.key for value in self.inputs.values() if value.ref is not None}
        self.outputs: list[BlockOutputItem] = []

    async def prepare(self) -> BaseModel:
        """The validated input model.

        Raises:
            BlockInputError: a pin is missing or has a value the block cannot take.
            ValueTooLargeError: a pin put together of several values is too large.
        """
        raw = await self._values.load_all(self.inputs)
        folded = fold(raw)
        for pin in dict.fromkeys(base_name(pin) for pin in raw if is_dynamic(pin)):
            self.inputs[pin] = await self._values.pack(folded[pin], graph_exec_id=self._task.run.graph_exec_id)
            self._count_stored(self.inputs[pin])
        # Only values by reference can be so many that to convert each of them takes long.
        is_large = any(value.ref is not None for value in self.inputs.values())
        return await beside_the_loop(is_large, build_input, self.block, folded)

    async def run(self, input: BaseModel, context: BlockContext, *, stream: OutputStream | None = None) -> None:
        """Runs the block to its end, collecting its emissions; see `collect`."""
        await self.collect(input, self.block().run(input, context), stream=stream)

    async def collect(
        self, input: BaseModel, emissions: AsyncIterator[Emission], *, stream: OutputStream | None = None
    ) -> None:
        """Packs what is emitted, to the end; `stream` gets each emission at once.

        Raises:
            BlockError: the block failed, or emitted on `error`, or emitted more than a node execution may.
        """
        try:
            async for pin, value in emissions:
                if pin == ERROR_PIN:
                    raise BlockError(str(value) or "The block failed without a message.")
                validate_emission(self.block, input, pin, value)
                if len(self.outputs) >= MAX_EMISSIONS:
                    raise ValueTooLargeError(f"The block emitted more than {MAX_EMISSIONS} values. Split the work.")
                self.outputs.append(await self._pack(normalise_json(pin), value))
                if stream is not None:
                    await stream.add(self.outputs[-1])
        finally:
            # Not left to the garbage collector: the block's own clean-up belongs to this attempt.
            close = getattr(emissions, "aclose", None)
            if close is not None:
                await close()

    async def pack_emissions(self, input: BaseModel, emissions: Iterable[Emission]) -> tuple[BlockOutputItem, ...]:
        """Emissions known beforehand, packed but not yet emitted.

        Raises:
            BlockError: as for `collect`.
        """
        for pin, value in emissions:
            validate_emission(self.block, input, pin, value)
        return tuple([await self._pack(normalise_json(pin), value) for pin, value in emissions])

    async def restore(self, record: NodeRecord) -> None:
        """Takes inputs and emissions from the record of an attempt that ended."""
        self.inputs = dict(record.inputs)
        for pin, value in record.outputs:
            if value.ref is not None and value.ref.key not in self._stored_keys:
                self._stored_keys.add(value.ref.key)
                self.stored_bytes += value.ref.size
            source_names = self._task.selectors.get(pin)
            plain = await self._values.load(value) if source_names else None
            selected = await self._select(plain, source_names or ())
            self.outputs.append(BlockOutputItem(pin=pin, value=value, selected=selected))

    async def _pack(self, pin: str, value: object) -> BlockOutputItem:
        source_names = self._task.selectors.get(pin)
        if not source_names:
            return BlockOutputItem(pin=pin, value=await self._pack_value(pin, value))
        plain = normalise_json(value)
        packed = await self._pack_value(pin, plain)
        return BlockOutputItem(pin=pin, value=packed, selected=await self._select(plain, source_names))

    async def _select(self, plain: Any, source_names: Sequence[str]) -> Values:
        """The parts that dynamic links take, by source name."""
        selected: Values = {}
        for source_name in source_names:
            part = select(plain, source_name)
            if part is not NOTHING:
                selected[source_name] = await self._pack_value(source_name, part)
        return selected

    async def _pack_value(self, name: str, value: object) -> Value:
        run_id = self._task.run.graph_exec_id
        is_full = self._inline_bytes > MAX_INLINE_BYTES
        value = normalise_json(value) if is_full else value
        packed = await self._values.pack(value, graph_exec_id=run_id)
        if is_full and packed.inline_bytes > _WORTH_A_REFERENCE_BYTES:
            packed = await self._values.pack(value, graph_exec_id=run_id, force_ref=True)
        size = packed.inline_bytes if packed.ref is None else _REFERENCE_BYTES
        self.wire_bytes += size + len(name) + _ITEM_BYTES
        if self.wire_bytes > MAX_WIRE_BYTES:
            raise ValueTooLargeError(
                f"The emissions of the block take more than {MAX_WIRE_BYTES} bytes even with large values stored apart "
                f"({len(self.outputs)} so far). Emit fewer, or put them together into one list."
            )
        if packed.ref is None:
            self._inline_bytes += size
        self._count_stored(packed)
        return packed

    def _count_stored(self, value: Value) -> None:
        if value.ref is None or value.ref.key in self._stored_keys:
            return
        self._stored_keys.add(value.ref.key)
        self.stored_bytes += value.ref.size
        limit, left = self._values.node_storage_bytes, self._task.storage_left_bytes
        if self.stored_bytes > limit:
            raise ValueTooLargeError(
                f"The large values of this node execution take more than {limit} bytes together. Split the work."
            )
        if left is not None and self.stored_bytes > left:
            raise ValueTooLargeError(
                f"The run has stored as much as it may: {left} bytes of {RUN_STORAGE_BYTES} were left for this node. "
                "Pass on smaller values, or split the run into several."
            )
