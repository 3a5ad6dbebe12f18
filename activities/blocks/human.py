"""Asking people."""

from collections.abc import AsyncIterator
from typing import Any

from models.blocks import (
    BlockCategory,
    BlockContext,
    BlockExample,
    BlockInput,
    BlockKind,
    BlockOutput,
    Emission,
    ExecutorKind,
    WaitingBlock,
    pin,
)
from models.errors import BlockError
from models.waits import AskForReview, Decided, NoWait, WaitEnd

UNSEEN = "Auto-approved (safe mode disabled)"
APPROVED_BEFORE = "Auto-approved (a reviewer approved all later executions of this node)"


class HumanInTheLoopInput(BlockInput):
    data: Any = pin(description="What the reviewer decides about")
    name: str = pin(description="What the reviewer reads above it")
    editable: bool = pin(True, description="The reviewer may change the data")


class HumanInTheLoopOutput(BlockOutput):
    approved_data: Any = pin(description="The data as approved, perhaps edited")
    rejected_data: Any = pin(description="The data as rejected, perhaps edited")
    review_message: str = pin(description="What the reviewer had to say, if anything")


class HumanInTheLoopBlock(WaitingBlock[HumanInTheLoopInput]):
    """Other branches of the run go on meanwhile. Outside a graph, or without safe mode, everything is approved."""

    id = "8b2a7b3c-6e9d-4a5f-8c1b-2e3f4a5b6c7d"
    description = "Waits until a person approves or rejects the data."
    Input = HumanInTheLoopInput
    Output = HumanInTheLoopOutput
    categories = (BlockCategory.BASIC,)
    kind = BlockKind.HUMAN_IN_THE_LOOP
    executor = ExecutorKind.REVIEW
    examples = (
        BlockExample(
            title="Without anybody to ask",
            input={"data": {"amount": 12}, "name": "Pay?"},
            output=(("approved_data", {"amount": 12}), ("review_message", UNSEEN)),
        ),
    )

    async def run(self, input: HumanInTheLoopInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "approved_data", input.data
        yield "review_message", UNSEEN

    async def plan_wait(self, input: HumanInTheLoopInput, context: BlockContext) -> AskForReview | NoWait:
        if not context.human_in_the_loop_safe_mode:
            return NoWait((("approved_data", input.data), ("review_message", UNSEEN)))
        if context.auto_approved:
            return NoWait((("approved_data", input.data), ("review_message", APPROVED_BEFORE)))
        return AskForReview(data=input.data, instructions=input.name, editable=input.editable)

    async def resume(self, input: HumanInTheLoopInput, end: WaitEnd, context: BlockContext) -> AsyncIterator[Emission]:
        if not isinstance(end, Decided):
            raise BlockError("Nobody decided in time.")
        yield "approved_data" if end.approved else "rejected_data", end.data
        if end.message:
            yield "review_message", end.message
