"""What commands print: JSON for programs, tables that fit 80 columns and short times for people."""

import json
import sys
from datetime import datetime
from typing import Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

COLOURS = {
    "COMPLETED": "green",
    "ACTIVE": "green",
    "FAILED": "red",
    "REVOKED": "red",
    "TERMINATED": "yellow",
    "SUSPENDED": "yellow",
    "RUNNING": "cyan",
    "QUEUED": "dim",
}


def print_json(value: Any) -> None:
    """A value, answers of the gateway in it as it gave them, and nothing else on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def print_json_line(value: Any) -> None:
    """As `print_json`, on one line and at once: for a program that reads along."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """A line at once, for a person who reads along."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(table: Table, *, empty: str) -> None:
    if table.row_count:
        Console().print(table)
    else:
        typer.echo(empty)


def plain_table(*columns: str, keep: tuple[str, ...] = ()) -> Table:
    """A table without borders; columns in `keep` are never cut, others where the width ends."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=True, overflow="fold" if name in keep else "ellipsis")
    return table


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
    if not yes:
        typer.confirm(question, abort=True, err=True)


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} is not JSON")
