"""docs/cli.md lists every command, and every command keeps the common conventions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import services
from services.cli import exit_codes
from services.cli.main import app
from services.cli.reference import render

ROOT = Path(services.__file__).parent.parent
OF_THE_GATEWAY = ("run", "graphs", "executions", "presets", "blocks", "keys")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(commands(typer.main.get_command(app)))


def test_the_committed_file_is_the_generated_one() -> None:
    committed = (ROOT / "docs/cli.md").read_text()
    assert committed == render(), "run: python -m services.cli.reference > docs/cli.md"


def test_the_file_lists_every_command() -> None:
    headings = {line.removeprefix("### perdure ") for line in render().splitlines() if line.startswith("### ")}
    assert headings == {name for name, command in ALL.items() if not command.hidden}
    assert {"graphs diff", "executions tail", "blocks run", "keys revoke"} <= headings


def test_the_file_and_the_help_explain_every_exit_code() -> None:
    codes = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert codes == set(exit_codes.MEANINGS) == {0, 1, 2, 3, 130}
    assert app.info.epilog == exit_codes.EXPLAINED
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"| {code} | {meaning} |" in render()
        assert f"{code} {meaning}" in exit_codes.EXPLAINED


@pytest.mark.parametrize("name", ALL)
def test_commands_and_options_say_what_they_are(name: str) -> None:
    command = ALL[name]
    assert command.help
    assert [parameter.name for parameter in command.params if not parameter.help and parameter.name != "help"] == []


@pytest.mark.parametrize("name", [name for name in ALL if name.split()[0] in OF_THE_GATEWAY])
def test_commands_of_the_gateway_take_the_common_options(name: str) -> None:
    options = {spelling for parameter in ALL[name].params for spelling in parameter.opts}
    assert {"--home", "--url", "--api-key", "--json"} <= options
    if name.split()[-1] in ("delete", "revoke"):
        assert "--yes" in options
