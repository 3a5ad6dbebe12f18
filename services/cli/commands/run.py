"""`perdure run GRAPH.json`: one run from file to outputs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.connection import connect
from services.cli.exit_codes import FAILED, INTERRUPTED
from services.cli.graph_files import parse_inputs, read_graph
from services.cli.options import DEFAULT_HOME, ApiKeyOption, HomeOption, InputsOption, JsonOption, UrlOption
from services.cli.output import print_json
from services.cli.run_session import RunSession
from services.cli.run_view import print_result

app = typer.Typer()


@app.command()
def run(
    graph: Annotated[Path, typer.Argument(help="Graph JSON, for example an exported agent.")],
    inputs: InputsOption = None,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload a graph, run it, show live progress and its outputs.

    Exit code: 0 completed, 1 failed or refused, 130 interrupted (Ctrl-C stops the run).
    """
    content, values = read_graph(graph), parse_inputs(inputs or [])
    console = Console(stderr=as_json)
    interrupted = False
    with connect(home, url, api_key) as client:
        session = RunSession(client, content, console=console)
        try:
            session.start(values)
            execution = session.follow()
        except KeyboardInterrupt:
            if session.execution is None:
                raise typer.Exit(INTERRUPTED) from None
            console.print("Stopping the run ...")
            execution, interrupted = session.stop(), True
    if as_json:
        print_json(execution.model_dump(mode="json", exclude={"node_executions"}))
    else:
        print_result(console, execution)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if execution.status != "COMPLETED":
        raise typer.Exit(FAILED)
