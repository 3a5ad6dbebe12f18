"""`perdure run GRAPH.json`: one run from file to outputs."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from perdure_client import PerdureClient
from perdure_client.models import GraphExecutionMeta
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import parse_inputs, read_graph
from services.cli.options import InputsOption, JsonOption
from services.cli.run_session import RunSession, run_to_its_end, start_and_leave

app = typer.Typer()


@app.command()
@with_gateway
def run(
    client: PerdureClient,
    graph: Annotated[
        str | None, typer.Argument(help="Graph JSON file, or the id of a graph that is saved.", show_default=False)
    ] = None,
    preset_id: Annotated[
        str | None, typer.Option("--preset", help="Instead of a file: run this preset; inputs given here win.")
    ] = None,
    inputs: InputsOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the id of the run and leave it alone.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Upload a graph, or take a saved one or a preset; run it, show live progress and its outputs.

    Exit code: 0 completed, 1 failed or refused, 130 interrupted (Ctrl-C stops the run).
    """
    if (graph is None) == (preset_id is None):
        raise typer.BadParameter("Name either a graph or a preset (--preset).")
    values = parse_inputs(inputs or [])
    content = read_graph(Path(graph)) if graph is not None and not is_id(graph) else None
    session = RunSession(client, console=Console(stderr=as_json))

    def start() -> GraphExecutionMeta:
        if content is not None:
            return session.start(content, values)
        if graph is not None:
            return session.start_saved(graph, values)
        assert preset_id is not None, "one of the two is given"
        return session.start_preset(preset_id, values)

    if detach:
        start_and_leave(session, start, as_json=as_json)
    else:
        run_to_its_end(session, start, as_json=as_json)


def is_id(text: str) -> bool:
    """Whether the argument means a saved graph; a file of that name comes first."""
    try:
        UUID(text)
    except ValueError:
        return False
    return not Path(text).exists()
