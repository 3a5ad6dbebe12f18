import base64
import io
import zipfile
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest

from activities.blocks._examples import RememberedFiles
from activities.blocks._workbook import MAX_UNPACKED_BYTES
from activities.blocks.spreadsheet import ReadSpreadsheetBlock
from models.errors import BlockError, ValueTooLargeError
from models.media import MediaFile
from tests.turns import others_get_turns
from tests.unit.blocks.running import make_context, run_block

TABLE = "a, b, c\n1,2,3\n4,5,6"
ROWS = [{"a": "1", "b": "2", "c": "3"}, {"a": "4", "b": "5", "c": "6"}]


def data_uri(data: bytes, media_type: str = "text/csv") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    book.create_sheet("Second").append(["other"])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


async def test_all_rows_or_one_by_one() -> None:
    assert await run_block(ReadSpreadsheetBlock, {"contents": TABLE}) == [("rows", ROWS)]
    singular = {"contents": TABLE, "produce_singular_result": True}
    assert await run_block(ReadSpreadsheetBlock, singular) == [("row", row) for row in ROWS]


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({"contents": TABLE, "skip_rows": 1}, ROWS[1:]),
        ({"contents": TABLE, "skip_rows": 9}, []),
        ({"contents": TABLE, "skip_rows": -1}, ROWS),
        ({"contents": TABLE, "skip_columns": ["0", "a"]}, ROWS),
        ({"contents": "1,2\n3", "has_header": False}, [{"0": "1", "1": "2"}, {"0": "3"}]),
        ({"contents": " a , b \n 1 , 2 ", "strip": False}, [{" a ": " 1 ", " b ": " 2 "}]),
        ({"contents": "a,b\n1"}, [{"a": "1"}]),
        ({"contents": "a\n\n1"}, [{}, {"a": "1"}]),
        ({"contents": 'a,b\n"x, ""y""",\'z'}, [{"a": 'x, "y"', "b": "'z"}]),
        ({"contents": "a,b\n'x,y',z", "quotechar": "'"}, [{"a": "x,y", "b": "z"}]),
        ({"contents": 'a,b\n"x,y', "quotechar": ""}, [{"a": '"x', "b": "y"}]),
        ({"contents": "a,b\nx\\,y,z"}, [{"a": "x,y", "b": "z"}]),
        ({"contents": "a\tb\r\n1\t2\r\n", "delimiter": "\t"}, [{"a": "1", "b": "2"}]),
        ({"contents": 'a\n"x\ny"'}, [{"a": "x\ny"}]),
        ({"contents": "ä\n\U0001f600"}, [{"ä": "\U0001f600"}]),
        ({"contents": "a"}, []),
        ({"file_input": data_uri(b"\xef\xbb\xbfa\n1"), "contents": "b\n2"}, [{"a": "1"}]),
        ({"file_input": data_uri(b"caf\xe9\n1")}, [{"café": "1"}]),
        ({"file_input": data_uri(b"")}, []),
    ],
)
async def test_csv(values: dict[str, Any], rows: list[dict[str, str]]) -> None:
    assert await run_block(ReadSpreadsheetBlock, values) == [("rows", rows)]


