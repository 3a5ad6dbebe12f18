"""Tables in files and texts."""

import asyncio
import base64
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Final

from activities.blocks._services import read_media
from activities.blocks._workbook import is_workbook, workbook_rows
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
from models.errors import BlockError, ValueTooLargeError
from models.media import decode_text
from models.values import VALUE_LIMIT_BYTES

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
"""As many as a sheet of Excel has. Rows count that are left out, too: a small file may claim any number."""

_ROWS_AT_A_TIME: Final = 500
"""Between two breaks for the other blocks of the worker."""

_ROW_BYTES: Final = 3
_CELL_BYTES: Final = 6
"""Punctuation of JSON."""


class ReadSpreadsheetInput(BlockInput):
    contents: str | None = pin(None, advanced=False, description="The table as CSV")
    file_input: str | None = pin(
        None, advanced=False, format="file", description="The table as a CSV or Excel file; counts before the contents"
    )
    delimiter: str = pin(",", description="Character between the values of a row")
    quotechar: str = pin('"', description="Character around values that contain the delimiter")
    escapechar: str = pin("\\", description="Character that takes the meaning from the next one")
    has_header: bool = pin(True, description="The first row names the columns")
    skip_rows: int = pin(0, description="Rows to leave out after the header")
    strip: bool = pin(True, description="Remove white space around names and values")
    skip_columns: list[str] = pin([], description="Has no effect; kept for graphs that set it")
    produce_singular_result: bool = pin(False, description="Emit the rows one by one instead of all together")


class ReadSpreadsheetOutput(BlockOutput):
    row: dict[str, str] = pin(description="One row, by column")
    rows: list[dict[str, str]] = pin(description="All rows")


class ReadSpreadsheetBlock(Block[ReadSpreadsheetInput]):
    """Columns without a header are called 0, 1, 2 and so on. All values are texts.

    Of an Excel file the first sheet is read, and a column whose header is empty is called `Unnamed: ` and its number.
    """

    id = "acf7625e-d2cb-4941-bfeb-2819fc6fc015"
    description = "Reads the rows of a CSV text, or of a CSV or Excel file."
    Input = ReadSpreadsheetInput
    Output = ReadSpreadsheetOutput
    categories = (BlockCategory.TEXT, BlockCategory.DATA)
    contributors = ("Nicholas Tindle",)
    effect = BlockEffect.READ
    examples = (
        BlockExample(
            title="A header and two rows",
            input={"contents": "name, age\nZoë, 31\nJan, 8"},
            output=(("rows", [{"name": "Zoë", "age": "31"}, {"name": "Jan", "age": "8"}]),),
        ),
        BlockExample(
            title="Row by row, without a header",
            input={"contents": "1;2\n3;4", "delimiter": ";", "has_header": False, "produce_singular_result": True},
            output=(("row", {"0": "1", "1": "2"}), ("row", {"0": "3", "1": "4"})),
        ),
        BlockExample(
            title="A file",
            input={"file_input": "data:text/csv;base64," + base64.b64encode(b'a,b\n"x, y",z').decode()},
            output=(("rows", [{"a": "x, y", "b": "z"}]),),
        ),
        BlockExample(
            title="No table",
            input={"contents": ""},
            error="Either 'contents' or 'file_input' must be provided",
        ),
    )

    async def run(self, input: ReadSpreadsheetInput, context: BlockContext) -> AsyncIterator[Emission]:
        rows: list[dict[str, str]] = []
        size = 0
        async with aclosing(await _open_table(input, context)) as table:
            async for row in table:
                if input.produce_singular_result:
                    yield "row", row
                    continue
                size += _ROW_BYTES + sum(_CELL_BYTES + len(key) + len(value) for key, value in row.items())
                if size > VALUE_LIMIT_BYTES:
                    raise ValueTooLargeError(f"The table is too large for one value (row {len(rows) + 1}). Split it.")
                rows.append(row)
        if not input.produce_singular_result:
            yield "rows", rows


async def _open_table(input: ReadSpreadsheetInput, context: BlockContext) -> AsyncGenerator[dict[str, str]]:
    """Raises BlockError if there is no table, or none that can be read."""
    if input.file_input:
        file = await read_media(input.file_input, context)
        if is_workbook(file.data):
            return _objects(input, workbook_rows(file.data), is_sheet=True)
        return _objects(input, _csv_rows(input, decode_text(file.data)), is_sheet=False)
    if input.contents:
        return _objects(input, _csv_rows(input, input.contents), is_sheet=False)
    raise BlockError("Either 'contents' or 'file_input' must be provided")


def _csv_rows(input: ReadSpreadsheetInput, text: str) -> Iterator[list[str]]:
    """Raises BlockError for options no CSV has, and for a text that is none."""
    options: dict[str, Any] = {"quotechar": input.quotechar} if input.quotechar else {"quoting": csv.QUOTE_NONE}
    try:
        lines = io.StringIO(text, newline="")
        yield from csv.reader(lines, delimiter=input.delimiter, escapechar=input.escapechar or None, **options)
    except (csv.Error, TypeError, ValueError) as error:
        raise BlockError(f"The table cannot be read as CSV: {error}.") from None


async def _objects(
    input: ReadSpreadsheetInput, rows: Iterator[list[str]], *, is_sheet: bool
) -> AsyncGenerator[dict[str, str]]:
    """Raises ValueTooLargeError for more rows or columns than a table may have."""
    header: list[str] | None = None
    if input.has_header:
        header = _checked(next(rows, []))
        header = [name.strip() for name in header] if input.strip else header
        if is_sheet:
            header = [name or f"Unnamed: {column}" for column, name in enumerate(header)]
    for number, row in enumerate(rows):
        if number % _ROWS_AT_A_TIME == _ROWS_AT_A_TIME - 1:
            await asyncio.sleep(0)
        if number >= MAX_ROWS:
            raise ValueTooLargeError(f"The table has more than {MAX_ROWS} rows. Split it.")
        if number < input.skip_rows:
            continue
        row = _checked(row)
        if is_sheet and header is not None:
            header += [f"Unnamed: {column}" for column in range(len(header), len(row))]
            row = row + [""] * (len(header) - len(row))
        if header and len(row) > len(header):
            raise BlockError(
                f"Row {number + 1} after the header has {len(row)} values, but the header names {len(header)} columns. "
                "Check the delimiter, or switch `has_header` off."
            )
        values = [value.strip() for value in row] if input.strip else row
        yield dict(zip(header or map(str, range(len(values))), values, strict=False))


def _checked(row: list[str]) -> list[str]:
    if len(row) > MAX_COLUMNS:
        raise ValueTooLargeError(f"A row has {len(row)} columns; the limit is {MAX_COLUMNS}. Check the delimiter.")
    return row
