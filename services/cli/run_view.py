"""A run as a person watches it: one line per node, counts as they grow, then the outputs."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from activities.blocks.registry import BlockRegistry
from activities.planning.node_options import title_of
from models.blocks import BlockKind
from models.graph import Node
from models.ids import BlockId, NodeId
from perdure_client.models import ExecutionEvent, Graph, GraphExecution, Stats
from services.cli.output import COLOURS

MAX_NODES_SHOWN = 30
MAX_VALUE_CHARACTERS = 2_000


class RunProgress:
    """Counts node executions by their latest status, from events in any order and with repeats."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = dict(titles)
        self._latest: dict[str, tuple[str, str]] = {}
        self._counts: dict[str, Counter[str]] = {node_id: Counter() for node_id in titles}

    def add(self, event: ExecutionEvent) -> None:
        exec_id, node_id, status = event.node_exec_id, event.node_id, event.status.value
        if exec_id is None or node_id is None:
            return
        known = self._latest.get(exec_id)
        if known is not None and known[1] in ("COMPLETED", "FAILED", "TERMINATED"):
            return
        counts = self._counts.setdefault(node_id, Counter())
        if known is not None:
            counts[known[1]] -= 1
        counts[status] += 1
        self._latest[exec_id] = (node_id, status)

    @property
    def done(self) -> int:
        return sum(counts["COMPLETED"] + counts["FAILED"] for counts in self._counts.values())

    def render(self, headline: str) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("node", no_wrap=True, max_width=48)
        for name in ("done", "running", "failed"):
            table.add_column(name, justify="right")
        shown = list(self._counts.items())[:MAX_NODES_SHOWN]
        for node_id, counts in shown:
            failed = counts["FAILED"]
            table.add_row(
                Text(self._titles.get(node_id, node_id)),
                str(counts["COMPLETED"]) if counts["COMPLETED"] else "",
                str(counts["RUNNING"]) if counts["RUNNING"] else "",
                Text(str(failed), style="red") if failed else "",
            )
        rest = len(self._counts) - len(shown)
        if rest:
            table.add_row(Text(f"... and {rest} more nodes", style="dim"), "", "", "")
        return Group(Spinner("dots", text=f" {headline}: {self.done} node executions done"), table)


def titles_of(graph: Graph, blocks: BlockRegistry) -> dict[str, str]:
    """Node id -> what people call the node; notes are left out, they never run."""
    titles: dict[str, str] = {}
    for given in graph.nodes:
        node = Node(
            id=NodeId(given.id),
            block_id=BlockId(given.block_id),
            input_default=given.input_default,
            metadata=given.metadata,
        )
        block = blocks.find(node.block_id)
        if block is None or block.kind is not BlockKind.NOTE:
            titles[node.id] = title_of(node, block) if block else node.block_id
    return titles


def print_result(console: Console, execution: GraphExecution) -> None:
    """Status, outputs as a table, and every node that failed or starved."""
    status, stats = execution.status.value, execution.stats
    print_outputs(console, execution.outputs)
    if stats is not None:
        _print_troubles(console, stats)
    counted = f"{stats.node_exec_count} node executions in {stats.duration:.1f} s" if stats else "no statistics yet"
    console.print(Text(status, style=f"bold {COLOURS.get(status, '')}"), Text(counted, style="dim"))
    if execution.error:
        console.print(Text(execution.error, style="red"))


def print_outputs(console: Console, outputs: Mapping[str, Any]) -> None:
    """One line per value; nothing if there is none."""
    table = Table(title="Outputs", title_justify="left", show_header=True, header_style="dim")
    table.add_column("name")
    table.add_column("value", overflow="fold")
    for name, values in outputs.items():
        for value in _flat(values):
            table.add_row(Text(name), Text(shown(value)))
    if table.row_count:
        console.print(table)


def shown(value: Any) -> str:
    """A value as people read it, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}... ({len(text)} characters)"


def _print_troubles(console: Console, stats: Stats) -> None:
    for node in stats.failed_nodes:
        console.print(Text(f"failed {node.count}x: {node.title or node.node_id}: {node.error}", style="red"))
    for node in stats.starved_nodes:
        waiting = ", ".join(node.waiting_for)
        console.print(Text(f"never ran: {node.title or node.node_id} (nothing arrived on {waiting})", "yellow"))
    if stats.omitted_outputs:
        left_out = f"{stats.omitted_outputs} more outputs are too many to be kept together: see the node executions"
        console.print(Text(left_out, "yellow"))


def _flat(values: Any) -> list[Any]:
    """Graph outputs are lists of values; those of last nodes are objects of lists by pin."""
    return values if isinstance(values, list) else [values]
