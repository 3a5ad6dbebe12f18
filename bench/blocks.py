"""Blocks that only benchmarks have."""

import asyncio
from collections.abc import AsyncIterator

from models.blocks import Block, BlockContext, BlockEffect, BlockInput, BlockOutput, Emission, pin


class FiboInput(BlockInput):
    trigger: int = pin(0)
    n: int = pin()


class FiboOutput(BlockOutput):
    value: int = 0


class FiboBlock(Block[FiboInput]):
    """By the slow definition, as published flow benchmarks compute it."""

    id = "5a1b1f52-63f5-4d5b-9a6e-0d5a4c9f1e60"
    description = "The n-th Fibonacci number by double recursion."
    Input = FiboInput
    Output = FiboOutput

    async def run(self, input: FiboInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "value", fibo(input.n)


def fibo(n: int) -> int:
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


class NapInput(BlockInput):
    seconds: float = pin()


class NapBlock(Block[NapInput]):
    """Keeps its worker, unlike a timer."""

    id = "e1c1c9f0-2f0b-4a39-9a37-3b0e9f8f6d11"
    description = "Sleeps."
    Input = NapInput
    Output = BlockOutput
    effect = BlockEffect.READ

    async def run(self, input: NapInput, context: BlockContext) -> AsyncIterator[Emission]:
        await asyncio.sleep(input.seconds)
        yield "error", "awake"
