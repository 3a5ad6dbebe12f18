"""`perdure blocks`: the block library."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from perdure_client import NotFound, PerdureClient
from perdure_client.models import Block
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import parse_inputs
from services.cli.graph_view import print_pins
from services.cli.options import InputsOption, JsonOption
from services.cli.output import PlainTable, print_json
from services.cli.run_view import print_outputs

app = typer.Typer(help="Look at blocks, and run one outside any graph.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="Id, alias or name of the block.", show_default=False)]


@app.command("list")
@with_gateway
def list_blocks(
    client: PerdureClient,
    search: Annotated[str | None, typer.Argument(help="Only those with this word in name or description.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the blocks a graph can be built of."""
    found = [block for block in client.blocks.list() if _matches(block, search)]
    if as_json:
        print_json(found)
        return
    table = PlainTable("name", "categories", "description", cut=("categories", "description"))
    for block in sorted(found, key=lambda block: block.name):
        categories = " ".join(category.category for category in block.categories)
        missing = "(disabled) " if block.disabled else ""
        table.add(block.name, categories, missing + block.description)
    table.print(empty="No such blocks.")


@app.command()
@with_gateway
def show(client: PerdureClient, block: IdArgument, as_json: JsonOption = False) -> None:
    """Show a block: what it does, its inputs and outputs."""
    found = find_block(client, block)
    if as_json:
        print_json(found)
        return
    console = Console()
    console.print(Text(found.name, style="bold"), Text(found.id, style="dim"))
    console.print(Text(found.description))
    if found.disabled:
        console.print(Text(f"Disabled: {found.disabled}", style="yellow"))
    print_pins(console, "inputs", found.inputSchema)
    print_pins(console, "outputs", found.outputSchema)


@app.command()
@with_gateway
def run(client: PerdureClient, block: IdArgument, inputs: InputsOption = None, as_json: JsonOption = False) -> None:
    """Run a block once, outside any graph, and show its outputs."""
    values = parse_inputs(inputs or [])
    outputs = client.blocks.execute(find_block(client, block).id, values)
    if as_json:
        print_json(outputs)
    else:
        print_outputs(Console(), outputs)


def find_block(client: PerdureClient, wanted: str) -> Block:
    """By id or alias, else by name with or without "Block". Raises NotFound."""
    try:
        return client.blocks.get(wanted)
    except NotFound:
        name = wanted.lower().removesuffix("block")
        for block in client.blocks.list():
            if block.name.lower().removesuffix("block") == name:
                return block
        raise


def _matches(block: Block, search: str | None) -> bool:
    return search is None or search.lower() in f"{block.name} {block.description}".lower()
