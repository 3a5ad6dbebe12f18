"""`perdure events`: events from outside that runs wait for."""

from typing import Annotated

import typer

from perdure_client import PerdureClient
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import parse_inputs
from services.cli.options import JsonOption
from services.cli.output import PlainTable, print_json, print_outcome, short_time

app = typer.Typer(help="See what runs wait for, and send it.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(help="Id of the execution.", show_default=False)]


@app.command("list")
@with_gateway
def list_events(client: PerdureClient, execution_id: RunArgument, as_json: JsonOption = False) -> None:
    """List the events a run waits for, the longest wait first."""
    found = client.events.awaited(execution_id)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("event", "node execution", "since", "expires", cut=("event",))
    for event in found:
        since, expires = short_time(event.created_at), short_time(event.expires_at)
        table.add(event.name, event.node_exec_id, since, expires)
    table.print(empty="The run waits for no event.")


@app.command()
@with_gateway
def send(
    client: PerdureClient,
    execution_id: RunArgument,
    name: Annotated[str, typer.Argument(help="Name of the event.", show_default=False)],
    data: Annotated[str, typer.Option("--data", help="Payload: JSON or text, or @file.")] = "null",
    waiting: Annotated[
        str | None, typer.Option("--waiting", help="Node execution that gets it, if several wait.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send an event to a run; the longest wait for it gets it."""
    payload = parse_inputs([f"data={data}"])["data"]
    done = client.events.send(execution_id, name, payload, node_exec_id=waiting)
    print_outcome(done, f"Node execution {done.node_exec_id} has got the event.", as_json=as_json)
