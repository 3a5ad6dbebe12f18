"""`perdure doctor`: what is wrong with an installation, and what to do about it."""

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli import exit_codes
from services.cli.connection import URL_VARIABLE
from services.cli.options import DEFAULT_HOME, HomeOption, JsonOption, UrlOption
from services.cli.output import print_json

if TYPE_CHECKING:
    from infra.diagnosis.finding import Finding

app = typer.Typer()

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@app.command()
def doctor(home: HomeOption = DEFAULT_HOME, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Check every dependency, port, version and setting, and say what to do about what is wrong.

    Looks at the stack of the folder if one runs, at the servers that settings name, and at what `perdure up` would
    need. Exit code: 0 nothing is wrong (warnings may be shown), 1 there is a problem.
    """
    # Imported here because it brings the drivers of all servers; the other commands answer at once.
    from infra.diagnosis.examination import diagnose
    from infra.diagnosis.finding import Status

    findings = asyncio.run(diagnose(home, gateway_url=url or os.environ.get(URL_VARIABLE)))
    if as_json:
        print_json([finding.model_dump(mode="json") for finding in findings])
    else:
        _print(findings)
    if any(finding.status is Status.PROBLEM for finding in findings):
        raise typer.Exit(exit_codes.FAILED)


def _print(findings: "Sequence[Finding]") -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("check", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    for finding in findings:
        said = Text(finding.message)
        if finding.hint:
            said.append(f"\n{finding.hint}", style="bold")
        table.add_row(finding.check, Text(finding.status, style=_COLOURS[finding.status]), said)
    console = Console()
    console.print(table)
    counts = [sum(finding.status == status for finding in findings) for status in _COLOURS]
    console.print("{} in order, {} warnings, {} problems.".format(*counts))
