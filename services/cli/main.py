"""The `perdure` command. A module under `commands/` adds its commands with one line here."""

import os
import sys

import typer

from infra.embedded.server import StackError
from models.errors import AppError
from perdure_client import PerdureError
from services.cli import exit_codes
from services.cli.commands import (
    audit,
    auth,
    blocks,
    demo,
    doctor,
    events,
    execution_controls,
    executions,
    graphs,
    keys,
    logs,
    new_block,
    presets,
    processes,
    reviews,
    run,
    settings,
    stack,
    users,
)
from services.cli.connection import NothingRunsError, explain

app = typer.Typer(
    name="perdure",
    help="Durable agent graphs on Temporal.",
    epilog=exit_codes.EXPLAINED,
    no_args_is_help=True,
    add_completion=True,
    # Its tracebacks print local variables, among them secrets.
    pretty_exceptions_enable=False,
)
app.add_typer(run.app)
app.add_typer(demo.app)
app.add_typer(graphs.app, name="graphs")
executions.app.add_typer(execution_controls.app)
app.add_typer(executions.app, name="executions")
app.add_typer(reviews.app, name="reviews")
app.add_typer(events.app, name="events")
app.add_typer(presets.app, name="presets")
app.add_typer(blocks.app, name="blocks")
app.add_typer(new_block.app)
app.add_typer(keys.app, name="keys")
app.add_typer(auth.app, name="auth")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
app.add_typer(stack.app)
app.add_typer(logs.app)
app.add_typer(processes.app)
app.add_typer(settings.app)
app.add_typer(doctor.app)


def main() -> None:
    """Runs the command line and ends the process.

    The interpreter is not finalised, which crashes now and then once Temporal's native threads have run.
    """
    code = exit_codes.OK
    try:
        app()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except NothingRunsError as error:
        code = _report(str(error), exit_codes.NOTHING_RUNS)
    except (StackError, AppError) as error:
        code = _report(str(error), exit_codes.FAILED)
    except PerdureError as error:
        code = _report(explain(error), exit_codes.FAILED)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough, for example `head`.
        code = code or exit_codes.FAILED
    os._exit(code)


def _report(message: str, code: int) -> int:
    typer.secho(f"error: {message}", fg="red", err=True)
    return code


if __name__ == "__main__":
    main()
