"""`perdure audit`: who did what."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from models.errors import InvalidRequestError
from perdure_client import PerdureClient
from services.cli.gateway_command import with_gateway
from services.cli.options import JsonOption
from services.cli.output import PlainTable, print_json, short_time

app = typer.Typer(help="Read who did what.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Read who did what."""


@app.command("list")
@with_gateway
def list_entries(
    client: PerdureClient,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many, the newest first.")] = 20,
    action: Annotated[str | None, typer.Option("--action", help="Only this one, for example api_key.revoked.")] = None,
    object: Annotated[str | None, typer.Option("--object", help="Only this kind of object, or KIND:ID.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Not before, for example 2026-07-21T14:00.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before.")] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="What was done by everybody; needs the token of an administrator.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what was done to what is yours, newest first."""
    from_, to = _instant("--since", since), _instant("--until", until)
    read = client.audit.list_all if everybody else client.audit.list
    found = read(action=action, object=object, since=from_, until=to, page_size=limit)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("at", "action", "object", "by", "from", cut=("object", "by"))
    for entry in found:
        named = f"{entry.object_kind} {entry.object_id or ''}".strip()
        actor = f"{entry.actor_id or 'somebody unknown'} ({entry.actor_kind.value})"
        table.add(short_time(entry.at), entry.action, named, actor, entry.address or "")
    table.print(empty="Nothing was done yet.")
    if found.total > len(found):
        typer.echo(f"... and {found.total - len(found)} more")


def _instant(option: str, text: str | None) -> datetime | None:
    """Without a time zone it is local time. Raises InvalidRequestError."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise InvalidRequestError(
            f"{option} {text!r} is no time: write it as 2026-07-21 or 2026-07-21T14:00."
        ) from error
