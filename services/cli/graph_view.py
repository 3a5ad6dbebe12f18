"""A graph as a person reads it."""

from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from activities.blocks.registry import BlockRegistry
from perdure_client.models import Graph, GraphDiff, LinkChange, LinkPart, Validation
from services.cli.output import PlainTable
from services.cli.run_view import shown, titles_of


def print_graph(console: Console, graph: Graph) -> None:
    """Name, inputs and outputs with their types, nodes with their blocks."""
    state = "active" if graph.is_active else "not active"
    console.print(Text(graph.name, style="bold"), Text(f"version {graph.version}, {state}", style="dim"))
    if graph.description:
        console.print(Text(graph.description))
    print_pins(console, "inputs", graph.input_schema)
    print_pins(console, "outputs", graph.output_schema)
    blocks = BlockRegistry.discover()
    titles = titles_of(graph, blocks)
    table = PlainTable("node", "block", "id", cut=("node", "block", "id"))
    for node in graph.nodes:
        block = blocks.find(node.block_id)
        table.add(titles.get(node.id, "note"), block.name() if block else node.block_id, node.id)
    console.print()
    table.print(console, empty="No nodes.")
    for node in graph.nodes:
        if node.unsupported:
            console.print(Text(f"node {node.id!r} cannot run: {node.unsupported}", style="yellow"))


def print_validation(console: Console, found: Validation) -> None:
    """Whether a graph can be saved and run, and what is in the way, node by node."""
    refused = not found.valid or not found.run.ready
    verdict = found.run if found.valid else found
    console.print(Text(verdict.message, style="red" if refused else "green"))
    for node, fields in verdict.node_errors.items():
        for field, message in fields.items():
            console.print(Text(f"  node {node!r}, {field}: {message}"))
    for warning in found.warnings:
        console.print(Text(f"  node {warning.node_id!r}: {warning.message}", style="yellow"))


def print_diff(console: Console, diff: GraphDiff) -> None:
    """One line per change: + added, - removed, ~ changed."""
    lines = [Text(f"~ {path}: {_change(change)}", style="yellow") for path, change in diff.fields.items()]
    lines += [Text(f"+ node {node.id}", style="green") for node in diff.nodes.added]
    lines += [Text(f"- node {node.id}", style="red") for node in diff.nodes.removed]
    for node in diff.nodes.changed:
        lines += [Text(f"~ node {node.id}, {path}: {_change(c)}", style="yellow") for path, c in node.changes.items()]
    lines += [Text(f"~ node {node.id}: moved on the canvas", style="dim") for node in diff.nodes.moved]
    lines += [Text(f"+ link {_ends(link)}", style="green") for link in diff.links.added]
    lines += [Text(f"- link {_ends(link)}", style="red") for link in diff.links.removed]
    for link in diff.links.changed:
        lines += [
            Text(f"~ link {_ends(link)}, {path}: {_change(c)}", style="yellow") for path, c in link.changes.items()
        ]
    orders = (("nodes", diff.nodes.reordered), ("links", diff.links.reordered))
    lines += [Text(f"~ {name}: in another order", style="yellow") for name, reordered in orders if reordered]
    for line in lines or [Text(f"Versions {diff.from_version} and {diff.to_version} are the same.")]:
        console.print(line, soft_wrap=True)


def print_pins(console: Console, heading: Literal["inputs", "outputs"], schema: dict[str, Any]) -> None:
    """The properties of a JSON schema: name, type, what for; of inputs also what they are when they are not given."""
    required = schema.get("required") or []
    of_inputs = heading == "inputs"
    columns = (heading, "type", "default", "what for") if of_inputs else (heading, "type", "what for")
    table = PlainTable(*columns, cut=(heading, "default", "what for"))
    for name, pin in (schema.get("properties") or {}).items():
        default = "(required)" if name in required else shown(pin.get("default"))
        purpose = " ".join(str(pin.get("description") or "").split())
        table.add(name, type_of(pin), *((default, purpose) if of_inputs else (purpose,)))
    console.print()
    table.print(console, empty=f"No {heading}.")


def type_of(schema: dict[str, Any]) -> str:
    """`string`, or `string | null` where several are taken."""
    kinds = [str(option.get("type", "any")) for option in schema.get("anyOf") or [schema]]
    return " | ".join(dict.fromkeys(kinds))


def _change(change: dict[str, Any]) -> str:
    before, after = (shown(change[side]) if side in change else "(not set)" for side in ("from", "to"))
    return f"{before} -> {after}"


def _ends(link: LinkPart | LinkChange) -> str:
    return f"{link.source_id}.{link.source_name} -> {link.sink_id}.{link.sink_name}"
