"""`perdure logs`: what the processes of the stack have printed."""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.embedded.home import StackHome
from infra.embedded.log_sink import COMBINED
from infra.embedded.server import StackError
from services.cli.options import DEFAULT_HOME, HomeOption
from services.cli.output import print_json_line

app = typer.Typer()

_POLL_SECONDS = 0.2


class LogName(StrEnum):
    GATEWAY = "gateway"
    WORKER = "worker"
    TEMPORAL = "temporal"
    POSTGRES = "postgres"
    REDIS = "redis"
    PERDURE = "perdure"


@app.command()
def logs(
    name: Annotated[LogName | None, typer.Argument(help="One process; all of them by default.")] = None,
    home: HomeOption = DEFAULT_HOME,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines arrive.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Lines to show from the end.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line: process and line.")] = False,
) -> None:
    """Show what the processes of the stack print; after its end, what they have printed."""
    path = StackHome(home).logs / f"{name or COMBINED}.log"
    if not path.exists():
        raise StackError(f"There is no log {path}: nothing of that name has run here.")
    try:
        for line in _read(path, last=lines, follow=follow):
            if as_json:
                print_json_line(_parsed(line.rstrip("\n"), name))
            else:
                typer.echo(line, nl=False)
                sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _parsed(line: str, name: LogName | None) -> dict[str, str]:
    if name is not None:
        return {"process": name.value, "line": line}
    process, _, text = line.partition("|")
    return {"process": process.strip(), "line": text.removeprefix(" ")}


def _read(path: Path, *, last: int, follow: bool) -> Iterator[str]:
    file = path.open(errors="replace")
    try:
        yield from deque(file, maxlen=last)
        while follow:
            line = file.readline()
            if line:
                yield line
            elif _is_rotated(path, os.fstat(file.fileno()).st_ino):
                file.close()
                file = path.open(errors="replace")
            else:
                time.sleep(_POLL_SECONDS)
    finally:
        file.close()


def _is_rotated(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino != inode
    except FileNotFoundError:
        return False