@pytest.mark.parametrize("values", [{}, {"contents": ""}, {"contents": None, "file_input": ""}])
async def test_a_source_is_needed(values: dict[str, Any]) -> None:
    with pytest.raises(BlockError, match="Either 'contents' or 'file_input' must be provided"):
        await run_block(ReadSpreadsheetBlock, values)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"contents": "a\n1,2"}, "Row 1 after the header has 2 values"),
        ({"contents": TABLE, "delimiter": ""}, "cannot be read as CSV"),
        ({"contents": TABLE, "delimiter": ",,"}, "cannot be read as CSV"),
        ({"contents": "a\n" + "x" * 200_000}, "field larger than field limit"),
    ],
)
async def test_tables_that_cannot_be_read(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(BlockError, match=reason):
        await run_block(ReadSpreadsheetBlock, values)


async def test_many_rows_are_refused() -> None:
    with pytest.raises(ValueTooLargeError, match="too large for one value"):
        await run_block(ReadSpreadsheetBlock, {"contents": f"{'column' * 500}\n" + "1\n" * 20_000})


async def test_excel() -> None:
    when = datetime(2026, 3, 1, 9, 30)
    data = workbook(
        ["name", None, "when"],
        [" Zoë ", 3, date(2026, 3, 1)],
        [True, 2.5, when, time(7, 5), None],
        [],
        ["=1+1", 1e20, "x"],
    )
    [(pin, rows)] = await run_block(ReadSpreadsheetBlock, {"file_input": data_uri(data, "application/octet-stream")})
    assert pin == "rows"
    assert rows == [
        {"name": "Zoë", "Unnamed: 1": "3", "when": "2026-03-01"},
        {"name": "True", "Unnamed: 1": "2.5", "when": "2026-03-01 09:30:00", "Unnamed: 3": "07:05:00"},
        {"name": "", "Unnamed: 1": "", "when": "", "Unnamed: 3": ""},
        {"name": "", "Unnamed: 1": "100000000000000000000", "when": "x", "Unnamed: 3": ""},
    ]


async def test_excel_without_a_header() -> None:
    values = {"file_input": data_uri(workbook(["a", 1], ["b"])), "has_header": False}
    assert await run_block(ReadSpreadsheetBlock, values) == [("rows", [{"0": "a", "1": "1"}, {"0": "b"}])]


async def test_a_file_of_the_run() -> None:
    files = RememberedFiles()
    reference = await files.save(MediaFile("t.csv", "text/csv", b"a\n1"), graph_exec_id=make_context().graph_exec_id)
    emissions = await run_block(ReadSpreadsheetBlock, {"file_input": reference}, context=make_context(file_store=files))
    assert emissions == [("rows", [{"a": "1"}])]


def archive(**parts: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in parts.items():
            writer.writestr(name, content)
    return target.getvalue()


def with_claimed_size(data: bytes, size: int) -> bytes:
    """An archive whose directory says that its first part unpacks to `size` bytes."""
    place = data.index(b"PK\x01\x02") + 24
    return data[:place] + size.to_bytes(4, "little") + data[place + 4 :]


def with_entities() -> bytes:
    """A workbook whose main part declares entities that would grow without end."""
    source = zipfile.ZipFile(io.BytesIO(workbook(["a"])))
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as writer:
        for name in source.namelist():
            part = source.read(name)
            writer.writestr(name, bomb + part if name == "xl/workbook.xml" else part)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04 and nothing else", "Unable to read Excel file"),
        (archive(other=b"x"), "Unable to read Excel file"),
        (with_claimed_size(archive(bomb=b"x"), MAX_UNPACKED_BYTES + 1), "unpacks to"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "old .xls format"),
        (with_entities(), "Unable to read Excel file: .*could not read workbook"),
    ],
    ids=["cut", "no workbook", "bomb", "old", "entities"],
)
async def test_hostile_workbooks(data: bytes, reason: str) -> None:
    with pytest.raises(BlockError, match=reason):
        await run_block(ReadSpreadsheetBlock, {"file_input": data_uri(data)})


def with_rows(last: int) -> bytes:
    """A header, nothing more up to row `last`, and the claim to be as wide as a sheet can be."""
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="A1:XFD{last}"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        f'<row r="{last}"><c r="A{last}"><v>2</v></c></row></sheetData></worksheet>'
    )
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["a"]))) as source, zipfile.ZipFile(target, "w") as changed:
        for part in source.namelist():
            is_sheet = part == "xl/worksheets/sheet1.xml"
            changed.writestr(part, sheet if is_sheet else source.read(part))
    return target.getvalue()


async def test_rows_that_are_left_out_hold_up_nobody() -> None:
    values = {"file_input": data_uri(with_rows(100_000)), "skip_rows": 99_998}
    async with others_get_turns(more_than=100):
        assert await run_block(ReadSpreadsheetBlock, values) == [("rows", [{"1": "2"}])]


async def test_a_small_file_cannot_claim_any_number_of_rows() -> None:
    values = {"file_input": data_uri(with_rows(2_000_000_000)), "skip_rows": 2_000_000_000}
    with pytest.raises(ValueTooLargeError, match="more than 1048576 rows"):
        await run_block(ReadSpreadsheetBlock, values)


@pytest.mark.parametrize("contents", ["," * 20_000, "a\n" + "," * 20_000])
async def test_rows_of_very_many_columns_are_refused(contents: str) -> None:
    with pytest.raises(ValueTooLargeError, match="20001 columns"):
        await run_block(ReadSpreadsheetBlock, {"contents": contents})


def test_openpyxl_reads_xml_through_defusedxml() -> None:
    assert openpyxl.DEFUSEDXML
