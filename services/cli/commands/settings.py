"""`perdure settings` and `perdure keygen`."""

from typing import Annotated

import typer

from infra.embedded.stack_secrets import new_encryption_keys
from infra.env_example import render_env_example

app = typer.Typer()


@app.command()
def settings(
    env_example: Annotated[bool, typer.Option("--env-example", help="As the content of a .env file.")] = True,
) -> None:
    """Print every setting with its default and meaning."""
    typer.echo(render_env_example(), nl=False)


@app.command()
def keygen() -> None:
    """Print a new value for ENCRYPTION_KEYS."""
    typer.echo(new_encryption_keys())
