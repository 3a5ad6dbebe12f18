"""`perdure auth`: who the other commands are at a gateway elsewhere."""

import socket
from typing import Annotated

import typer

from models.errors import InvalidRequestError
from perdure_client import PerdureClient, PerdureError
from perdure_client.models import Permission
from services.cli.connection import NothingRunsError, gateway_url
from services.cli.login_store import StoredLogin, forget_login, keep_login, logins_file, read_logins
from services.cli.options import DEFAULT_HOME, HomeOption, JsonOption, UrlOption
from services.cli.output import print_json, print_outcome
from services.cli.secret_input import ask_password, first_line_of_stdin, first_lines_of_stdin

app = typer.Typer(help="Log in to a gateway, and out.", no_args_is_help=True)


@app.command()
def login(
    email: Annotated[str | None, typer.Option("--email", help="Your address; asked for if it is missing.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log in with a password, and let the other commands use the account.

    An API key named after this machine is made and kept, readable by you alone; `perdure auth logout` revokes it.
    """
    address = gateway_url(home, url)
    who = email or str(typer.prompt("E-mail address", err=True))
    password = first_line_of_stdin() if password_stdin else ask_password()
    with _client(address, None) as anonymous:
        tokens = anonymous.account.login(who, password)
    with _client(address, tokens.access_token) as client:
        made = client.api_keys.create(
            f"perdure at {socket.gethostname()}"[:100],
            permissions=list(Permission),
            description="Made by perdure auth login.",
        )
        client.account.logout(tokens.refresh_token)
    keep_login(address, StoredLogin(key=made.plain_text_key, key_id=made.api_key.id, email=tokens.user.email))
    _tell(
        f"Logged in to {address} as {tokens.user.email}. The key is kept in {logins_file()}.",
        {"url": address, "email": tokens.user.email},
        as_json=as_json,
    )


@app.command()
def setup(
    email: Annotated[str | None, typer.Option("--email", help="Your address; asked for if it is missing.")] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the setup code and the password from two lines of stdin.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the first administrator of an installation, with the setup code that its gateway has logged."""
    address = gateway_url(home, url)
    who = email or str(typer.prompt("E-mail address", err=True))
    if stdin:
        code, password = first_lines_of_stdin("setup code", "password")
    else:
        code = str(typer.prompt("Setup code", hide_input=True, err=True))
        password = ask_password(twice=True)
    with _client(address, None) as anonymous:
        tokens = anonymous.account.set_up(code, who, password)
        anonymous.account.logout(tokens.refresh_token)
    _tell(
        f"{tokens.user.email} is administrator of {address}. Log in with `perdure auth login`.",
        {"url": address, "email": tokens.user.email},
        as_json=as_json,
    )


@app.command()
def logout(home: HomeOption = DEFAULT_HOME, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Revoke the key of the login and forget it."""
    address = gateway_url(home, url, prefer_login=True)
    kept = read_logins().by_url.get(address)
    if kept is None:
        raise NothingRunsError(f"You are not logged in to {address}.")
    try:
        with _client(address, kept.key) as client:
            client.api_keys.revoke(kept.key_id)
    except PerdureError as error:
        typer.secho(f"The key could not be revoked ({error}); it is forgotten here.", fg="yellow", err=True)
    forget_login(address)
    _tell(f"Logged out of {address}.", {"url": address}, as_json=as_json)


@app.command()
def status(as_json: JsonOption = False) -> None:
    """List the gateways you are logged in to; the first is used where nothing else is named."""
    known = read_logins()
    order = sorted(known.by_url, key=lambda address: (address != known.latest, address))
    shown = [{"url": address, "email": known.by_url[address].email} for address in order]
    if as_json:
        print_json(shown)
        return
    for entry in shown:
        typer.echo(f"{entry['url']} as {entry['email']}")
    if not shown:
        typer.echo("You are not logged in anywhere.")


def _tell(text: str, data: dict[str, str], *, as_json: bool) -> None:
    print_outcome(data, text, as_json=as_json)


def _client(address: str, key: str | None) -> PerdureClient:
    try:
        return PerdureClient(address, key)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from error
