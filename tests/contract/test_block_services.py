"""Blocks on the services that workers and the gateway give them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from activities.blocks.dates import GetCurrentDateAndTimeBlock
from activities.blocks.files import FileReadBlock, FileStoreBlock
from activities.blocks.persistence import PersistInformationBlock, RetrieveInformationBlock
from infra.block_services import BlockServices
from infra.postgres import Database
from infra.settings import LanguageModelSettings
from models.block_testing import make_context, run_block
from models.blocks import BlockContext
from models.errors import BlockError
from models.ids import UserId, new_id
from tests.fakes import MemoryBlobStore


@pytest_asyncio.fixture
async def context(migrated_database: Database) -> AsyncIterator[BlockContext]:
    services = BlockServices(LanguageModelSettings(), blobs=MemoryBlobStore(), database=migrated_database)
    yield replace(make_context(**services.services), user_id=UserId(new_id()))
    await services.aclose()


async def test_values_are_kept(context: BlockContext) -> None:
    await run_block(PersistInformationBlock, {"key": "k", "value": {"n": 1}}, context=context)
    assert await run_block(RetrieveInformationBlock, {"key": "k"}, context=context) == [("value", {"n": 1})]


async def test_files_are_kept(context: BlockContext) -> None:
    [(_, reference)] = await run_block(FileStoreBlock, {"file_in": "data:,hello"}, context=context)
    assert await run_block(FileReadBlock, {"file_input": reference}, context=context) == [("content", "hello")]
    with pytest.raises(BlockError, match="Downloading comes with the egress client"):
        await run_block(FileReadBlock, {"file_input": "https://example.com/a.txt"}, context=context)


async def test_the_clock_goes(context: BlockContext) -> None:
    iso = {"trigger": "go", "format_type": {"discriminator": "iso8601"}}
    [(_, written)] = await run_block(GetCurrentDateAndTimeBlock, iso, context=context)
    assert abs(datetime.fromisoformat(written) - datetime.now(UTC)) < timedelta(minutes=5)
