"""`perdure worker`, `perdure gateway`, `perdure migrate`: single processes, with the settings of the stack here."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from infra.embedded.own_processes import GATEWAY_MODULE, WORKER_MODULE, module_command
from infra.embedded.ports import LOOPBACK, free_port
from infra.settings import PostgresSettings, TemporalSettings, read_group
from services.cli.options import DEFAULT_HOME, HomeOption, JsonOption
from services.cli.output import print_json
from services.cli.stack_settings import stack_settings

app = typer.Typer()


@app.command()
def worker(home: HomeOption = DEFAULT_HOME) -> None:
    """Start one more worker, in the foreground."""
    _become(WORKER_MODULE, stack_settings(home))


@app.command()
def gateway(
    home: HomeOption = DEFAULT_HOME,
    port: Annotated[int | None, typer.Option(help="Port to listen on; with a stack here, any free one.")] = None,
) -> None:
    """Start one more gateway, in the foreground."""
    settings = stack_settings(home)
    if settings and port is None:
        port = free_port()
    if port is not None:
        settings["GATEWAY_PORT"] = str(port)
        typer.echo(f"gateway: http://{LOOPBACK}:{port}", err=True)
    _become(GATEWAY_MODULE, settings)


@app.command()
def migrate(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Bring the database and the Temporal namespace to what this release needs."""
    # Imported here because they bring drivers and Temporal; the other commands answer at once.
    from infra.migrate import upgrade_database
    from infra.temporal.namespace import prepare_namespace

    stack = stack_settings(home)
    database_url = read_group(PostgresSettings, stack).database_url.get_secret_value()
    temporal = read_group(TemporalSettings, stack)

    async def bring_both() -> None:
        await upgrade_database(database_url)
        typer.echo("The database schema is up to date.", err=as_json)
        await prepare_namespace(temporal)
        typer.echo(f"The Temporal namespace {temporal.temporal_namespace!r} is up to date.", err=as_json)

    asyncio.run(bring_both())
    if as_json:
        print_json({"database": "up to date", "temporal_namespace": temporal.temporal_namespace})


def _become(module: str, settings: dict[str, str]) -> None:
    """Replaces this process, so that signals and exit code are those of the module."""
    command = module_command(module, settings)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command.argv[0], command.argv, dict(command.env))  # noqa: S606 - arguments are our own
