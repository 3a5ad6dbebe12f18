"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="PERDURE_HOME", help="Folder of the local stack.", show_default=True),
]
DEFAULT_HOME = Path(".perdure")
