"""Files of a run."""

from collections.abc import AsyncIterator
from typing import Final

from activities.blocks._examples import RememberedFiles
from activities.blocks._services import find_file_store, read_media
from models.beside_the_loop import beside_the_loop
from models.blocks import (
    Block,
    BlockCategory,
    BlockContext,
    BlockEffect,
    BlockExample,
    BlockInput,
    BlockOutput,
    Emission,
    pin,
)
from models.media import WORKSPACE_SCHEME, decode_text, to_data_uri

_SMALL_FILE_BYTES: Final = 200_000
"""Larger files are taken apart in a thread, beside the event loop."""

_HELLO = "data:text/plain;base64,SGVsbG8sIEdoZW50IQ=="


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and value.startswith(f"{WORKSPACE_SCHEME}execution/")


class FileStoreInput(BlockInput):
    file_in: str = pin(format="file", description="URL, data URI, reference or path of a file")
    base_64: bool = pin(False, title="Produce Base64 Output", description="Emit the content as a data URI")


class FileStoreOutput(BlockOutput):
    file_out: str = pin(format="file", description="Reference to the stored file, or its content")


class FileStoreBlock(Block[FileStoreInput]):
    """The reference is good in this run only, a data URI everywhere; a server that keeps no files gives that."""

    id = "cbb50872-625b-42f0-8203-a2ae78242d8a"
    description = "Keeps a file for the blocks of this run."
    Input = FileStoreInput
    Output = FileStoreOutput
    categories = (BlockCategory.BASIC, BlockCategory.MULTIMEDIA)
    static_output = True
    # What it writes is named by its content and goes with the run: doing it again changes nothing.
    effect = BlockEffect.READ
    examples = (
        BlockExample(
            title="A reference",
            input={"file_in": _HELLO},
            services={"file_store": RememberedFiles()},
            output=(("file_out", _is_reference),),
        ),
        BlockExample(
            title="The content",
            input={"file_in": "data:text/plain,Hello%2C%20Ghent!", "base_64": True},
            output=(("file_out", _HELLO),),
        ),
        BlockExample(
            title="A file of another run",
            input={"file_in": f"{WORKSPACE_SCHEME}another/file"},
            services={"file_store": RememberedFiles()},
            error="is not one of this run",
        ),
    )

    async def run(self, input: FileStoreInput, context: BlockContext) -> AsyncIterator[Emission]:
        file = await read_media(input.file_in, context)
        store = find_file_store(context)
        if input.base_64 or store is None:
            yield "file_out", to_data_uri(file)
        else:
            yield "file_out", await store.save(file, graph_exec_id=context.graph_exec_id)


class FileReadInput(BlockInput):
    file_input: str = pin(format="file", description="URL, data URI, reference or path of a text file")
    delimiter: str = pin("", description="Text between the rows; without one the file is a single row")
    size_limit: int = pin(0, description="Characters of one emission; 0 is no limit")
    row_limit: int = pin(0, description="Rows to read; 0 is no limit")
    skip_size: int = pin(0, description="Characters to leave out at the beginning")
    skip_rows: int = pin(0, description="Rows to leave out after that")


class FileReadOutput(BlockOutput):
    content: str = pin(description="The text, or one part of it after the other")


class FileReadBlock(Block[FileReadInput]):
    """UTF-8, else Latin-1. Where skipping leaves no row the content is empty; an empty file emits nothing."""

    id = "3735a31f-7e18-4aca-9e90-08a7120674bc"
    description = "Reads a text file, in parts if it is long."
    Input = FileReadInput
    Output = FileReadOutput
    categories = (BlockCategory.TEXT, BlockCategory.DATA)
    effect = BlockEffect.READ
    examples = (
        BlockExample(title="All of it", input={"file_input": _HELLO}, output=(("content", "Hello, Ghent!"),)),
        BlockExample(
            title="Some rows in parts",
            input={
                "file_input": "data:text/plain,one%0Atwo%0Athree%0Afour",
                "delimiter": "\n",
                "skip_rows": 1,
                "row_limit": 2,
                "size_limit": 5,
            },
            output=(("content", "two\nt"), ("content", "hree")),
        ),
        BlockExample(
            title="Nothing is left",
            input={"file_input": _HELLO, "skip_rows": 1},
            output=(("content", ""),),
        ),
        BlockExample(title="An empty file", input={"file_input": "data:text/plain,"}),
    )

    async def run(self, input: FileReadInput, context: BlockContext) -> AsyncIterator[Emission]:
        file = await read_media(input.file_input, context)
        content = await beside_the_loop(len(file.data) > _SMALL_FILE_BYTES, _select, file.data, input)
        if content is None:
            yield "content", ""
            return
        size = input.size_limit if input.size_limit > 0 else max(len(content), 1)
        for start in range(0, len(content), size):
            yield "content", content[start : start + size]


def _select(data: bytes, input: FileReadInput) -> str | None:
    """What is to be read of a file; None if skipping leaves no row. No list of rows is made: there may be millions."""
    text, delimiter = decode_text(data), input.delimiter
    start = _after_rows(text, delimiter, max(input.skip_rows, 0), max(input.skip_size, 0))
    if start is None:
        return None
    next_row = _after_rows(text, delimiter, input.row_limit, start) if input.row_limit > 0 else None
    return text[start:] if next_row is None else text[start : next_row - len(delimiter)]


def _after_rows(text: str, delimiter: str, count: int, start: int) -> int | None:
    """Where the row begins that follows `count` rows from `start` on; None if there is none."""
    for _ in range(count):
        end = text.find(delimiter, start) if delimiter else -1
        if end < 0:
            return None
        start = end + len(delimiter)
    return start
