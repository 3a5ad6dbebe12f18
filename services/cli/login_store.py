"""Where `perdure auth login` keeps what it got: one API key per gateway, in a file for us alone."""

import os
from pathlib import Path
from typing import Final

import typer
from pydantic import BaseModel, Field, ValidationError

from infra.embedded.home import write_private
from models.errors import ConfigurationError

_FILE: Final = "logins.json"


class StoredLogin(BaseModel):
    key: str = Field(repr=False)
    key_id: str
    email: str


class StoredLogins(BaseModel):
    """`latest`: the address of the gateway that the last login was at."""

    latest: str | None = None
    by_url: dict[str, StoredLogin] = Field(default_factory=dict[str, StoredLogin])


def logins_file() -> Path:
    """In the folder that PERDURE_CONFIG names, else in that of this person's settings."""
    return Path(os.environ.get("PERDURE_CONFIG") or typer.get_app_dir("perdure")) / _FILE


def read_logins() -> StoredLogins:
    """None if there is no file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    path = logins_file()
    try:
        return StoredLogins.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return StoredLogins()
    except (ValidationError, OSError) as error:
        raise ConfigurationError(f"The file {path} cannot be read. Delete it and log in again.") from error


def keep_login(url: str, login: StoredLogin) -> None:
    known = read_logins()
    _write(StoredLogins(latest=url, by_url={**known.by_url, url: login}))


def forget_login(url: str) -> None:
    known = read_logins()
    left = {name: login for name, login in known.by_url.items() if name != url}
    _write(StoredLogins(latest=known.latest if known.latest in left else next(iter(left), None), by_url=left))


def _write(logins: StoredLogins) -> None:
    path = logins_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, logins.model_dump_json(indent=1))
