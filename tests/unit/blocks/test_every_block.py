"""What holds for all blocks: any JSON in, JSON or a BlockError out."""

from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.blocks.registry import BlockRegistry
from models.blocks import Block
from models.errors import BlockError
from models.json_values import normalise_json
from tests.unit.blocks.running import run_block

BLOCKS = [block for block in BlockRegistry.discover().all() if block.disabled is None]
TEXTS = st.text(alphabet=st.characters(codec=None, categories=None), max_size=8)
WORDS = st.sampled_from(["Add", "Power", "==", ">", "[1, 2]", '{"a": 1}', "{{ a }}", "{a}", "NaN", "\x00", "\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | WORDS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXTS, children, max_size=3),
    max_leaves=6,
)


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


async def outcome(block: type[Block[Any]], values: dict[str, Any]) -> list[tuple[str, Any]] | BlockError:
    try:
        return await run_block(block, values)
    except BlockError as error:
        return error


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name())
@settings(max_examples=60)
@given(data=st.data())
def test_any_json_gives_json_or_a_block_error(block: type[Block[Any]], data: st.DataObject) -> None:
    pins = [*block.Input.model_fields, "stranger", *(f"{pin}_#_a" for pin in block.Input.model_fields)]
    values = data.draw(st.dictionaries(st.sampled_from(pins), VALUES, max_size=6))
    result = drive(outcome(block, values))
    if isinstance(result, BlockError):
        assert result.message
        assert len(result.message) < 5_000
    else:
        for pin, value in result:
            assert isinstance(pin, str)
            normalise_json(value)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name())
async def test_nothing_at_all_names_the_required_pins(block: type[Block[Any]]) -> None:
    result = await outcome(block, {})
    required = block.required_pins({})
    if required:
        assert isinstance(result, BlockError)
        for pin in required:
            assert f"pin {pin!r} needs a value" in result.message
    else:
        assert isinstance(result, list)
