"""Commands that talk to a gateway declare nothing of how to find it: the options for that are added here."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate

from perdure_client import PerdureClient
from services.cli.connection import connect
from services.cli.options import DEFAULT_HOME, ApiKeyOption, HomeOption, UrlOption

_JSON = "as_json"


def _shared(home: HomeOption = DEFAULT_HOME, url: UrlOption = None, api_key: ApiKeyOption = None) -> None: ...


def with_gateway(command: Callable[Concatenate[PerdureClient, ...], None]) -> Callable[..., None]:
    """A command that gets a client as its first argument, and has `--home`, `--url` and `--api-key` before `--json`.

    The client is closed when the command ends. Raises what `connect` raises.
    """
    shared = inspect.signature(_shared).parameters
    own = list(inspect.signature(command).parameters.values())[1:]
    place = next((index for index, parameter in enumerate(own) if parameter.name == _JSON), len(own))
    parameters = [*own[:place], *shared.values(), *own[place:]]

    @functools.wraps(command)
    def connected(*, home: Path, url: str | None, api_key: str | None, **given: Any) -> None:
        with connect(home, url, api_key) as client:
            command(client, **given)

    connected.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    connected.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return connected
