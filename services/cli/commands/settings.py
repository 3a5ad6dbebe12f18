"""`perdure settings` and `perdure keygen`."""

import typer

from infra.crypto import new_key
from infra.env_example import list_settings, render_env_example
from services.cli.options import JsonOption
from services.cli.output import print_json, print_outcome

app = typer.Typer()


@app.command()
def settings(as_json: JsonOption = False) -> None:
    """Print every setting with its meaning and default, as the content of .env.example."""
    if as_json:
        print_json(list_settings())
    else:
        typer.echo(render_env_example(), nl=False)


@app.command()
def keygen(as_json: JsonOption = False) -> None:
    """Print a new value for ENCRYPTION_KEYS."""
    keys = new_key()
    print_outcome({"encryption_keys": keys}, keys, as_json=as_json)
