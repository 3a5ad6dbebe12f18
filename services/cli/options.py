"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="PERDURE_HOME", help="Folder of the local stack.", show_default=True),
]
DEFAULT_HOME = Path(".perdure")

UrlOption = Annotated[
    str | None, typer.Option("--url", help="Gateway to use instead of the local stack (or PERDURE_URL).")
]
ApiKeyOption = Annotated[
    str | None, typer.Option("--api-key", help="API key or token for --url (or PERDURE_API_KEY).", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]

InputsOption = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", help="name=value (JSON or text) or name=@file; repeat for more."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
