"""The settings that commands use which need no gateway: those of the stack here, else of the environment."""

from pathlib import Path

import typer

from infra.embedded.home import StackHome
from infra.embedded.server import StackError
from infra.embedded.stack import Phase, find_live_state


def stack_settings(home: Path) -> dict[str, str]:
    """The environment of the stack in this folder; nothing if there is none, so that our own environment counts.

    Raises:
        StackError: the stack is starting or ending.
    """
    state = find_live_state(StackHome(home))
    if state is None:
        typer.echo(f"No stack runs in {home}: using the settings of the environment.", err=True)
        return {}
    if state.phase != Phase.RUNNING:
        raise StackError(f"The stack in {home} is {state.phase}: try again when it runs.")
    return dict(state.environment)
