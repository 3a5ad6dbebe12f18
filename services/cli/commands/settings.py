"""`perdure settings` and `perdure keygen`."""

import typer

from infra.embedded.stack_secrets import new_encryption_keys
from infra.env_example import render_env_example

app = typer.Typer()


@app.command()
def settings() -> None:
    """Print every setting with its meaning and default, as the content of .env.example."""
    typer.echo(render_env_example(), nl=False)


@app.command()
def keygen() -> None:
    """Print a new value for ENCRYPTION_KEYS."""
    typer.echo(new_encryption_keys())
