"""`perdure up`, `down`, `status` and `logs`: the local stack of a folder."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.embedded.home import StackHome, StackLock
from infra.embedded.server import StackError
from infra.embedded.stack import Phase, RunningStack, find_live_state
from services.cli.options import DEFAULT_HOME, HomeOption, JsonOption
from services.cli.output import print_json
from services.cli.stack_control import POLL_SECONDS, start_detached, stop_stack

app = typer.Typer()

NOT_RUNNING = 3
_ADMINISTRATOR = "Administrator:     perdure users create --email you@example.com --admin --ask-password"
_START_SECONDS = 180.0


@app.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is healthy.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the gateway; 8000 or a free one by default.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Keep the output of the processes in files.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what `status --json` prints once all is healthy.")
    ] = False,
) -> None:
    """Start Temporal, Postgres, Redis, a worker and a gateway here."""

    def tell(running: RunningStack) -> None:
        if as_json:
            print_json(running)
        else:
            typer.echo(f"{_summary(running)}\n{_ADMINISTRATOR}")
            if not detach:
                typer.echo("Ctrl-C stops it.")

    folder = StackHome(home)
    folder.create()
    with StackLock(folder) as lock:
        running = _acquire_or_find(folder, lock)
        if running is not None:
            typer.echo(f"The stack in {folder.folder} is running already.", err=as_json)
        elif detach:
            lock.release()
            running = start_detached(folder, port=port)
        if running is not None:
            tell(running)
            return
        # Imported here because it brings the drivers of all servers; the other commands answer at once.
        from services.cli.foreground import supervise

        supervise(folder, port=port, quiet=quiet or as_json, on_ready=tell)


@app.command()
def down(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Stop the stack of this folder and wait until it has ended."""
    folder = StackHome(home)
    stopped = stop_stack(folder, say=lambda text: typer.echo(text, err=as_json))
    if as_json:
        print_json({"stopped": stopped})
    elif stopped:
        typer.echo(f"The stack in {folder.folder} has stopped.")
    else:
        typer.echo(f"No stack runs in {folder.folder}.")


@app.command()
def status(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the developer's secrets.")] = False,
) -> None:
    """Show what runs in this folder; exit code 3 if nothing does."""
    folder = StackHome(home)
    state = find_live_state(folder)
    if state is None or state.stack is None or state.phase != Phase.RUNNING:
        what = f"The stack in {folder.folder} is {state.phase}." if state else f"No stack runs in {folder.folder}."
        message = what if state else f"{what} Start one with `perdure up`."
        typer.echo(json.dumps({"error": message}) if as_json else message, err=not as_json)
        raise typer.Exit(NOT_RUNNING)
    if as_json:
        typer.echo(state.stack.model_dump_json(indent=2))
    else:
        Console().print(_table(state.stack))
        typer.echo(_summary(state.stack))


def _acquire_or_find(folder: StackHome, lock: StackLock) -> RunningStack | None:
    """Takes the lock, or waits until the stack that has it runs; one that is ending is waited for."""
    deadline = time.monotonic() + _START_SECONDS
    while not lock.acquire():
        state = find_live_state(folder)
        if state and state.phase == Phase.RUNNING and state.stack:
            return state.stack
        if time.monotonic() > deadline:
            raise StackError(f"The stack in {folder.folder} is neither running nor ending: try `perdure down`.")
        time.sleep(POLL_SECONDS)
    return None


def _summary(running: RunningStack) -> str:
    lines = {
        "Console": running.console_url,
        "API docs": running.docs_url,
        "Temporal Web UI": running.temporal_ui_url or "(not known: set TEMPORAL_UI_URL)",
        "Developer token": running.dev_token,
        "Developer API key": running.dev_api_key,
    }
    return "\n".join(f"{name + ':':<19}{value}" for name, value in lines.items())


def _table(running: RunningStack) -> Table:
    addresses = {
        "gateway": running.gateway_url,
        "worker": "",
        "temporal": running.temporal_address,
        "postgres": running.database_url.rpartition("@")[2],
        "redis": running.redis_url.rpartition("@")[2],
    }
    table = Table("process", "pid", "address")
    for name, address in addresses.items():
        pid = getattr(running.processes, name)
        table.add_row(name, str(pid) if pid else "external or restarting", address)
    return table
