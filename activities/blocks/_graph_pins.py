"""What all inputs and outputs of a graph have in common. Their pins carry names chosen by users: no `error` pin."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from models.blocks import BlockCategory, BlockContext, BlockInput, BlockKind, Emission, OutputWithoutError, pin

DEFAULT_TITLE = "Default Value"


class GraphPin(BlockInput):
    """What every graph input and output declares about itself."""

    name: str = pin(description="Name of the graph's input or output")
    value: Any = pin(None, description="Value when a run gives none")
    title: str | None = pin(None, description="Title shown instead of the name")
    description: str | None = pin(None, description="What it is for")
    advanced: bool = pin(False, description="Show it among the advanced ones")
    secret: bool = pin(False, description="Mask its value")


class AnyResult(OutputWithoutError):
    result: Any = pin(description="Value of the graph input")


class TextResult(OutputWithoutError):
    result: str = pin(description="Value of the graph input")


class GraphInput:
    """Emits the run's input of its name, or the stored value; nothing if both are null."""

    categories: ClassVar[tuple[BlockCategory, ...]] = (BlockCategory.INPUT, BlockCategory.BASIC)
    kind: ClassVar[BlockKind] = BlockKind.INPUT
    static_output: ClassVar[bool] = True

    async def run(self, input: Any, context: BlockContext) -> AsyncIterator[Emission]:
        if input.value is not None:
            yield "result", input.value
