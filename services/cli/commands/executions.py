"""`perdure executions`: look at runs, follow them, end them."""

from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from perdure_client import PerdureClient
from perdure_client.models import GraphExecutionMeta
from services.cli.gateway_command import with_gateway
from services.cli.options import JsonOption, YesOption
from services.cli.output import COLOURS, PlainTable, confirm, print_json, print_outcome, short_time
from services.cli.run_view import print_result
from services.cli.tail import tail_execution

app = typer.Typer(help="Look at runs, follow them, end them.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="Id of the execution.", show_default=False)]


@app.command("list")
@with_gateway
def list_executions(
    client: PerdureClient,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=250, help="How many, newest first.")] = 20,
    graph_id: Annotated[str | None, typer.Option("--graph", help="Only runs of this graph; 100 at most.")] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "--query", "-q", help="Only runs that this finds, such as 'status = FAILED created > -24h'.", metavar="TEXT"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List your runs, newest first.

    What a query can ask for is in docs/execution-queries.md.
    """
    if graph_id is None:
        found = client.executions.list(query=query, page_size=limit)
    else:
        found = client.executions.list_of_graph(graph_id, query=query, page_size=min(limit, 100))
    if as_json:
        print_json(found.items)
        return
    names = _graph_names(client) if found.items else {}
    table = PlainTable("id", "graph", "status", "failed", "started", cut=("graph",))
    for execution in found:
        table.add(*_row(execution, names))
    table.print(empty="No runs yet." if query is None else "No run matches the query.")


@app.command()
@with_gateway
def show(client: PerdureClient, execution_id: IdArgument, as_json: JsonOption = False) -> None:
    """Show a run: status, outputs, what failed."""
    execution = client.executions.get(execution_id, node_limit=5_000 if as_json else 1)
    if as_json:
        print_json(execution)
    else:
        print_result(Console(), execution)


@app.command()
@with_gateway
def tail(
    client: PerdureClient,
    execution_id: IdArgument,
    new: Annotated[bool, typer.Option("--new", help="Leave out what has happened before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, and nothing else.")] = False,
) -> None:
    """Follow a run to its end: one line per event, from its start on.

    Exit code: 0 completed, 1 failed or terminated, 130 interrupted (the run goes on).
    """
    code = tail_execution(client, execution_id, new=new, as_json=as_json)
    raise typer.Exit(code)


@app.command()
@with_gateway
def stop(client: PerdureClient, execution_id: IdArgument, as_json: JsonOption = False) -> None:
    """End a run; blocks that run may finish within 30 seconds."""
    _end(client, execution_id, how="stop", as_json=as_json)


@app.command()
@with_gateway
def cancel(client: PerdureClient, execution_id: IdArgument, as_json: JsonOption = False) -> None:
    """End a run at once; blocks that run are cancelled."""
    _end(client, execution_id, how="cancel", as_json=as_json)


@app.command()
@with_gateway
def delete(
    client: PerdureClient, execution_id: IdArgument, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Delete a run; one that goes on is stopped first."""
    execution = client.executions.get(execution_id, node_limit=1)
    confirm(f"Delete run {execution.id} ({execution.status})?", yes=yes)
    client.executions.delete(execution.id)
    print_outcome({"deleted": execution.id}, "The run is deleted.", as_json=as_json)


def _graph_names(client: PerdureClient) -> dict[str, str]:
    return {graph.id: graph.name for graph in client.graphs.list()}


def _row(execution: GraphExecutionMeta, names: dict[str, str]) -> tuple[str | Text, ...]:
    stats, status = execution.stats, execution.status.value
    return (
        execution.id,
        names.get(execution.graph_id) or execution.graph_id,
        Text(status, style=COLOURS.get(status, "")),
        str(stats.node_error_count) if stats and stats.node_error_count else "",
        short_time(execution.started_at or execution.created_at),
    )


def _end(client: PerdureClient, execution_id: str, *, how: Literal["stop", "cancel"], as_json: bool) -> None:
    execution = client.executions.get(execution_id, node_limit=1)
    end = client.executions.stop if how == "stop" else client.executions.cancel
    after = end(execution.graph_id, execution.id)
    if as_json:
        print_json(after)
    elif after is None:
        typer.echo(f"Nothing to {how}: the run has ended as {execution.status}.")
    else:
        typer.echo(f"The run is {after.status}.")
