"""Constants and annotations."""

from collections.abc import AsyncIterator
from typing import Any

from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockExample,
    BlockInput,
    BlockKind,
    BlockOutput,
    Emission,
    pin,
)


class StoreValueInput(BlockInput):
    input: Any = pin(description="Trigger, and the value when there is no data")
    data: Any = pin(None, description="Constant to emit")


class StoreValueOutput(BlockOutput):
    output: Any = pin(description="The stored value")


class StoreValueBlock(Block[StoreValueInput]):
    """Emits `data` if it is truthy, else `input`: 0, "", [] and False in `data` mean "not set"."""

    id = "1ff065e9-88e8-4358-9d82-8dc91f622ba9"
    description = "Keeps a value, so that its consumers can use it again and again."
    Input = StoreValueInput
    Output = StoreValueOutput
    categories = (BlockCategory.BASIC,)
    static_output = True
    examples = (
        BlockExample(title="The input", input={"input": {"a": 1}}, output=(("output", {"a": 1}),)),
        BlockExample(
            title="A constant, when something arrives",
            input={"input": "trigger", "data": "constant"},
            output=(("output", "constant"),),
        ),
    )

    async def run(self, input: StoreValueInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "output", input.data or input.input


class NoteInput(BlockInput):
    text: str = pin(description="The note")


class NoteOutput(BlockOutput):
    output: str = pin(description="The note")


class NoteBlock(Block[NoteInput]):
    """Never runs as a part of a graph: plans skip notes."""

    id = "cc10ff7b-7753-4ff2-9af6-9399b1a7eddc"
    description = "A note on the canvas."
    Input = NoteInput
    Output = NoteOutput
    categories = (BlockCategory.BASIC,)
    kind = BlockKind.NOTE
    examples = (BlockExample(input={"text": "Ask Ada."}, output=(("output", "Ask Ada."),)),)

    async def run(self, input: NoteInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "output", input.text


class PrintToConsoleInput(BlockInput):
    text: Any = pin(description="Any value")


class PrintToConsoleOutput(BlockOutput):
    output: Any = pin(description="The same value")
    status: str = pin(description="Always `printed`")


class PrintToConsoleBlock(Block[PrintToConsoleInput]):
    """There is no console on a server: what people look at is the record of this node's inputs and outputs."""

    id = "f3b1c1b2-4c4f-4f0d-8d2f-4c4f0d8d2f4c"
    description = "Passes a value on, to be looked at in the run."
    Input = PrintToConsoleInput
    Output = PrintToConsoleOutput
    categories = (BlockCategory.BASIC,)
    examples = (
        BlockExample(
            title="Any value",
            input={"text": {"step": 3}},
            output=(("output", {"step": 3}), ("status", "printed")),
        ),
    )

    async def run(self, input: PrintToConsoleInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "output", input.text
        yield "status", "printed"
