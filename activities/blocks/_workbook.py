"""Rows of Excel files."""

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from typing import Final

import openpyxl

from models.errors import BlockError

MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
"""Of all parts of a workbook together: a small archive may unpack to any size."""

_ARCHIVE: Final = b"PK\x03\x04"
_FORMAT_BEFORE_2007: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_workbook(data: bytes) -> bool:
    """Whether it is an Excel file, whatever its name and type say.

    Raises:
        BlockError: it is one of the format before 2007.
    """
    if data.startswith(_FORMAT_BEFORE_2007):
        raise BlockError("Unable to read Excel file: this is the old .xls format. Save it as .xlsx or as CSV.")
    return data.startswith(_ARCHIVE)


def workbook_rows(data: bytes) -> Iterator[list[str]]:
    """The rows of the first sheet as texts: formulas by their last result, empty cells at the end of a row left out.

    openpyxl reads XML through defusedxml where that is installed, as it is here.

    Raises:
        BlockError: it cannot be read, or is too large.
    """
    try:
        _check_unpacked_size(data)
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = workbook.worksheets[0]
            # Else every row would be filled up to the width the file claims to have.
            sheet.reset_dimensions()
            for row in sheet.iter_rows(values_only=True):
                texts = [_text(value) for value in row]
                while texts and not texts[-1]:
                    texts.pop()
                yield texts
        finally:
            workbook.close()
    except BlockError:
        raise
    except Exception as error:
        # A damaged or hostile file makes openpyxl raise nearly anything.
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise BlockError(f"Unable to read Excel file: {reason}") from error


def _check_unpacked_size(data: bytes) -> None:
    """Raises BlockError. No part can unpack to more than the archive says: reading it ends there."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > MAX_UNPACKED_BYTES:
        raise BlockError(
            f"Unable to read Excel file: it unpacks to {size} bytes; the limit is {MAX_UNPACKED_BYTES} bytes."
        )


def _text(value: object) -> str:
    """As a CSV file of the sheet would have it: whole numbers without a point, dates without a time of zero."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        is_date = value.time() == time.min
        return value.date().isoformat() if is_date else value.isoformat(sep=" ")
    if isinstance(value, time):
        return value.isoformat()
    return str(value)
