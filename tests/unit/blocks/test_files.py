from dataclasses import replace
from typing import Any

import pytest

from activities.blocks._examples import RememberedFiles
from activities.blocks.files import FileReadBlock, FileStoreBlock
from models.blocks import Block
from models.errors import BlockConfigurationError, BlockError, BlockInputError
from models.ids import GraphExecId
from models.media import FILE_LIMIT_BYTES, MediaFile
from tests.unit.blocks.running import make_context, run_block

ROWS = "data:text/plain,a%0Ab%0Ac%0Ad"


@pytest.mark.parametrize(
    ("values", "chunks"),
    [
        ({"file_input": "data:text/plain;base64,SGVsbG8gV29ybGQ="}, ["Hello World"]),
        ({"file_input": "data:,caf%C3%A9"}, ["café"]),
        ({"file_input": "data:,caf%E9"}, ["café"]),
        ({"file_input": "data:,%EF%BB%BFx"}, ["x"]),
        ({"file_input": "data:,"}, []),
        ({"file_input": "data:,abcde", "size_limit": 2}, ["ab", "cd", "e"]),
        ({"file_input": "data:,abcde", "size_limit": -2}, ["abcde"]),
        ({"file_input": "data:,abcde", "skip_size": 3}, ["de"]),
        ({"file_input": "data:,abcde", "skip_size": 9}, []),
        ({"file_input": "data:,abcde", "skip_rows": 1}, [""]),
        ({"file_input": "data:,abcde", "row_limit": 1}, ["abcde"]),
        ({"file_input": ROWS, "delimiter": "\n", "skip_rows": 1, "row_limit": 2}, ["b\nc"]),
        ({"file_input": ROWS, "delimiter": "\n", "row_limit": 9}, ["a\nb\nc\nd"]),
        ({"file_input": ROWS, "delimiter": "\n", "skip_rows": 3}, ["d"]),
        ({"file_input": ROWS, "delimiter": "\n", "skip_rows": 4}, [""]),
        ({"file_input": ROWS, "delimiter": "\n", "skip_size": 1, "skip_rows": 1}, ["b\nc\nd"]),
        ({"file_input": ROWS, "delimiter": "\n", "skip_size": 99, "skip_rows": 1}, [""]),
        ({"file_input": ROWS, "delimiter": "\n", "row_limit": 1}, ["a"]),
        ({"file_input": "data:,%0Aa", "delimiter": "\n", "row_limit": 1}, []),
        ({"file_input": ROWS, "delimiter": "\n", "skip_rows": 1, "size_limit": 3}, ["b\nc", "\nd"]),
    ],
)
async def test_read(values: dict[str, Any], chunks: list[str]) -> None:
    assert await run_block(FileReadBlock, values) == [("content", chunk) for chunk in chunks]


async def test_large_files_are_read_beside_the_event_loop() -> None:
    text = "line\n" * 100_000
    values = {"file_input": f"data:,{text}", "delimiter": "\n", "skip_rows": 99_998}
    assert await run_block(FileReadBlock, values) == [("content", "line\nline\n")]


@pytest.mark.parametrize("base_64", [True, False])
async def test_what_is_stored_can_be_read(base_64: bool) -> None:
    context = make_context(file_store=RememberedFiles())
    stored = await run_block(
        FileStoreBlock, {"file_in": "data:text/plain,h%C3%A9", "base_64": base_64}, context=context
    )
    [(pin, reference)] = stored
    assert pin == "file_out"
    assert reference.startswith("data:text/plain;base64," if base_64 else "workspace://execution/")
    assert await run_block(FileReadBlock, {"file_input": reference}, context=context) == [("content", "hé")]


async def test_storing_a_stored_file_gives_the_same_reference() -> None:
    context = make_context(file_store=RememberedFiles())
    first = await run_block(FileStoreBlock, {"file_in": "data:text/csv;name=t.csv,x"}, context=context)
    assert await run_block(FileStoreBlock, {"file_in": first[0][1]}, context=context) == first
    assert first[0][1].endswith("/t.csv")


async def test_files_of_other_runs_are_refused() -> None:
    context = make_context(file_store=RememberedFiles())
    [(_, reference)] = await run_block(FileStoreBlock, {"file_in": "data:,x"}, context=context)
    other = replace(context, graph_exec_id=GraphExecId("other"))
    for block, pin in ((FileReadBlock, "file_input"), (FileStoreBlock, "file_in")):
        with pytest.raises(BlockError, match="not one of this run"):
            await run_block(block, {pin: reference}, context=other)


@pytest.mark.parametrize(
    "source", ["", "x.txt", "../x", "/etc/passwd", "file:///etc/passwd", "workspace://execution/", "\0"]
)
async def test_files_that_are_not_there(source: str) -> None:
    with pytest.raises(BlockError, match="There is no file"):
        await run_block(FileReadBlock, {"file_input": source}, context=make_context(file_store=RememberedFiles()))


@pytest.mark.parametrize("block_and_pin", [(FileReadBlock, "file_input"), (FileStoreBlock, "file_in")])
async def test_sources_that_are_of_no_use(block_and_pin: tuple[type[Block[Any]], str]) -> None:
    block, pin = block_and_pin
    with pytest.raises(BlockInputError, match=f"pin '{pin}' needs a value"):
        await run_block(block, {pin: None})
    with pytest.raises(BlockError, match="no comma"):
        await run_block(block, {pin: "data:text/plain;base64"})
    with pytest.raises(BlockError, match="not valid base64"):
        await run_block(block, {pin: "data:text/plain;base64,*"})
    with pytest.raises(BlockError, match=f"over the limit of {FILE_LIMIT_BYTES} bytes"):
        await run_block(block, {pin: "data:;base64," + "A" * (FILE_LIMIT_BYTES // 3 * 4 + 400)})
    with pytest.raises(BlockConfigurationError, match="no service 'file_store'"):
        await run_block(block, {pin: "https://example.com/a.txt"})


async def test_a_downloader_is_used() -> None:
    files = RememberedFiles(downloads={"https://example.com/a.txt": MediaFile("a.txt", "text/plain", b"far")})
    context = make_context(file_store=files)
    assert await run_block(FileReadBlock, {"file_input": "https://example.com/a.txt"}, context=context) == [
        ("content", "far")
    ]
    with pytest.raises(BlockError, match="cannot be had"):
        await run_block(FileReadBlock, {"file_input": "http://example.com/b.txt"}, context=context)


async def test_a_server_without_files_gives_the_content() -> None:
    assert await run_block(FileStoreBlock, {"file_in": "data:,x"}) == [("file_out", "data:text/plain;base64,eA==")]
