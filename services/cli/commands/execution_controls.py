"""`perdure executions pause`, `retry` and their like: what can be done to a run that goes on."""

import re
from datetime import datetime
from typing import Annotated

import typer

from models.errors import InvalidRequestError
from perdure_client import PerdureClient
from perdure_client.models import GraphExecutionMeta
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import parse_inputs
from services.cli.options import JsonOption
from services.cli.output import PlainTable, print_json, print_outcome, short_time

app = typer.Typer()

RunArgument = Annotated[str, typer.Argument(help="Id of the execution.", show_default=False)]
NodeArgument = Annotated[
    str, typer.Argument(help="Id of the node execution, or of the node whose latest one is meant.", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for whoever looks at the run later.")]

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


@app.command()
@with_gateway
def pause(
    client: PerdureClient, execution_id: RunArgument, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """Start nothing new in a run until it is resumed; blocks that run may finish."""
    _print_run(client.executions.pause(execution_id, reason=reason), as_json=as_json)


@app.command()
@with_gateway
def resume(
    client: PerdureClient, execution_id: RunArgument, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """Let a paused run go on."""
    _print_run(client.executions.resume(execution_id, reason=reason), as_json=as_json)


@app.command()
@with_gateway
def release(
    client: PerdureClient, execution_id: RunArgument, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """End a run that is held because nodes have failed."""
    print_outcome(client.executions.release(execution_id, reason=reason), "The run ends now.", as_json=as_json)


@app.command()
@with_gateway
def retry(
    client: PerdureClient,
    execution_id: RunArgument,
    node: NodeArgument,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run a failed node execution again: it calls, and costs, again."""
    done = client.executions.retry_node(execution_id, _find_node(client, execution_id, node), reason=reason)
    print_outcome(done, "The node runs again.", as_json=as_json)


@app.command()
@with_gateway
def skip(
    client: PerdureClient,
    execution_id: RunArgument,
    node: NodeArgument,
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """End a node execution without outputs."""
    done = client.executions.skip_node(execution_id, _find_node(client, execution_id, node), reason=reason)
    print_outcome(done, "The node is skipped.", as_json=as_json)


@app.command("set-output")
@with_gateway
def set_output(
    client: PerdureClient,
    execution_id: RunArgument,
    node: NodeArgument,
    outputs: Annotated[
        list[str], typer.Option("--output", "-o", help="pin=value (JSON or text) or pin=@file; repeat for more.")
    ],
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """End a node execution with given outputs, in the order they are named."""
    values = [pair for given in outputs for pair in parse_inputs([given]).items()]
    found = _find_node(client, execution_id, node)
    done = client.executions.set_output(execution_id, found, values, reason=reason)
    print_outcome(done, "The outputs are set.", as_json=as_json)


@app.command()
@with_gateway
def extend(
    client: PerdureClient,
    execution_id: RunArgument,
    until: Annotated[
        str | None, typer.Option("--until", help="New end, such as 2030-01-31T18:00 (local time, or with +02:00).")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="How long from now: 90, 15m, 2h or 3d.", metavar="DURATION")
    ] = None,
    waiting: Annotated[
        str | None, typer.Option("--waiting", help="Node execution whose wait is meant, instead of the run.")
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", help="Node whose further attempts get the time, instead of the run.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Move the deadline of a run, of what a node execution waits for, or of a node."""
    seconds = None if duration is None else _seconds(duration)
    end = None if until is None else _instant(until)
    done = client.executions.extend_deadline(
        execution_id, until=end, timeout_seconds=seconds, node_exec_id=waiting, node_id=node
    )
    print_outcome(done, "The deadline is moved.", as_json=as_json)


@app.command()
@with_gateway
def controls(client: PerdureClient, execution_id: RunArgument, as_json: JsonOption = False) -> None:
    """List who did what to a run, oldest first."""
    found = client.executions.controls(execution_id)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("at", "action", "by", "node execution", cut=("by", "node execution"))
    for record in found:
        table.add(short_time(record.at), record.action.value, record.requested_by, record.node_exec_id or "")
    table.print(empty="Nobody has done anything to this run.")


def _find_node(client: PerdureClient, execution_id: str, text: str) -> str:
    """The id of a node execution that is named by it, or by its node."""
    latest: str | None = None
    for node in client.executions.nodes(execution_id):
        if node.node_exec_id == text:
            return text
        if node.node_id == text:
            latest = node.node_exec_id
    return latest or text


def _print_run(run: GraphExecutionMeta, *, as_json: bool) -> None:
    print_outcome(run, f"The run is {run.status}{', paused' if run.paused_at else ''}.", as_json=as_json)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidRequestError(f"{text!r} is no duration. Write seconds, or a number with s, m, h or d.")
    return float(match.group(1)) * _SECONDS[match.group(2)]


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError(f"{text!r} is no time. Write it like 2030-01-31T18:00.") from error
