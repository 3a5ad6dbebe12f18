"""The `perdure` command. A module under `commands/` adds its commands with one line here."""

import os
import sys

import typer

from infra.embedded.server import StackError
from models.errors import AppError
from services.cli.commands import demo, executions, logs, processes, run, settings, stack

app = typer.Typer(
    name="perdure",
    help="Durable agent graphs on Temporal.",
    no_args_is_help=True,
    # Its tracebacks print local variables, among them secrets.
    pretty_exceptions_enable=False,
)
app.add_typer(run.app)
app.add_typer(demo.app)
app.add_typer(executions.app, name="executions")
app.add_typer(stack.app)
app.add_typer(logs.app)
app.add_typer(processes.app)
app.add_typer(settings.app)


def main() -> None:
    """Runs the command line and ends the process.

    The interpreter is not finalised, which crashes now and then once Temporal's native threads have run.
    """
    code = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except (StackError, AppError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
