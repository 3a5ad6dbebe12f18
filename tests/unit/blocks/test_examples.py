"""Every block is shown by examples, they hold, and what they run can be cancelled."""

import asyncio
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import pytest

from activities.blocks.registry import BlockRegistry
from models.block_testing import check_cancellation, check_example, make_context
from models.blocks import Block, BlockExample, BlockKind, ExecutorKind
from tests.unit.blocks.running import SERVICES_OF_EXAMPLES

BLOCKS = [block for block in BlockRegistry.discover().all() if block.disabled is None]
EXAMPLES = [(block, example) for block in BLOCKS for example in block.examples]

RUN_BY_THE_ENGINE = {BlockKind.NOTE, BlockKind.AGENT, BlockKind.HUMAN_IN_THE_LOOP}
"""Kinds whose `run` is not what happens in a graph; as that of blocks with another executor than an activity."""

LONG: dict[str, dict[str, Any]] = {
    "FillTextTemplateBlock": {"values": {}, "format": "{% for n in range(9) %}{{ n }}{% endfor %}"},
}
"""By block: an input that makes it wait, where none of its examples does."""


def named(value: object) -> str:
    return value.title if isinstance(value, BlockExample) else getattr(value, "__name__", "")


@pytest.mark.parametrize(("block", "example"), EXAMPLES, ids=named)
async def test_examples(block: type[Block[Any]], example: BlockExample) -> None:
    await check_example(block, example, **SERVICES_OF_EXAMPLES)


def test_every_block_has_examples() -> None:
    runnable = [block for block in BLOCKS if block.executor is ExecutorKind.ACTIVITY]
    assert [block.name() for block in runnable if not block.examples and block.kind not in RUN_BY_THE_ENGINE] == []


class SilentService:
    """Any port, whose every method is there and never answers."""

    def __getattr__(self, name: str) -> Self:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **kwargs: object) -> Self:
        return self

    def __await__(self) -> Generator[Any, Any, bool]:
        return asyncio.Event().wait().__await__()

    async def __aenter__(self) -> None:
        await self

    async def __aexit__(self, *_: object) -> None:
        return None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        await self


class SilentServices(Mapping[str, Any]):
    """Has a service of any name; nobody waits for a clock."""

    def __getitem__(self, name: str) -> Any:
        return SERVICES_OF_EXAMPLES.get(name) or SilentService()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("block", BLOCKS, ids=named)
async def test_cancellation_passes_through(block: type[Block[Any]]) -> None:
    context = replace(make_context(), services=SilentServices())
    inputs = [*(example.input for example in block.examples), *filter(None, [LONG.get(block.name())])]
    cancelled = [await check_cancellation(block, values, context=context) for values in inputs]
    emits = any(example.output for example in block.examples)
    assert any(cancelled) or not emits
