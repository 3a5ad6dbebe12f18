"""`perdure new-block`: the first lines of a block."""

from pathlib import Path
from typing import Annotated

import typer

from activities.blocks.registry import BlockRegistry
from models.errors import ConflictError
from services.cli.block_skeleton import BlockName, files_in_checkout, files_of_package, find_checkout, write_new
from services.cli.options import JsonOption
from services.cli.output import print_json

app = typer.Typer()

_NEXT_IN_CHECKOUT = """\
Next:
  1. Write what the block does: pins, run, examples, categories and effect (CONTRIBUTING.md, "Add a block").
  2. .venv/bin/python -m pytest {test}
  3. Say its pins in tests/architecture/test_blocks.py, and run make docs check."""
_NEXT_IN_PACKAGE = """\
Next:
  1. Write what the block does: pins, run, examples, categories and effect.
  2. cd {folder}, then in Perdure's environment: pip install --editable . && python -m pytest
  3. Restart gateway and workers. `perdure doctor` says whether they can use it, `perdure blocks show {alias}`
     what they see."""


@app.command()
def new_block(
    name: Annotated[str, typer.Argument(help="Name of the block, like WeatherReport.", show_default=False)],
    family: Annotated[
        str | None, typer.Option("--family", help="New file (module) for it; by default named after the block.")
    ] = None,
    package: Annotated[
        bool, typer.Option("--package", help="Write a package of its own, as is done outside Perdure's sources.")
    ] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where to write.", show_default=True)] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a new block with a test: into Perdure's sources if they are here, else as a package to install.

    What is written works as it is. Nothing is overwritten.
    """
    parsed = BlockName.parse(name)
    other = BlockRegistry.discover().find(parsed.alias)
    if other is not None:
        raise ConflictError(f"There is a block {other.name()!r} already ({other.__module__}). Choose another name.")
    checkout = None if package else find_checkout(folder.resolve())
    if checkout is not None:
        files = files_in_checkout(parsed, family=family)
        write_new(checkout, files)
        _print(checkout, list(files), _NEXT_IN_CHECKOUT.format(test=list(files)[-1]), as_json=as_json)
    else:
        files = files_of_package(parsed, family=family)
        write_new(folder, files)
        written = list(files)
        target = folder / written[0].parts[0]
        _print(folder, written, _NEXT_IN_PACKAGE.format(folder=target, alias=parsed.alias), as_json=as_json)


def _print(root: Path, written: list[Path], following: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"files": [str(root / path) for path in written]})
        return
    typer.echo("\n".join(f"wrote {root / path}" for path in written))
    typer.echo(following)
