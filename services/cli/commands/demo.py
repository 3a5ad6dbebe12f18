"""`perdure demo`: the whole stack and one real run, from nothing to a result."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.embedded.home import StackHome
from infra.embedded.stack import read_running
from models.errors import InvalidRequestError
from services.cli.connection import Target
from services.cli.exit_codes import FAILED, INTERRUPTED
from services.cli.graph_files import read_graph
from services.cli.options import DEFAULT_HOME, HomeOption, JsonOption
from services.cli.output import print_json
from services.cli.run_session import RunSession
from services.cli.run_view import print_result
from services.cli.stack_control import start_detached, stop_stack

app = typer.Typer()


@app.command()
def demo(
    example: Annotated[Path, typer.Argument(help="Folder with graph.json and inputs.json.")] = Path(
        "examples/penguins"
    ),
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Boot the stack, run an example agent with live progress, show its result, shut down.

    A stack that runs in this folder already is used and left running.
    """
    graph, inputs = read_graph(example / "graph.json"), read_inputs(example)
    console = Console(stderr=as_json)
    folder = StackHome(home)
    folder.create()
    running = read_running(home)
    started_here = running is None
    try:
        if running is None:
            console.print("Starting Temporal, PostgreSQL, Valkey, a worker and a gateway ...")
            running = start_detached(folder)
        client = Target(running.gateway_url, running.dev_api_key).connect()
        session = RunSession(client, console=console)
        started = session.start(graph, inputs)
        console.print(f"Running {graph.get('name')!r} as execution {started.id}")
        execution = session.follow()
        print_result(console, execution)
        if execution.temporal_url:
            console.print("In the Temporal Web UI (`perdure up` shows it again after the demo):")
            console.print(execution.temporal_url, soft_wrap=True)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        if started_here:
            stop_stack(folder, say=console.print)
            console.print("The stack has stopped; its data is kept.")
    if as_json:
        print_json(execution.model_dump(mode="json", exclude={"node_executions"}))
    if execution.status != "COMPLETED":
        raise typer.Exit(FAILED)


def read_inputs(example: Path) -> dict[str, Any]:
    """The inputs of an example; a text `@file` stands for the JSON in that file beside it.

    Raises:
        InvalidRequestError: a file is missing or no JSON.
    """
    try:
        inputs: dict[str, Any] = json.loads((example / "inputs.json").read_bytes())
        return {
            name: json.loads((example / value[1:]).read_bytes())
            if isinstance(value, str) and value.startswith("@")
            else value
            for name, value in inputs.items()
        }
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"The inputs of example {str(example)!r} cannot be read: {error}") from error
