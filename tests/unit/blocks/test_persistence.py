from dataclasses import replace
from typing import Any

import pytest

from activities.blocks._examples import RememberedValues
from activities.blocks.persistence import PersistInformationBlock, RetrieveInformationBlock
from models.blocks import BlockContext
from models.errors import BlockConfigurationError, BlockError, BlockInputError
from models.ids import GraphExecId, GraphId, UserId
from tests.unit.blocks.running import make_context, run_block


@pytest.fixture
def context() -> BlockContext:
    return make_context(key_value_store=RememberedValues())


async def retrieve(context: BlockContext, **values: Any) -> Any:
    [(pin, value)] = await run_block(RetrieveInformationBlock, {"key": "k", **values}, context=context)
    assert pin == "value"
    return value


@pytest.mark.parametrize("value", [0, "", False, [], {}, {"a": [None, 1.5]}, "\U0001f600 e\u0301"])
async def test_any_value_but_null_is_kept(context: BlockContext, value: object) -> None:
    assert await run_block(PersistInformationBlock, {"key": "k", "value": value}, context=context) == [("value", value)]
    later = replace(context, graph_exec_id=GraphExecId("later"))
    assert await retrieve(later, default_value="default") == value


async def test_values_belong_to_a_user_and_an_agent(context: BlockContext) -> None:
    await run_block(PersistInformationBlock, {"key": "k", "value": 1}, context=context)
    await run_block(PersistInformationBlock, {"key": "k", "value": 2, "scope": "across_agents"}, context=context)
    other_agent = replace(context, graph_id=GraphId("other"))
    other_user = replace(context, user_id=UserId("other"))
    assert await retrieve(context) == 1
    assert await retrieve(context, scope="across_agents") == 2
    assert await retrieve(other_agent) is None
    assert await retrieve(other_agent, scope="across_agents") == 2
    assert await retrieve(other_user, default_value="d") == "d"
    assert await retrieve(other_user, scope="across_agents") is None


async def test_a_key_cannot_reach_into_another_scope(context: BlockContext) -> None:
    await run_block(PersistInformationBlock, {"key": "k", "value": 1}, context=context)
    assert await retrieve(context, key="agent#graph#k", scope="across_agents") is None


async def test_the_last_value_counts(context: BlockContext) -> None:
    for value in (1, 2):
        await run_block(PersistInformationBlock, {"key": "k", "value": value}, context=context)
    assert await retrieve(context) == 2


async def test_the_value_is_emitted_as_it_is_kept(context: BlockContext) -> None:
    given = {"key": "k", "value": {"n": float("nan"), "t": "\ud800\x00"}}
    kept = {"n": None, "t": "\ufffd\ufffd"}
    assert await run_block(PersistInformationBlock, given, context=context) == [("value", kept)]


async def test_bad_input(context: BlockContext) -> None:
    with pytest.raises(BlockInputError, match="pin 'value' needs a value"):
        await run_block(PersistInformationBlock, {"key": "k", "value": None}, context=context)
    with pytest.raises(BlockInputError, match="pin 'scope'"):
        await retrieve(context, scope="everywhere")
    for block in (PersistInformationBlock, RetrieveInformationBlock):
        with pytest.raises(BlockError, match="limit is 500"):
            await run_block(block, {"key": "k" * 501, "value": 1}, context=context)
        with pytest.raises(BlockConfigurationError, match="keeps no values"):
            await run_block(block, {"key": "k", "value": 1})


async def test_other_types_of_keys_are_texts(context: BlockContext) -> None:
    await run_block(PersistInformationBlock, {"key": 7, "value": 1}, context=context)
    assert await retrieve(context, key="7") == 1
