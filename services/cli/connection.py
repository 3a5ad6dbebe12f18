"""Which gateway the commands talk to, as whom, and its refusals in words."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded.stack import read_running
from models.errors import ConfigurationError, InvalidRequestError
from perdure_client import ApiError, PerdureClient, PerdureError
from services.cli.login_store import read_logins

URL_VARIABLE = "PERDURE_URL"
KEY_VARIABLE = "PERDURE_API_KEY"


class NothingRunsError(ConfigurationError):
    """No gateway is named, and none runs here."""

    code = "nothing_runs"


@dataclass(frozen=True)
class Target:
    """Which gateway, and the API key or token to use there."""

    url: str
    key: str = field(repr=False)

    @classmethod
    def resolve(cls, home: Path, *, url: str | None, key: str | None) -> "Target":
        """What the options or the environment name, else the stack that runs in `home`, else the latest login.

        Without a key, that of the login at the address counts, then that of the stack.

        Raises:
            NothingRunsError: nothing is named, runs or is logged in to.
            ConfigurationError: the kept logins cannot be read.
        """
        url = url or os.environ.get(URL_VARIABLE)
        key = key or os.environ.get(KEY_VARIABLE)
        if url and key:
            return cls(url.rstrip("/"), key)
        if url:
            kept = read_logins().by_url.get(url.rstrip("/"))
            if kept is not None:
                return cls(url.rstrip("/"), kept.key)
        running = read_running(home)
        if running is not None:
            return cls((url or running.gateway_url).rstrip("/"), key or running.dev_api_key)
        logins = read_logins()
        if url is None and logins.latest is not None:
            return cls(logins.latest, key or logins.by_url[logins.latest].key)
        raise NothingRunsError(
            f"No stack runs in {str(home)!r}. Start one with `perdure up --detach`, log in with `perdure auth login "
            f"--url`, or name a gateway with --url and --api-key (or {URL_VARIABLE} and {KEY_VARIABLE})."
        )

    def connect(self) -> PerdureClient:
        """Raises InvalidRequestError if the address or the key cannot be used."""
        try:
            return PerdureClient(self.url, self.key)
        except ValueError as error:
            raise InvalidRequestError(str(error)) from error


def gateway_url(home: Path, url: str | None, *, prefer_login: bool = False) -> str:
    """The address that the option or the environment names, else that of the stack that runs in `home`.

    Args:
        prefer_login: the address of the latest login comes before that of the stack.

    Raises:
        NothingRunsError
    """
    named = url or os.environ.get(URL_VARIABLE) or (read_logins().latest if prefer_login else None)
    if named:
        return named.rstrip("/")
    running = read_running(home)
    if running is None:
        raise NothingRunsError(f"No stack runs in {str(home)!r}: name a gateway with --url (or {URL_VARIABLE}).")
    return running.gateway_url.rstrip("/")


def connect(home: Path, url: str | None, key: str | None) -> PerdureClient:
    """A client for the gateway that the shared options mean.

    Raises:
        NothingRunsError, InvalidRequestError
    """
    return Target.resolve(home, url=url, key=key).connect()


def explain(error: PerdureError) -> str:
    """The reason, with one line per node and field if the gateway names some."""
    if not isinstance(error, ApiError) or not error.node_errors:
        return str(error)
    lines = [
        f"  node {node!r}, {field}: {message}"
        for node, fields in error.node_errors.items()
        for field, message in fields.items()
    ]
    return "\n".join([error.message.split(" (node ")[0] + ":", *lines])
