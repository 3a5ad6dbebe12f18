"""`perdure presets`: values saved for graphs."""

from typing import Annotated

import typer
from rich.console import Console

from perdure_client import PerdureClient
from perdure_client.models import Preset
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import parse_inputs
from services.cli.options import (
    InputsOption,
    JsonOption,
    YesOption,
)
from services.cli.output import PlainTable, confirm, print_json, print_outcome, short_time
from services.cli.run_session import RunSession, run_to_its_end
from services.cli.run_view import shown

app = typer.Typer(help="Save values for graphs under a name, and run with them.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="Id of the preset.", show_default=False)]


@app.command("list")
@with_gateway
def list_presets(
    client: PerdureClient,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=50, help="How many, the latest change first.")] = 20,
    graph_id: Annotated[str | None, typer.Option("--graph", help="Only those for this graph.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List your presets, the latest change first."""
    found = client.presets.list(graph_id=graph_id, page_size=limit)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("id", "name", "inputs", "active", "changed", cut=("name", "inputs"))
    for preset in found:
        active = "yes" if preset.is_active else "no"
        table.add(preset.id, preset.name, ", ".join(preset.inputs), active, short_time(preset.updated_at))
    table.print(empty="No presets yet. `perdure presets create` saves one.")
    if found.total > len(found):
        typer.echo(f"... and {found.total - len(found)} more")


@app.command()
@with_gateway
def show(client: PerdureClient, preset_id: IdArgument, as_json: JsonOption = False) -> None:
    """Show a preset: its graph and its values."""
    preset = client.presets.get(preset_id)
    if as_json:
        print_json(preset)
        return
    console = Console()
    for line in _lines(preset):
        console.print(line, markup=False, highlight=False)


@app.command()
@with_gateway
def create(
    client: PerdureClient,
    name: Annotated[str, typer.Argument(help="What people call it.", show_default=False)],
    graph_id: Annotated[str | None, typer.Option("--graph", help="The graph it is for.")] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Version of the graph; the newest by default.")
    ] = None,
    execution_id: Annotated[
        str | None, typer.Option("--from-run", help="Instead of --graph: take graph, version and inputs of this run.")
    ] = None,
    inputs: InputsOption = None,
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    inactive: Annotated[bool, typer.Option("--inactive", help="Save it, but do not let it run yet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Save values for a graph, or those of a run, and print the id."""
    if (graph_id is None) == (execution_id is None):
        raise typer.BadParameter("Name either a graph (--graph) or a run (--from-run).")
    if execution_id is not None and (version is not None or inputs):
        raise typer.BadParameter("--from-run takes version and inputs of the run: leave out --version and --input.")
    values = parse_inputs(inputs or [])
    if execution_id is not None:
        preset = client.presets.create_from_run(execution_id, name, description=description, is_active=not inactive)
    else:
        assert graph_id is not None
        preset = client.presets.create(
            graph_id,
            version or client.graphs.get(graph_id).version,
            name,
            inputs=values,
            description=description,
            is_active=not inactive,
        )
    print_outcome(preset, f"{preset.id} {preset.name}", as_json=as_json)


@app.command()
@with_gateway
def delete(client: PerdureClient, preset_id: IdArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Delete a preset; runs that it started stay."""
    preset = client.presets.get(preset_id)
    confirm(f"Delete preset {preset.name!r}?", yes=yes)
    client.presets.delete(preset.id)
    print_outcome({"deleted": preset.id}, "The preset is deleted.", as_json=as_json)


@app.command()
@with_gateway
def run(client: PerdureClient, preset_id: IdArgument, inputs: InputsOption = None, as_json: JsonOption = False) -> None:
    """Run the graph of a preset with its values, show live progress and the outputs.

    Inputs given here win over those of the preset.

    Exit code: 0 completed, 1 failed or refused, 130 interrupted (Ctrl-C stops the run).
    """
    values = parse_inputs(inputs or [])
    session = RunSession(client, console=Console(stderr=as_json))
    run_to_its_end(session, lambda: session.start_preset(preset_id, values), as_json=as_json)


def _lines(preset: Preset) -> list[str]:
    lines = [f"{preset.name}{'' if preset.is_active else ' (not active)'}"]
    lines += [preset.description] if preset.description else []
    lines.append(f"graph {preset.graph_id} version {preset.graph_version}")
    lines += [f"  {name} = {shown(value)}" for name, value in preset.inputs.items()]
    lines += [f"  credentials: {', '.join(preset.credentials)}"] if preset.credentials else []
    return lines
