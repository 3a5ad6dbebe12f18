"""`perdure executions`: look at runs and end them."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from services.cli.gateway import Gateway, Target
from services.cli.options import DEFAULT_HOME, ApiKeyOption, HomeOption, JsonOption, UrlOption
from services.cli.run_view import executions_table, print_result

app = typer.Typer(help="Look at runs and end them.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="Id of the execution.", show_default=False)]


@app.command("list")
def list_executions(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=250, help="How many, newest first.")] = 20,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List your runs."""
    executions = Gateway(Target.resolve(home, url=url, key=api_key)).list_executions(page_size=limit)
    if as_json:
        _print_json(executions)
    else:
        Console().print(executions_table(executions) if executions else "No runs yet.")


@app.command()
def show(
    execution_id: IdArgument,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run: status, outputs, what failed."""
    gateway = Gateway(Target.resolve(home, url=url, key=api_key))
    execution = gateway.get_execution(execution_id, node_limit=5_000 if as_json else 1)
    if as_json:
        _print_json(execution)
    else:
        print_result(Console(), execution)


@app.command()
def stop(
    execution_id: IdArgument,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a run; blocks that run may finish within 30 seconds."""
    _end(Gateway(Target.resolve(home, url=url, key=api_key)), execution_id, how="stop", as_json=as_json)


@app.command()
def cancel(
    execution_id: IdArgument,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a run at once; blocks that run are cancelled."""
    _end(Gateway(Target.resolve(home, url=url, key=api_key)), execution_id, how="cancel", as_json=as_json)


def _end(gateway: Gateway, execution_id: str, *, how: str, as_json: bool) -> None:
    execution = gateway.get_execution(execution_id)
    after = gateway.end(execution, how=how)
    if as_json:
        _print_json(after)
    elif after is None:
        typer.echo(f"Nothing to {how}: the run has ended as {execution['status']}.")
    else:
        typer.echo(f"The run is {after['status']}.")


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
