"""Blocks that only tests need: what they do to the world, or how they fail, can be steered by their input."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from activities.blocks.registry import BlockRegistry
from models.blocks import (
    Block,
    BlockContext,
    BlockEffect,
    BlockInput,
    BlockKind,
    BlockOutput,
    Emission,
    RetryPolicy,
    pin,
)
from models.errors import BlockError, BlockTransientError, InsufficientCreditsError


class Journal:
    """What blocks did, in this process: (node_exec_id, idempotency key, attempt, value)."""

    entries: ClassVar[list[tuple[str, str, int, Any]]] = []
    running: ClassVar[set[str]] = set()

    @classmethod
    def of_run(cls, context_ids: set[str]) -> list[tuple[str, str, int, Any]]:
        return [entry for entry in cls.entries if entry[0] in context_ids]


class ValueInput(BlockInput):
    value: Any = pin(None)


class ValueOutput(BlockOutput):
    out: Any = None


class EchoBlock(Block[ValueInput]):
    """Emits what it gets."""

    id = "echo"
    description = "Emits its value."
    Input = ValueInput
    Output = ValueOutput

    async def run(self, input: ValueInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", input.value


class SpreadInput(BlockInput):
    count: int = pin()
    size: int = pin(0)
    offset: int = pin(0)


class SpreadBlock(Block[SpreadInput]):
    """Emits `count` numbers, or strings of `size` characters that begin with the number."""

    id = "spread"
    description = "Emits many values."
    Input = SpreadInput
    Output = ValueOutput

    async def run(self, input: SpreadInput, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(input.offset, input.offset + input.count):
            yield "out", str(number).ljust(input.size, "x") if input.size else number


class SumInput(BlockInput):
    a: float = pin()
    b: float = pin()


class SumBlock(Block[SumInput]):
    id = "sum"
    description = "Adds two numbers."
    Input = SumInput
    Output = ValueOutput

    async def run(self, input: SumInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", input.a + input.b


class SleepInput(BlockInput):
    value: Any = pin(None)
    seconds: float = pin(0.0)


class SleepBlock(Block[SleepInput]):
    """Sleeps, then emits."""

    id = "sleep"
    description = "Sleeps."
    effect = BlockEffect.READ
    Input = SleepInput
    Output = ValueOutput

    async def run(self, input: SleepInput, context: BlockContext) -> AsyncIterator[Emission]:
        Journal.running.add(context.graph_exec_id)
        await asyncio.sleep(input.seconds)
        yield "out", input.value


class FailInput(BlockInput):
    value: Any = pin(None)
    message: str = pin("it broke")


class FailBlock(Block[FailInput]):
    """Emits once, then fails."""

    id = "fail"
    description = "Fails."
    Input = FailInput
    Output = ValueOutput

    async def run(self, input: FailInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", input.value
        raise BlockError(input.message)


class FlakyInput(BlockInput):
    value: Any = pin(None)
    failures: int = pin(2)


class FlakyBlock(Block[FlakyInput]):
    """Fails transiently on its first attempts."""

    id = "flaky"
    description = "Fails at first."
    effect = BlockEffect.READ
    retry = RetryPolicy(max_attempts=3, initial_seconds=0.01)
    Input = FlakyInput
    Output = ValueOutput

    async def run(self, input: FlakyInput, context: BlockContext) -> AsyncIterator[Emission]:
        Journal.entries.append((context.node_exec_id, context.idempotency_key, context.attempt, input.value))
        if context.attempt <= input.failures:
            raise BlockTransientError(f"not yet (attempt {context.attempt})")
        yield "out", input.value


class WriteBlock(Block[ValueInput]):
    """Has an effect that must not happen twice."""

    id = "write"
    description = "Writes."
    effect = BlockEffect.WRITE
    Input = ValueInput
    Output = ValueOutput

    async def run(self, input: ValueInput, context: BlockContext) -> AsyncIterator[Emission]:
        Journal.entries.append((context.node_exec_id, context.idempotency_key, context.attempt, input.value))
        yield "out", input.value


class FlakyWriteBlock(Block[FlakyInput]):
    """A write whose attempts fail with a known outcome."""

    id = "flaky_write"
    description = "Writes at last."
    effect = BlockEffect.WRITE
    retry = RetryPolicy(max_attempts=3, initial_seconds=0.01)
    Input = FlakyInput
    Output = ValueOutput

    async def run(self, input: FlakyInput, context: BlockContext) -> AsyncIterator[Emission]:
        if context.attempt <= input.failures:
            raise BlockTransientError("refused, nothing written")
        yield "out", input.value


class FileWriteInput(BlockInput):
    value: Any = pin(None)
    path: str = pin()
    seconds: float = pin(0.0)


class FileWriteBlock(Block[FileWriteInput]):
    """An effect that shows in a file, one line each; it must never happen twice."""

    id = "file_write"
    description = "Appends its idempotency key to a file."
    effect = BlockEffect.WRITE
    Input = FileWriteInput
    Output = ValueOutput

    async def run(self, input: FileWriteInput, context: BlockContext) -> AsyncIterator[Emission]:
        with open(input.path, "a") as file:
            file.write(context.idempotency_key + "\n")
        await asyncio.sleep(input.seconds)
        yield "out", input.value


class KeyedFileWriteBlock(FileWriteBlock):
    """The same for a third party that knows idempotency keys: it may be asked twice for one effect."""

    id = "keyed_file_write"
    uses_idempotency_key = True


class BrokeBlock(Block[ValueInput]):
    """Cannot be paid for."""

    id = "broke"
    description = "Costs too much."
    Input = ValueInput
    Output = ValueOutput

    async def run(self, input: ValueInput, context: BlockContext) -> AsyncIterator[Emission]:
        raise InsufficientCreditsError("Insufficient balance of $0, where this will cost $1")
        yield "out", input.value


class ShortTimeoutBlock(Block[SleepInput]):
    id = "short_timeout"
    description = "Has a short time limit."
    timeout = timedelta(seconds=0.2)
    Input = SleepInput
    Output = ValueOutput

    async def run(self, input: SleepInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", "before"
        await asyncio.sleep(input.seconds)
        yield "out", input.value


class ToolCallsInput(BlockInput):
    calls: dict[str, Any] = pin()


class ToolCallsBlock(Block[ToolCallsInput]):
    """Emits on tool pins: `calls` maps `{sink node id}_~_{pin}` to a value."""

    id = "tool_calls"
    description = "Calls tools."
    kind = BlockKind.AI
    Input = ToolCallsInput
    Output = BlockOutput

    async def run(self, input: ToolCallsInput, context: BlockContext) -> AsyncIterator[Emission]:
        for target, value in input.calls.items():
            yield f"tools_^_{target}", value


class CounterInput(BlockInput):
    value: int = pin()
    limit: int = pin()


class CounterOutput(BlockOutput):
    again: int
    done: int


class CounterBlock(Block[CounterInput]):
    """One more, on `again` until the limit is reached, then on `done`."""

    id = "counter"
    description = "Counts in a loop."
    Input = CounterInput
    Output = CounterOutput

    async def run(self, input: CounterInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "again" if input.value + 1 < input.limit else "done", input.value + 1


class FailsAtFirstInput(FlakyInput):
    key: str = pin()


class FailsAtFirstBlock(Block[FailsAtFirstInput]):
    """Fails for good on its first executions, counted by key in this process."""

    id = "fails_at_first"
    description = "Fails until somebody retries it."
    Input = FailsAtFirstInput
    Output = ValueOutput

    async def run(self, input: FailsAtFirstInput, context: BlockContext) -> AsyncIterator[Emission]:
        Journal.entries.append((context.node_exec_id, context.idempotency_key, context.attempt, input.key))
        if sum(entry[3] == input.key for entry in Journal.entries) <= input.failures:
            raise BlockError("not yet")
        yield "out", input.value


class SensitiveBlock(EchoBlock):
    id = "sensitive"
    description = "Does what somebody should see first."
    is_sensitive_action = True


class StreamInput(BlockInput):
    count: int = pin()
    pause: float = pin(0.0)
    fail_at: int | None = pin(None)
    die_at: int | None = pin(None)


class StreamBlock(Block[StreamInput]):
    """Numbers, one by one. `fail_at`: then it fails; `die_at`: then the first attempt kills its process."""

    id = "stream"
    description = "Emits while it runs."
    effect = BlockEffect.READ
    streams = True
    replayable_stream = True
    Input = StreamInput
    Output = ValueOutput

    async def run(self, input: StreamInput, context: BlockContext) -> AsyncIterator[Emission]:
        for number in range(input.count):
            if number == input.fail_at:
                raise BlockError("no more")
            if number == input.die_at and context.attempt == 1:
                os._exit(1)
            yield "out", number
            if input.pause:
                await asyncio.sleep(input.pause)


class OnceStreamBlock(StreamBlock):
    """The same, but what it emits may differ from attempt to attempt."""

    id = "once_stream"
    replayable_stream = False


class SwitchedOffBlock(EchoBlock):
    id = "switched_off"
    description = "Is disabled."
    disabled = "it is switched off in tests"


def _credentials(*providers: str, **extras: Any) -> dict[str, Any]:
    return {"credentials_provider": list(providers), "credentials_types": ["api_key"], **extras}


MODELS = {"small": "openai", "large": "anthropic"}


class VaultInput(BlockInput):
    credentials: dict[str, Any] = Field(
        json_schema_extra=_credentials("anthropic", "openai", discriminator="model", discriminator_mapping=MODELS)
    )
    search_credentials: dict[str, Any] | None = Field(None, json_schema_extra=_credentials("jina"))
    model: str = pin("small")
    passphrase: str | None = pin(None, secret=True)
    max_tokens: int | None = pin(None)
    settings: dict[str, Any] = pin({})


class VaultBlock(Block[VaultInput]):
    """Takes credentials and secrets."""

    id = "vault"
    description = "Needs credentials."
    Input = VaultInput
    Output = ValueOutput

    async def run(self, input: VaultInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "out", input.model


SAMPLE_BLOCKS: tuple[type[Block[Any]], ...] = (
    EchoBlock,
    SpreadBlock,
    SumBlock,
    SleepBlock,
    FailBlock,
    FlakyBlock,
    WriteBlock,
    FlakyWriteBlock,
    FileWriteBlock,
    KeyedFileWriteBlock,
    BrokeBlock,
    ShortTimeoutBlock,
    ToolCallsBlock,
    CounterBlock,
    FailsAtFirstBlock,
    SensitiveBlock,
    StreamBlock,
    OnceStreamBlock,
    SwitchedOffBlock,
    VaultBlock,
)


def sample_registry() -> BlockRegistry:
    """The built-in blocks and the sample blocks."""
    return BlockRegistry([*BlockRegistry.discover().all(), *SAMPLE_BLOCKS])
