"""Passwords on their way in: never as arguments, which everybody on the machine can list."""

import typer

from models.errors import InvalidRequestError


def first_line_of_stdin() -> str:
    """Raises InvalidRequestError if there is none."""
    return first_lines_of_stdin("password")[0]


def first_lines_of_stdin(*names: str) -> list[str]:
    """As many lines as there are names of what they hold. Raises InvalidRequestError if one is missing."""
    stdin = typer.get_text_stream("stdin")
    lines = [stdin.readline().rstrip("\r\n") for _ in names]
    for name, line in zip(names, lines, strict=True):
        if not line:
            raise InvalidRequestError(f"There is no {name} on stdin.")
    return lines


def ask_password(*, twice: bool = False) -> str:
    """Asks on the terminal, without showing what is typed."""
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True))
