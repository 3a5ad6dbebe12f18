"""`perdure run GRAPH.json`: one run from file to outputs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.connection import connect
from services.cli.graph_files import parse_inputs, read_graph
from services.cli.options import DEFAULT_HOME, ApiKeyOption, HomeOption, InputsOption, JsonOption, UrlOption
from services.cli.run_session import RunSession, run_to_its_end

app = typer.Typer()


@app.command()
def run(
    graph: Annotated[
        Path | None, typer.Argument(help="Graph JSON, for example an exported agent.", show_default=False)
    ] = None,
    preset_id: Annotated[
        str | None, typer.Option("--preset", help="Instead of a file: run this preset; inputs given here win.")
    ] = None,
    inputs: InputsOption = None,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload a graph, or take a preset; run it, show live progress and its outputs.

    Exit code: 0 completed, 1 failed or refused, 130 interrupted (Ctrl-C stops the run).
    """
    if (graph is None) == (preset_id is None):
        raise typer.BadParameter("Name either a graph file or a preset (--preset).")
    content = None if graph is None else read_graph(graph)
    values = parse_inputs(inputs or [])
    with connect(home, url, api_key) as client:
        session = RunSession(client, console=Console(stderr=as_json))
        if content is not None:
            run_to_its_end(session, lambda: session.start(content, values), as_json=as_json)
        elif preset_id is not None:
            run_to_its_end(session, lambda: session.start_preset(preset_id, values), as_json=as_json)
