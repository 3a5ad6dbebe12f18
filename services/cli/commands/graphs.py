"""`perdure graphs`: your graphs and their versions."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from models.errors import InvalidRequestError
from perdure_client import PerdureClient
from services.cli.connection import connect
from services.cli.exit_codes import FAILED
from services.cli.gateway_command import with_gateway
from services.cli.graph_files import graph_in, read_export, read_graph
from services.cli.graph_view import print_diff, print_graph, print_validation
from services.cli.import_view import print_import_report
from services.cli.options import DEFAULT_HOME, ApiKeyOption, HomeOption, JsonOption, UrlOption, YesOption
from services.cli.output import PlainTable, confirm, print_json, print_outcome, short_time

app = typer.Typer(help="Save, read and delete graphs and their versions.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="Id of the graph.", show_default=False)]
FileArgument = Annotated[Path, typer.Argument(help="Graph JSON: bare, an export, or a store download.")]
VersionOption = Annotated[int | None, typer.Option("--version", min=1, help="The newest by default.")]
VersionArgument = Annotated[int, typer.Argument(min=1, help="Number of the version.", show_default=False)]


@app.command("list")
@with_gateway
def list_graphs(
    client: PerdureClient,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=250, help="How many.")] = 250,
    as_json: JsonOption = False,
) -> None:
    """List your graphs, each with its active version."""
    found = client.graphs.list(page_size=limit)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("id", "name", "version", "saved", cut=("name",))
    for graph in found:
        table.add(graph.id, graph.name, str(graph.version), short_time(graph.created_at))
    table.print(empty="No graphs yet. `perdure graphs import FILE` saves one.")
    if found.total > len(found):
        typer.echo(f"... and {found.total - len(found)} more")


@app.command()
@with_gateway
def show(
    client: PerdureClient, graph_id: IdArgument, version: VersionOption = None, as_json: JsonOption = False
) -> None:
    """Show a graph: inputs, outputs, nodes."""
    graph = client.graphs.get(graph_id, version=version)
    if as_json:
        print_json(graph)
    else:
        print_graph(Console(), graph)


@app.command("import")
def import_graph(
    file: FileArgument,
    name: Annotated[str | None, typer.Option("--name", help="Instead of the name in the file.")] = None,
    into: Annotated[str | None, typer.Option("--into", help="Id of a graph that gets it as a new version.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would not run; save nothing.")] = False,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save an exported agent with the agents it runs, and tell what of it will not run here.

    Nodes of blocks that are missing here are kept, so that the graph can be seen and edited; as a new version of
    another graph (`--into`) it must be without new ones.
    """
    content = read_export(file)
    if name is not None:
        graph_in(content)["name"] = name
    if into is not None:
        if dry_run:
            raise InvalidRequestError("`--dry-run` tells about new graphs; `perdure graphs validate` checks versions.")
        with connect(home, url, api_key) as client:
            graph, report = client.graphs.replace(into, graph_in(content) | {"id": into}), None
    else:
        with connect(home, url, api_key) as client:
            imported = client.graphs.import_graph(content, dry_run=dry_run)
        graph, report = imported.graph, imported.report
    if as_json:
        print_json(graph if report is None else graph.model_dump(mode="json") | {"report": report})
        return
    if not dry_run:
        typer.echo(f"{graph.id}  version {graph.version}  {graph.name}")
    if report is not None:
        print_import_report(Console(), report, always=dry_run)


@app.command()
@with_gateway
def validate(client: PerdureClient, file: FileArgument, as_json: JsonOption = False) -> None:
    """Check a graph without saving it.

    Exit code: 0 if it can be saved and run, else 1.
    """
    content = read_graph(file)
    found = client.graphs.validate(content)
    if as_json:
        print_json(found)
    else:
        print_validation(Console(), found)
    if not (found.valid and found.run.ready):
        raise typer.Exit(FAILED)


@app.command()
@with_gateway
def export(
    client: PerdureClient,
    graph_id: IdArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; stdout by default.")] = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a graph and the graphs it runs as JSON that imports again, without secrets and without your user id.

    What nodes hold as other constants is in it: look before you give it away.
    """
    graph = client.graphs.get(graph_id, version=version, for_export=True)
    content = graph.model_dump(mode="json")
    if output is None:
        print_json(content)
        return
    _write(output, content)
    if as_json:
        print_json({"file": str(output)})
    else:
        typer.echo(f"{graph.name}, version {graph.version}: {output}", err=True)


@app.command()
@with_gateway
def delete(client: PerdureClient, graph_id: IdArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Delete a graph with all its versions; its runs are stopped first."""
    graph = client.graphs.get(graph_id)
    confirm(f"Delete {graph.name!r} with all its versions, and stop its runs?", yes=yes)
    versions = client.graphs.delete(graph.id)
    print_outcome(
        {"deleted": graph.id, "version_counts": versions},
        f"{graph.name!r} is deleted ({versions} version{'' if versions == 1 else 's'}).",
        as_json=as_json,
    )


@app.command()
@with_gateway
def versions(
    client: PerdureClient,
    graph_id: IdArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many, newest first.")] = 25,
    as_json: JsonOption = False,
) -> None:
    """List the versions of a graph, newest first."""
    found = client.graphs.versions(graph_id, page_size=limit)
    if as_json:
        print_json(found.items)
        return
    table = PlainTable("version", "active", "saved", "nodes", "name", cut=("name",))
    for graph in found:
        active = "active" if graph.is_active else ""
        table.add(str(graph.version), active, short_time(graph.created_at), str(len(graph.nodes)), graph.name)
    table.print()
    if found.total > len(found):
        typer.echo(f"... and {found.total - len(found)} more")


@app.command()
@with_gateway
def activate(
    client: PerdureClient, graph_id: IdArgument, version: VersionArgument, as_json: JsonOption = False
) -> None:
    """Choose the version that runs when none is named."""
    client.graphs.set_active(graph_id, version)
    print_outcome({"id": graph_id, "active_graph_version": version}, f"Version {version} is active.", as_json=as_json)


@app.command()
@with_gateway
def diff(
    client: PerdureClient,
    graph_id: IdArgument,
    from_version: VersionArgument,
    to_version: VersionArgument,
    as_json: JsonOption = False,
) -> None:
    """Show what changed between two versions of a graph."""
    found = client.graphs.diff(graph_id, from_version, to_version)
    if as_json:
        print_json(found)
    else:
        print_diff(Console(), found)


def _write(path: Path, content: Any) -> None:
    try:
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise InvalidRequestError(f"{str(path)!r} cannot be written: {error}") from error
