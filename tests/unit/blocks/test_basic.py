import pytest

from activities.blocks.basic import NoteBlock, StoreValueBlock
from models.errors import BlockInputError
from tests.unit.blocks.running import run_block


@pytest.mark.parametrize("data", [1, "x", [0], {"a": 1}, True])
async def test_stored_data_wins_when_truthy(data: object) -> None:
    assert await run_block(StoreValueBlock, {"input": "trigger", "data": data}) == [("output", data)]


@pytest.mark.parametrize("data", [0, "", [], {}, False, None])
async def test_falsy_data_falls_through_to_the_trigger(data: object) -> None:
    assert await run_block(StoreValueBlock, {"input": "trigger", "data": data}) == [("output", "trigger")]


async def test_a_null_trigger_is_no_input() -> None:
    with pytest.raises(BlockInputError, match="pin 'input' needs a value"):
        await run_block(StoreValueBlock, {"input": None, "data": 1})


async def test_note_repeats_its_text() -> None:
    assert await run_block(NoteBlock, {"text": "remember"}) == [("output", "remember")]
