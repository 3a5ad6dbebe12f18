"""`perdure run GRAPH.json`: one run from file to outputs."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.gateway import Gateway, Target
from services.cli.options import DEFAULT_HOME, ApiKeyOption, HomeOption, JsonOption, UrlOption
from services.cli.run_session import RunSession, parse_inputs, read_graph
from services.cli.run_view import print_result

app = typer.Typer()

FAILED = 1
INTERRUPTED = 130


@app.command()
def run(
    graph: Annotated[Path, typer.Argument(help="Graph JSON, for example an exported agent.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", help="name=value (JSON or text) or name=@file; repeat for more."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload a graph, run it, show live progress and its outputs.

    Exit code: 0 completed, 1 failed or refused, 130 interrupted (Ctrl-C stops the run).
    """
    content, values = read_graph(graph), parse_inputs(inputs or [])
    gateway = Gateway(Target.resolve(home, url=url, key=api_key))
    console = Console(stderr=as_json)
    session = RunSession(gateway, content, console=console)
    interrupted = False
    try:
        session.start(values)
        execution = session.follow()
    except KeyboardInterrupt:
        if session.execution is None:
            raise typer.Exit(INTERRUPTED) from None
        console.print("Stopping the run ...")
        execution, interrupted = session.stop(), True
    finally:
        gateway.close()
    if as_json:
        execution.pop("node_executions", None)
        sys.stdout.write(json.dumps(execution, ensure_ascii=False, indent=2) + "\n")
    else:
        print_result(console, execution)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if execution["status"] != "COMPLETED":
        raise typer.Exit(FAILED)
