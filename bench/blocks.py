"""A block that only the benchmark has: it computes, by the slow definition, as published flow benchmarks do."""

from collections.abc import AsyncIterator

from models.blocks import Block, BlockContext, BlockInput, BlockOutput, Emission, pin


class FiboInput(BlockInput):
    trigger: int = pin(0)
    n: int = pin()


class FiboOutput(BlockOutput):
    value: int = 0


class FiboBlock(Block[FiboInput]):
    id = "5a1b1f52-63f5-4d5b-9a6e-0d5a4c9f1e60"
    description = "The n-th Fibonacci number by double recursion."
    Input = FiboInput
    Output = FiboOutput

    async def run(self, input: FiboInput, context: BlockContext) -> AsyncIterator[Emission]:
        yield "value", fibo(input.n)


def fibo(n: int) -> int:
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)
