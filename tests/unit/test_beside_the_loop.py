"""Work on large values leaves the event loop, on which the heartbeats of all other blocks depend, free."""

from typing import Any

import pytest

from activities.block_run import BlockRun
from activities.blocks._examples import RememberedValues
from activities.blocks.conversion import UniversalTypeConverterBlock
from activities.blocks.dictionaries import FindInDictionaryBlock
from activities.blocks.encoding import JSONDecoderBlock, JSONEncoderBlock
from activities.blocks.files import FileReadBlock
from activities.blocks.list_sets import ConcatenateListsBlock, ListDifferenceBlock, ListIntersectionBlock
from activities.blocks.lists import CreateListBlock
from activities.blocks.logic import IfInputMatchesBlock
from activities.blocks.persistence import PersistInformationBlock
from activities.blocks.sampling import DataSamplingBlock
from activities.blocks.text import CombineTextsBlock
from models.block_testing import BlockType, run_block
from models.ids import BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId, new_id
from models.value_store import ValueStore
from models.wire import ExecuteBlockInput, RunIdentity
from tests.fakes import MemoryBlobStore
from tests.turns import others_get_turns

NUMBERS = list(range(200_000))


@pytest.mark.parametrize(
    ("block", "values"),
    [
        (JSONEncoderBlock, {"data": NUMBERS}),
        (JSONDecoderBlock, {"json_str": str(NUMBERS)}),
        (UniversalTypeConverterBlock, {"value": str(NUMBERS), "type": "list"}),
        (FindInDictionaryBlock, {"input": str(NUMBERS), "key": 0}),
        (IfInputMatchesBlock, {"input": [], "value": str(NUMBERS)}),
        (ConcatenateListsBlock, {"lists": [NUMBERS, NUMBERS], "deduplicate": True}),
        (ListDifferenceBlock, {"list_a": NUMBERS, "list_b": NUMBERS}),
        (ListIntersectionBlock, {"list_a": NUMBERS, "list_b": NUMBERS}),
        (CreateListBlock, {"values": NUMBERS, "max_tokens": 1_000_000}),
        (PersistInformationBlock, {"key": "k", "value": NUMBERS}),
        (DataSamplingBlock, {"data": [{"w": 1}] * 200_000, "sampling_method": "weighted", "weight_key": "w"}),
        (FileReadBlock, {"file_input": "data:," + "\n" * 300_000, "delimiter": "\n", "skip_rows": 299_999}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_of_blocks(block: BlockType, values: dict[str, Any]) -> None:
    async with others_get_turns(more_than=20):
        await run_block(block, values, key_value_store=RememberedValues())


async def test_of_converting_inputs() -> None:
    values = ValueStore(MemoryBlobStore())
    run = RunIdentity(graph_exec_id=GraphExecId(new_id()), graph_id=GraphId("g"), graph_version=1, user_id=UserId("u"))
    task = ExecuteBlockInput(
        run=run,
        node_id=NodeId("n"),
        node_exec_id=NodeExecId(new_id()),
        block_id=BlockId(CombineTextsBlock.id),
        firing=0,
        received={"input": await values.pack(NUMBERS, graph_exec_id=run.graph_exec_id)},
    )
    async with others_get_turns(more_than=20):
        input = await BlockRun(CombineTextsBlock, task, values).prepare()
    assert input.model_dump()["input"] == list(map(str, NUMBERS))
