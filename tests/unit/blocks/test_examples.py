"""Every block is shown by examples, and they hold."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from activities.blocks.registry import BlockRegistry
from models.block_testing import check_cancellation, check_example
from models.blocks import Block, BlockExample, BlockKind

BLOCKS = [block for block in BlockRegistry.discover().all() if block.disabled is None]
EXAMPLES = [(block, example) for block in BLOCKS for example in block.examples]

RUN_BY_THE_ENGINE = {BlockKind.NOTE, BlockKind.AGENT, BlockKind.HUMAN_IN_THE_LOOP}
"""Kinds whose `run` is not what happens in a graph."""


def named(value: object) -> str:
    return value.title if isinstance(value, BlockExample) else getattr(value, "__name__", "")


@pytest.mark.parametrize(("block", "example"), EXAMPLES, ids=named)
async def test_examples(block: type[Block[Any]], example: BlockExample) -> None:
    await check_example(block, example)


def test_every_block_has_examples() -> None:
    assert [block.name() for block in BLOCKS if not block.examples and block.kind not in RUN_BY_THE_ENGINE] == []
