"""Running a block once: its input from what arrived, its emissions packed for the wire."""

from typing import Any, Final

from pydantic import BaseModel

from models.blocks import Block, BlockContext
from models.coercion import build_input, validate_emission
from models.errors import BlockError, ValueTooLargeError
from models.pins import ERROR_PIN, NOTHING, base_name, fold, is_dynamic, select
from models.values import Values, ValueStore
from models.wire import BlockOutputItem, ExecuteBlockInput

MAX_INLINE_BYTES: Final = 384 * 1024
"""Inline emissions of one node execution; beyond it they become references (Temporal warns of payloads over 512 KiB
and refuses them over 2 MiB)."""

MAX_EMISSIONS: Final = 20_000


class BlockRun:
    """One attempt of a block.

    Attributes:
        inputs: what the block got by pin, constants included, before coercion; complete after `prepare`.
        outputs: emissions so far, in order; they count even if the block fails afterwards.
    """

    def __init__(self, block: type[Block[Any]], task: ExecuteBlockInput, values: ValueStore) -> None:
        self.block = block
        self._task = task
        self._values = values
        self._inline_bytes = 0
        self.inputs: Values = {**task.defaults, **task.received, **task.masks}
        self.outputs: list[BlockOutputItem] = []

    async def prepare(self) -> BaseModel:
        """The validated input model.

        Raises:
            BlockInputError: a pin is missing or has a value the block cannot take.
        """
        raw = await self._values.load_all(self.inputs)
        folded = fold(raw)
        for pin in {base_name(pin) for pin in raw if is_dynamic(pin)}:
            self.inputs[pin] = await self._values.pack(folded[pin], graph_exec_id=self._task.run.graph_exec_id)
        return build_input(self.block, folded)

    async def run(self, input: BaseModel, context: BlockContext) -> None:
        """Runs the block to its end, collecting its emissions.

        Raises:
            BlockError: the block failed, or emitted on `error`, or emitted more than a node execution may.
        """
        async for pin, value in self.block().run(input, context):
            if pin == ERROR_PIN:
                raise BlockError(str(value) or "The block failed without a message.")
            validate_emission(self.block, input, pin, value)
            if len(self.outputs) >= MAX_EMISSIONS:
                raise ValueTooLargeError(f"The block emitted more than {MAX_EMISSIONS} values. Split the work.")
            self.outputs.append(await self._pack(pin, value))

    async def _pack(self, pin: str, value: object) -> BlockOutputItem:
        run_id = self._task.run.graph_exec_id
        force_ref = self._inline_bytes > MAX_INLINE_BYTES
        packed = await self._values.pack(value, graph_exec_id=run_id, force_ref=force_ref)
        self._inline_bytes += packed.inline_bytes
        source_names = self._task.selectors.get(pin)
        if not source_names:
            return BlockOutputItem(pin=pin, value=packed)
        plain = await self._values.load(packed)
        selected: Values = {}
        for source_name in source_names:
            part = select(plain, source_name)
            if part is not NOTHING:
                selected[source_name] = await self._values.pack(part, graph_exec_id=run_id, force_ref=force_ref)
                self._inline_bytes += selected[source_name].inline_bytes
        return BlockOutputItem(pin=pin, value=packed, selected=selected)
