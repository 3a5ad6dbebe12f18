"""`perdure users`: accounts of an installation without an identity provider."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from infra.settings import read_settings
from services.cli.options import DEFAULT_HOME, HomeOption, JsonOption
from services.cli.output import print_json, print_outcome
from services.cli.secret_input import ask_password as ask_for_password
from services.cli.secret_input import first_line_of_stdin
from services.cli.stack_settings import stack_settings

app = typer.Typer(help="Make accounts.", no_args_is_help=True)

MAX_DAYS = 3650


@app.callback()
def users() -> None:
    """Make accounts."""


@app.command()
def create(
    email: Annotated[str, typer.Option("--email", help="Address of the user.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="What people call the user.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="With the rights of an administrator.")] = False,
    days: Annotated[int, typer.Option("--days", min=1, max=MAX_DAYS, help="How long the token is valid.")] = 30,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read a password from the first line of stdin.")
    ] = False,
    ask_password: Annotated[bool, typer.Option("--ask-password", help="Ask for a password.")] = False,
    with_key: Annotated[bool, typer.Option("--with-key", help="Make an API key too.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a user, directly in the database of the stack here or else of DATABASE_URL, and print a token.

    The token is signed with JWT_VERIFY_KEY. Neither it nor the API key is kept or ever shown again. With a password
    the user can log in; the first administrator of an installation is made this way.
    """
    password = _read_password(stdin=password_stdin, ask=ask_password)
    # Imported here because it brings the database driver; the other commands answer at once.
    from infra.user_accounts import create_account

    account = asyncio.run(
        create_account(
            read_settings(stack_settings(home)),
            email=email,
            name=name,
            admin=admin,
            password=password,
            with_api_key=with_key,
            token_lifetime=timedelta(days=days),
            now=datetime.now(UTC),
        )
    )
    user = account.user
    shown = {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "token": account.token,
        "token_expires_at": account.token_expires_at.isoformat(),
        "api_key": account.api_key,
    }
    if as_json:
        print_json(shown)
        return
    for label, value in shown.items():
        if value is not None:
            typer.echo(f"{label.replace('_', ' ') + ':':<18}{value}")


@app.command("set-password")
def set_password(
    email: Annotated[str, typer.Argument(help="Address of the user.", show_default=False)],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give an account another password, directly in the database, and log it out everywhere."""
    from infra.user_accounts import set_account_password

    password = _read_password(stdin=password_stdin, ask=not password_stdin) or ""
    settings = read_settings(stack_settings(home))
    user = asyncio.run(set_account_password(settings, email=email, password=password, now=datetime.now(UTC)))
    print_outcome(
        {"id": user.id, "email": user.email},
        f"{user.email} ({user.id}) has another password and is logged out.",
        as_json=as_json,
    )


def _read_password(*, stdin: bool, ask: bool) -> str | None:
    if stdin:
        return first_line_of_stdin()
    return ask_for_password(twice=True) if ask else None
