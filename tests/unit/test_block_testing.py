import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.block_testing import check_cancellation, check_example, check_examples, run_block
from models.blocks import Block, BlockContext, BlockExample, BlockInput, BlockOutput, Emission, pin
from models.errors import BlockError, BlockInputError, BlockOutputError


class RepeatInput(BlockInput):
    text: str = pin()
    times: int = pin(1)


class RepeatOutput(BlockOutput):
    text: str = ""
    number: float = 0.0


class RepeatBlock(Block[RepeatInput]):
    id = "7b0f6b8e-0000-4000-8000-000000000021"
    description = "Repeats."
    Input = RepeatInput
    Output = RepeatOutput

    async def run(self, input: RepeatInput, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(input.times):
            yield "text", input.text
            yield "number", float(number)
        if input.text == "fail":
            raise BlockError("It failed at the end.")
        if input.text == "service":
            yield "text", context.services["said"]
        if input.text == "error":
            yield "error", "said on the pin"
        if input.text == "wrong":
            yield "text", 5


def example(text: str = "a", *output: tuple[str, Any], **overrides: Any) -> BlockExample:
    return BlockExample(input={"text": text}, output=output, **overrides)


RIGHT = (("text", "a"), ("number", 0))


@pytest.mark.parametrize(
    "right",
    [
        example("a", *RIGHT),
        example("a", ("text", lambda value: len(value) == 1), ("number", 0.0)),
        example("fail", ("text", "fail"), ("number", 0), error="at the end"),
        example("error", ("text", "error"), ("number", 0), error="said on the pin"),
        example("service", ("text", "service"), ("number", 0), ("text", "hi"), services={"said": "hi"}),
        BlockExample(input={"text": "a", "times": "0"}),
        BlockExample(input={"text_#_a": 1, "times": 1}, output=(("text", '{"a": 1}'), ("number", 0))),
        BlockExample(input={}, error="pin 'text' needs a value"),
    ],
)
async def test_examples_that_hold(right: BlockExample) -> None:
    await check_example(RepeatBlock, right, said="not this")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (example("a", ("text", "b"), ("number", 0), title="two"), "example 'two': other emissions.*\n- text: \"b\""),
        (example("a", ("number", 0), ("text", "a")), "other emissions"),
        (example("a", ("text", "a")), r"\+ number: 0"),
        (example("a", *RIGHT, ("text", "c")), '- text: "c"'),
        (example("a", ("text", "a"), ("number", False)), "- number: false"),
        (example("a", ("text", str.isdigit), ("number", 0)), "- text: a value for which isdigit holds"),
        (example("a", *RIGHT, error="never"), "ended well instead of failing with 'never'"),
        (example("fail", ("text", "fail"), ("number", 0)), "failed with BlockError: It failed at the end"),
        (example("fail", ("text", "fail"), ("number", 0), error="other"), "- other\n\\+ It failed"),
        (example("fail", error="at the end"), "other emissions"),
    ],
)
async def test_examples_that_do_not_hold(wrong: BlockExample, said: str) -> None:
    with pytest.raises(AssertionError, match=f"(?s)RepeatBlock.*{said}"):
        await check_example(RepeatBlock, wrong)


async def test_a_block_needs_examples() -> None:
    with pytest.raises(AssertionError, match=r"RepeatBlock declares no examples"):
        await check_examples(RepeatBlock)


async def test_an_example_keeps_its_input_and_services() -> None:
    class EatingBlock(RepeatBlock):
        async def run(self, input: RepeatInput, context: BlockContext) -> AsyncIterator[Emission]:
            yield "text", context.services["food"].pop()

    eaten = BlockExample(input={"text": ""}, output=(("text", "apple"),), services={"food": ["apple"]})
    await check_example(EatingBlock, eaten)
    await check_example(EatingBlock, eaten)


async def test_running_fails_as_in_a_graph() -> None:
    assert await run_block(RepeatBlock, {"text": 5}) == [("text", "5"), ("number", 0.0)]
    with pytest.raises(BlockInputError):
        await run_block(RepeatBlock, {})
    with pytest.raises(BlockOutputError, match="pin 'text'"):
        await run_block(RepeatBlock, {"text": "wrong"})
    with pytest.raises(BlockError, match="said on the pin"):
        await run_block(RepeatBlock, {"text": "error"})


class WaitingBlock(RepeatBlock):
    """What it does when it is cancelled is its input."""

    async def run(self, input: RepeatInput, context: BlockContext) -> AsyncIterator[Emission]:
        try:
            if input.times:
                await asyncio.Event().wait()
            yield "text", "begun"
        except (asyncio.CancelledError, GeneratorExit):
            if input.text == "fails":
                raise BlockError("Cancelled.") from None
            if input.text == "goes on":
                yield "text", "more"
                return
            raise


@pytest.mark.parametrize("times", [0, 1])
async def test_cancellation_that_passes(times: int) -> None:
    assert await check_cancellation(WaitingBlock, {"text": "passes", "times": times})


@pytest.mark.parametrize("times", [0, 1])
@pytest.mark.parametrize("text", ["fails", "goes on"])
async def test_cancellation_that_does_not_pass(text: str, times: int) -> None:
    with pytest.raises(AssertionError, match=r"WaitingBlock .*Let CancelledError and GeneratorExit pass"):
        await check_cancellation(WaitingBlock, {"text": text, "times": times})


async def test_what_does_nothing_cannot_be_cancelled() -> None:
    assert not await check_cancellation(RepeatBlock, {"text": "a", "times": 0})
    assert not await check_cancellation(RepeatBlock, {})
