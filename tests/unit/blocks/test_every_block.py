"""What holds for all blocks: any JSON in, JSON or a BlockError out."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.blocks.registry import BlockRegistry
from models.blocks import Block, WaitingBlock
from models.coercion import build_input
from models.errors import BlockError
from models.json_values import normalise_json
from models.pins import fold
from tests.unit.blocks.running import SERVICES_OF_EXAMPLES, make_context, run_block

BLOCKS = [block for block in BlockRegistry.discover().all() if block.disabled is None]
TEXTS = st.text(alphabet=st.characters(codec=None, categories=None), max_size=8)
WORDS = st.sampled_from(["Add", "Power", "==", ">", "[1, 2]", '{"a": 1}', "{{ a }}", "{a}", "NaN", "\x00", "\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | WORDS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXTS, children, max_size=3),
    max_leaves=6,
)
EXTREMES: Final[dict[str, Callable[[], Any]]] = {
    "null": lambda: None,
    "not a number": lambda: float("nan"),
    "infinity": lambda: float("-inf"),
    "a number of 400 digits": lambda: -(10**400),
    "a long text": lambda: "({[<x " * 20_000,
    "a long line of digits": lambda: "9" * 20_000,
    "a long list": lambda: list(range(20_000)),
    "a large object": lambda: {f"key {number}": number for number in range(20_000)},
    "deep nesting": lambda: nested(90),
    "text of deep nesting": lambda: "[" * 5_000,
    "odd characters": lambda: "\x00\ud800\udfff\u202e\ufeff\U0001f469\u200d\U0001f680 e\u0301 \r\n\x1b[0m",
}

PATIENCE_SECONDS: Final = 0.1
"""A block that waits longer does what it is for."""

MOST_MESSAGE: Final = 5_000


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


Drive = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def drive() -> Iterator[Drive]:
    """Runs a coroutine to its end, or until it has waited long enough."""
    with asyncio.Runner() as runner:

        async def bounded(coroutine: Coroutine[Any, Any, Any]) -> Any:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await coroutine
            except TimeoutError:
                return []

        yield lambda coroutine: runner.run(bounded(coroutine))


async def outcome(block: type[Block[Any]], values: dict[str, Any]) -> list[tuple[str, Any]] | BlockError:
    try:
        if issubclass(block, WaitingBlock):
            input = build_input(block, fold(values))
            assert await block().plan_wait(input, make_context(**SERVICES_OF_EXAMPLES)) is not None
        return await run_block(block, values, **SERVICES_OF_EXAMPLES)
    except BlockError as error:
        return error


def check(result: list[tuple[str, Any]] | BlockError) -> None:
    if isinstance(result, BlockError):
        assert 0 < len(result.message) < MOST_MESSAGE
    else:
        for pin, value in result:
            assert isinstance(pin, str)
            normalise_json(value)


def run_with_any_json(block: type[Block[Any]], data: st.DataObject, drive: Drive) -> None:
    pins = [*block.Input.model_fields, "stranger", *(f"{pin}_#_a" for pin in block.Input.model_fields)]
    values = data.draw(st.dictionaries(st.sampled_from(pins), VALUES, max_size=6))
    if block.examples and data.draw(st.booleans()):
        values = {**data.draw(st.sampled_from(block.examples)).input, **values}
    check(drive(outcome(block, values)))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_json_gives_json_or_a_block_error(block: type[Block[Any]], data: st.DataObject, drive: Drive) -> None:
    run_with_any_json(block, data, drive)


@pytest.mark.long
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_much_json_gives_json_or_a_block_error(block: type[Block[Any]], data: st.DataObject, drive: Drive) -> None:
    run_with_any_json(block, data, drive)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name())
def test_extreme_values_give_json_or_a_block_error(block: type[Block[Any]], drive: Drive) -> None:
    usual = dict(block.examples[0].input) if block.examples else {}
    for pin in block.Input.model_fields:
        for make in EXTREMES.values():
            check(drive(outcome(block, {**usual, pin: make()})))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name())
async def test_nothing_at_all_names_the_required_pins(block: type[Block[Any]]) -> None:
    required = block.required_pins({})
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            result = await outcome(block, {})
    except TimeoutError:
        result = []
    assert isinstance(result, BlockError) or not required
    for pin in required:
        assert f"pin {pin!r} needs a value" in str(result)
