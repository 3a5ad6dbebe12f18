"""Passwords on their way in: never as arguments, which everybody on the machine can list."""

import typer

from models.errors import InvalidRequestError


def first_line_of_stdin() -> str:
    """Raises InvalidRequestError if there is none."""
    line = typer.get_text_stream("stdin").readline().rstrip("\r\n")
    if not line:
        raise InvalidRequestError("There is no password on stdin.")
    return line


def ask_password(*, twice: bool = False) -> str:
    """Asks on the terminal, without showing what is typed."""
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True))
