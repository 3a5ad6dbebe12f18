"""What commands print: JSON for programs, tables that fit 80 columns and short times for people."""

import json
import sys
from datetime import datetime
from typing import Any

import typer
from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.exit_codes import FAILED

_GAP = 2
_LEAST_WIDTH = 8
COLOURS = {
    "COMPLETED": "green",
    "ACTIVE": "green",
    "FAILED": "red",
    "REVOKED": "red",
    "TERMINATED": "yellow",
    "SUSPENDED": "yellow",
    "RUNNING": "cyan",
    "REVIEW": "magenta",
    "WAITING": "magenta",
    "APPROVED": "green",
    "REJECTED": "red",
    "QUEUED": "dim",
}


def print_json(value: Any) -> None:
    """A value, answers of the gateway in it as it gave them, and nothing else on stdout."""
    sys.stdout.write(json_text(value) + "\n")


def print_outcome(value: Any, text: str, *, as_json: bool) -> None:
    """What a command has done: as JSON, or in words."""
    if as_json:
        print_json(value)
    else:
        typer.echo(text)


def json_text(value: Any) -> str:
    """As `print_json` prints it."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)


def print_json_line(value: Any) -> None:
    """As `print_json`, on one line and at once: for a program that reads along."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """A line at once, for a person who reads along."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class PlainTable:
    """Columns without borders that fit the terminal, or 80 columns where there is none.

    Columns named in `cut` lose their ends where the width is not enough, the widest first; the others never do.
    """

    def __init__(self, *columns: str, cut: tuple[str, ...]) -> None:
        self._columns = columns
        self._cut = [index for index, name in enumerate(columns) if name in cut]
        self._rows: list[tuple[str | Text, ...]] = []

    def add(self, *cells: str | Text) -> None:
        """A row; texts are shown as they are, not as markup."""
        self._rows.append(cells)

    def print(self, console: Console | None = None, *, empty: str = "") -> None:
        """`empty` stands for a table without rows."""
        console = console or Console()
        if not self._rows:
            if empty:
                console.print(empty, markup=False)
            return
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
        for name, width in zip(self._columns, self._widths(console.width), strict=True):
            table.add_column(name, no_wrap=True, overflow="ellipsis", width=width)
        for row in self._rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
        console.print(table)

    def _widths(self, available: int) -> list[int]:
        widths = [
            max(cell_len(name), *(cell_len(str(row[index])) for row in self._rows))
            for index, name in enumerate(self._columns)
        ]
        excess = sum(widths) + _GAP * (len(widths) - 1) - available
        while excess > 0 and any(widths[index] > _LEAST_WIDTH for index in self._cut):
            widest = max(self._cut, key=lambda index: widths[index])
            widths[widest] -= 1
            excess -= 1
        return widths


def short_time(at: datetime | None) -> str:
    """In local time: `14:03:22` today, `07-21 14:03` this year, else `2024-07-21`."""
    if at is None:
        return ""
    local, now = at.astimezone(), datetime.now().astimezone()
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%m-%d %H:%M}" if local.year == now.year else f"{local:%Y-%m-%d}"


def confirm(question: str, *, yes: bool) -> None:
    """Asks on stderr, unless the answer was given before. Anything but yes ends the command with exit code 1."""
    if yes:
        return
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(FAILED)


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} is not JSON")
