"""A graph as a person reads it."""

from typing import Any

from rich.console import Console
from rich.text import Text

from activities.blocks.registry import BlockRegistry
from perdure_client.models import Graph
from services.cli.output import plain_table
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
    table = plain_table("node", "block", "id")
    for node in graph.nodes:
        block = blocks.find(node.block_id)
        table.add_row(Text(titles.get(node.id, "note")), block.name() if block else node.block_id, Text(node.id))
    if table.row_count:
        console.print()
        console.print(table)


def print_pins(console: Console, heading: str, schema: dict[str, Any]) -> None:
    """The properties of a JSON schema: name, type, whether it must be given, what for."""
    required = schema.get("required") or []
    table = plain_table(heading, "type", "", "")
    for name, pin in (schema.get("properties") or {}).items():
        default = pin.get("default")
        need = "required" if name in required else f"= {shown(default)}" if default is not None else ""
        table.add_row(Text(name), type_of(pin), Text(need), Text(" ".join(str(pin.get("description") or "").split())))
    if table.row_count:
        console.print()
        console.print(table)


def type_of(schema: dict[str, Any]) -> str:
    """`string`, or `string | null` where several are taken."""
    kinds = [str(option.get("type", "any")) for option in schema.get("anyOf") or [schema]]
    return " | ".join(dict.fromkeys(kinds))
