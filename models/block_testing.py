"""For tests of blocks, also of those in other packages: runs one block as the engine does, and checks its examples.

    @pytest.mark.parametrize("example", EchoBlock.examples, ids=lambda example: example.title)
    async def test_examples(example: BlockExample) -> None:
        await check_example(EchoBlock, example)

Everything that does not hold is an AssertionError that says what was expected and what came.
"""

import asyncio
import difflib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from copy import deepcopy
from typing import Any, cast

from pydantic import BaseModel

from models.blocks import Block, BlockContext, BlockExample, Emission
from models.coercion import build_input, validate_emission
from models.errors import BlockError
from models.ids import GraphExecId, GraphId, NodeExecId, NodeId, UserId
from models.json_equality import same_json
from models.json_values import normalise_json
from models.pins import ERROR_PIN, fold

BlockType = type[Block[Any]]

_ADVICE = "Let CancelledError and GeneratorExit pass."


def make_context(**services: Any) -> BlockContext:
    """A context of no real run; `services` are what the block finds in `context.services`."""
    return BlockContext(
        user_id=UserId("user"),
        graph_id=GraphId("graph"),
        graph_version=1,
        graph_exec_id=GraphExecId("execution"),
        node_id=NodeId("node"),
        node_exec_id=NodeExecId("node-execution"),
        idempotency_key="key",
        services=services,
    )


async def run_block(
    block: BlockType, values: Mapping[str, Any], *, context: BlockContext | None = None, **services: Any
) -> list[Emission]:
    """The emissions of the block, in order, as it made them.

    Args:
        values: by pin, as a graph gives them; dynamic pins are folded, and pins converted to their types.
        context: instead of one with `services`.

    Raises:
        BlockInputError: the block cannot take `values`.
        BlockError: it failed, or emitted on `error`.
    """
    return await _run(block, values, context or make_context(**services), [])


async def check_example(block: BlockType, example: BlockExample, **services: Any) -> None:
    """Runs an example and compares emissions and failure with what it declares.

    Values are compared as JSON, as the next node gets them. `services` are overridden by those of the example.
    """
    where = f"{block.name()}, example {example.title!r}" if example.title else f"{block.name()}, example"
    context = make_context(**{**services, **deepcopy(dict(example.services))})
    emissions: list[Emission] = []
    failure: Exception | None = None
    try:
        await _run(block, deepcopy(dict(example.input)), context, emissions)
    except Exception as error:
        failure = error
    if failure is not None and example.error is None:
        raise AssertionError(f"{where}: failed with {_named(failure)}") from failure
    difference = _difference(example.output, [(pin, normalise_json(value)) for pin, value in emissions])
    if difference:
        raise AssertionError(f"{where}: other emissions than declared (- expected, + emitted):\n{difference}")
    if example.error is not None and failure is None:
        raise AssertionError(f"{where}: ended well instead of failing with {example.error!r}.")
    if example.error is not None and example.error not in str(failure):
        raise AssertionError(f"{where}: failed otherwise:\n- {example.error}\n+ {failure}") from failure


async def check_examples(block: BlockType, **services: Any) -> None:
    """`check_example` for each of the block's examples, of which there must be one."""
    if not block.examples:
        raise AssertionError(f"{block.name()} declares no examples. Add `examples = (BlockExample(...),)`.")
    for example in block.examples:
        await check_example(block, example, **services)


async def check_cancellation(
    block: BlockType, values: Mapping[str, Any], *, context: BlockContext | None = None, **services: Any
) -> bool:
    """Cancels the block where it first waits; one that waits for nothing is closed where it first emits.

    Returns:
        Whether it ever waited or emitted, and so could be cancelled.
    """
    context = context or make_context(**services)
    run = asyncio.create_task(run_block(block, values, context=context))
    # By then the task has come to where it waits, or to its end.
    await asyncio.sleep(0)
    if run.done():
        await asyncio.wait({run})
        return run.exception() is None and await _close_where_it_emits(block, values, context)
    run.cancel()
    try:
        await run
    except asyncio.CancelledError:
        return True
    except Exception as error:
        raise AssertionError(f"{block.name()} failed when it was cancelled: {_named(error)}. {_ADVICE}") from error
    raise AssertionError(f"{block.name()} went on to its end when it was cancelled. {_ADVICE}")


async def _run(
    block: BlockType, values: Mapping[str, Any], context: BlockContext, emissions: list[Emission]
) -> list[Emission]:
    input = build_input(block, fold(values))
    async with aclosing(_emissions(block, input, context)) as running:
        async for pin, value in running:
            if pin == ERROR_PIN:
                raise BlockError(str(value) or "The block failed without a message.")
            validate_emission(block, input, pin, value)
            emissions.append((pin, value))
    return emissions


async def _close_where_it_emits(block: BlockType, values: Mapping[str, Any], context: BlockContext) -> bool:
    running = _emissions(block, build_input(block, fold(values)), context)
    try:
        await anext(running)
    except StopAsyncIteration:
        return False
    try:
        await running.aclose()
    except Exception as error:
        raise AssertionError(f"{block.name()} failed when it was closed: {_named(error)}. {_ADVICE}") from error
    return True


def _emissions(block: BlockType, input: BaseModel, context: BlockContext) -> AsyncGenerator[Emission]:
    return cast("AsyncGenerator[Emission]", block().run(input, context))


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _difference(expected: Sequence[tuple[str, Any]], emitted: Sequence[Emission]) -> str:
    """Empty if there is none."""
    wanted: list[str] = []
    came = [f"{pin}: {_shown(value)}" for pin, value in emitted]
    for index, (pin, value) in enumerate(expected):
        found = emitted[index] if index < len(emitted) else None
        if found is not None and found[0] == pin and _is_right(value, found[1]):
            wanted.append(came[index])
        else:
            wanted.append(f"{pin}: {_shown(value)}")
    return "" if wanted == came else "\n".join(difflib.ndiff(wanted, came))


def _is_right(expected: Any, value: Any) -> bool:
    return bool(expected(value)) if callable(expected) else same_json(normalise_json(expected), value)


def _shown(value: Any) -> str:
    if callable(value):
        return f"a value for which {getattr(value, '__name__', repr(value))} holds"
    return json.dumps(normalise_json(value), ensure_ascii=False)
