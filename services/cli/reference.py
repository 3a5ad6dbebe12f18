"""docs/cli.md, from the commands themselves: `python -m services.cli.reference > docs/cli.md`."""

import inspect
import sys
from collections.abc import Iterator
from typing import Any, Final

import typer.main

from services.cli.exit_codes import MEANINGS
from services.cli.main import app

_INTRODUCTION: Final = """\
# The `perdure` command

<!-- Made by `python -m services.cli.reference > docs/cli.md`; a test compares them. -->

Commands that talk to a gateway use the stack that runs in `--home` (`.perdure` here, or `PERDURE_HOME`). `--url` and
`--api-key`, or `PERDURE_URL` and `PERDURE_API_KEY`, name another one.

With `--json` a command prints JSON alone on stdout, as the API gives it; questions, warnings and errors go to stderr.
Tables are for people: they fit 80 columns and cut what does not.

## Exit codes

| code | |
|---|---|
{codes}

## Completion in the shell

`perdure --install-completion` adds it to the start-up file of the shell it is called from (bash, zsh, fish,
PowerShell); `perdure --show-completion` prints it instead. It works from the next shell on.
"""
_SHARED: Final = ("home", "url", "api_key", "as_json", "help")


def render() -> str:
    """The whole file."""
    root: Any = typer.main.get_command(app)
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())
    return (
        "\n".join([_INTRODUCTION.format(codes=codes), "## Commands\n", *_commands(root, ("perdure",))]).rstrip() + "\n"
    )


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[str]:
    for name, command in group.commands.items():
        here = (*path, name)
        if hasattr(command, "commands"):
            yield from _commands(command, here)
        elif not command.hidden:
            yield from _command(command, here)


def _command(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    yield f"### {' '.join(path)}\n"
    parameters = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [parameter for parameter in parameters if parameter.param_type_name == "argument"]
    options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
    usage = " ".join([*path, *(_placeholder(argument) for argument in arguments), "[options]" if options else ""])
    yield f"    {usage.strip()}\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    rows = [(_placeholder(argument), argument.help) for argument in arguments]
    rows += [(_spelling(option), option.help) for option in options if option.name not in _SHARED]
    if rows:
        yield "| | |\n|---|---|"
        yield from (f"| `{left}` | {right or ''} |" for left, right in rows)
        yield ""
    shared = [f"`{option.opts[0]}`" for option in options if option.name in _SHARED and option.name != "help"]
    if shared:
        yield f"Also {', '.join(shared)}.\n"


def _placeholder(argument: Any) -> str:
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def _spelling(option: Any) -> str:
    return ", ".join([*option.opts, *option.secondary_opts])


if __name__ == "__main__":
    sys.stdout.write(render())
