"""`perdure reviews`: what waits for a person's decision."""

from typing import Annotated, Any

import typer
from rich.text import Text

from models.errors import NotFoundError
from perdure_client import PerdureClient
from perdure_client.models import Review
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import parse_inputs
from services.cli.options import JsonOption
from services.cli.output import COLOURS, PlainTable, json_text, print_json, print_outcome, short_time

app = typer.Typer(help="See and decide what waits for a person.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="Id of the review, which is its node execution's.", show_default=False)]
RunOption = Annotated[str | None, typer.Option("--run", help="Only reviews of this execution, decided ones too.")]
MessageOption = Annotated[str, typer.Option("--message", "-m", help="For whoever reads the outcome.")]
DataOption = Annotated[
    str | None, typer.Option("--data", help="The data as you have changed it: JSON or text, or @file.")
]

_PAGE = 100


@app.command("list")
@with_gateway
def list_reviews(
    client: PerdureClient,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many, newest first.")] = 20,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits for your decision."""
    if run is None:
        found = client.reviews.pending(page_size=limit)
    else:
        found = client.reviews.of_execution(run, page_size=limit)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("id", "status", "since", "expires", "about", cut=("about",))
    for review in found:
        status = Text(review.status.value, style=COLOURS.get(review.status.value, ""))
        since, expires = short_time(review.created_at), short_time(review.expires_at)
        table.add(review.node_exec_id, status, since, expires, _about(review))
    table.print(empty="Nothing waits for a decision." if run is None else "The run has asked for no review.")


@app.command()
@with_gateway
def show(client: PerdureClient, review_id: IdArgument, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Show what is to be decided; with --run also what was."""
    review = _find(client, review_id, run)
    if as_json:
        print_json(review)
        return
    typer.echo(f"{review.status.value}  run {review.graph_exec_id}  node {review.node_id}")
    for label, text in (("asked", review.instructions), ("answered", review.review_message)):
        if text:
            typer.echo(f"{label}: {text}")
    typer.echo(f"data ({'can be' if review.editable else 'cannot be'} changed):")
    typer.echo(json_text(review.payload))


@app.command()
@with_gateway
def approve(
    client: PerdureClient,
    review_id: IdArgument,
    message: MessageOption = "",
    data: DataOption = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Approve further executions of the same node in this run, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Approve what waits."""
    done = client.reviews.approve(review_id, message=message, data=_value(data), auto_approve_future=auto_approve)
    print_outcome(done, "Approved.", as_json=as_json)


@app.command()
@with_gateway
def reject(
    client: PerdureClient,
    review_id: IdArgument,
    message: MessageOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject what waits."""
    done = client.reviews.reject(review_id, message=message, data=_value(data))
    print_outcome(done, "Rejected.", as_json=as_json)


def _find(client: PerdureClient, review_id: str, run: str | None) -> Review:
    page = 1
    while True:
        if run is None:
            found = client.reviews.pending(page=page, page_size=_PAGE)
        else:
            found = client.reviews.of_execution(run, page=page, page_size=_PAGE)
        # Of several reviews of one node execution, after a retry, the last is meant.
        for review in reversed(found.items):
            if review.node_exec_id == review_id:
                return review
        if page * _PAGE >= found.total or not found.items:
            raise NotFoundError(f"Review {review_id!r} is not waiting. Name its run with --run if it is decided.")
        page += 1


def _about(review: Review) -> str:
    return " ".join((review.instructions or json_text(review.payload)).split())


def _value(data: str | None) -> Any:
    return None if data is None else parse_inputs([f"data={data}"])["data"]
