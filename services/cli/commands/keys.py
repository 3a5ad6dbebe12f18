"""`perdure keys`: your API keys."""

from typing import Annotated

import typer
from rich.text import Text

from perdure_client import PerdureClient
from perdure_client.models import Permission
from services.cli.gateway_command import with_gateway
from services.cli.options import JsonOption, YesOption
from services.cli.output import COLOURS, PlainTable, confirm, print_json, print_outcome, short_time

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command()
@with_gateway
def create(
    client: PerdureClient,
    name: Annotated[str, typer.Argument(help="What the key is for, for people.", show_default=False)],
    permissions: Annotated[
        list[Permission] | None,
        typer.Option(
            "--permission", "-p", help="What it may do; repeat for more. By default graphs and blocks, all of it."
        ),
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="For people.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it, this once."""
    made = client.api_keys.create(name, permissions=permissions or None, description=description)
    if as_json:
        print_json(made)
        return
    typer.echo(made.plain_text_key)
    typer.secho(
        f"Keep it now: it is not shown again. Its id is {made.api_key.id}; `perdure keys revoke` takes it back.",
        fg="yellow",
        err=True,
    )


@app.command("list")
@with_gateway
def list_keys(client: PerdureClient, as_json: JsonOption = False) -> None:
    """List your keys, newest first, revoked ones too."""
    found = client.api_keys.list()
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("id", "name", "ends in", "status", "last used", cut=("name",))
    for key in found:
        status = Text(key.status.value, style=COLOURS.get(key.status.value, ""))
        table.add(key.id, key.name, key.tail[-4:], status, short_time(key.last_used_at) or "never")
    table.print(empty="No API keys yet.")


@app.command()
@with_gateway
def revoke(
    client: PerdureClient,
    key_id: Annotated[str, typer.Argument(help="Id of the key, see `perdure keys list`.", show_default=False)],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a key back for good."""
    key = client.api_keys.get(key_id)
    confirm(f"Revoke {key.name!r} (ends in {key.tail}) for good?", yes=yes)
    key = client.api_keys.revoke(key.id)
    print_outcome(key, f"{key.name!r} is {key.status}.", as_json=as_json)
