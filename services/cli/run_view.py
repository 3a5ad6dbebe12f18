"""A run as a person watches it: one line per node, counts as they grow, then the outputs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from activities.blocks.registry import BlockRegistry
from activities.planning.node_options import title_of
from models.blocks import BlockKind
from models.graph import Node

MAX_NODES_SHOWN = 30
MAX_VALUE_CHARACTERS = 2_000
_COLOURS = {"COMPLETED": "green", "FAILED": "red", "TERMINATED": "yellow", "RUNNING": "cyan", "QUEUED": "dim"}


class RunProgress:
    """Counts node executions by their latest status, from events in any order and with repeats."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = dict(titles)
        self._latest: dict[str, tuple[str, str]] = {}
        self._counts: dict[str, Counter[str]] = {node_id: Counter() for node_id in titles}

    def add(self, event: Mapping[str, Any]) -> None:
        exec_id, node_id, status = event.get("node_exec_id"), event.get("node_id"), str(event.get("status"))
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


def titles_of(graph: Mapping[str, Any], blocks: BlockRegistry) -> dict[str, str]:
    """Node id -> what people call the node; notes are left out, they never run."""
    titles: dict[str, str] = {}
    for given in graph.get("nodes") or []:
        node = Node(
            id=given["id"],
            block_id=given["block_id"],
            input_default=given.get("input_default") or {},
            metadata=given.get("metadata") or {},
        )
        block = blocks.find(node.block_id)
        if block is None or block.kind is not BlockKind.NOTE:
            titles[node.id] = title_of(node, block) if block else node.block_id
    return titles


def print_result(console: Console, execution: Mapping[str, Any]) -> None:
    """Status, outputs as a table, and every node that failed or starved."""
    status = execution["status"]
    stats = execution.get("stats") or {}
    table = Table(title="Outputs", title_justify="left", show_header=True, header_style="dim")
    table.add_column("name")
    table.add_column("value", overflow="fold")
    rows = 0
    for name, values in (execution.get("outputs") or {}).items():
        for value in _flat(values):
            table.add_row(Text(name), Text(_shown(value)))
            rows += 1
    if rows:
        console.print(table)
    for node in stats.get("failed_nodes") or []:
        console.print(
            Text(f"failed {node['count']}x: {node['title'] or node['node_id']}: {node['error']}", style="red")
        )
    for node in stats.get("starved_nodes") or []:
        waiting = ", ".join(node["waiting_for"])
        console.print(Text(f"never ran: {node['title'] or node['node_id']} (nothing arrived on {waiting})", "yellow"))
    counted = f"{stats.get('node_exec_count', 0)} node executions in {stats.get('duration', 0.0):.1f} s"
    console.print(Text(str(status), style=f"bold {_COLOURS.get(status, '')}"), Text(counted, style="dim"))
    if execution.get("error"):
        console.print(Text(str(execution["error"]), style="red"))


def executions_table(executions: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(header_style="dim")
    for name in ("id", "graph", "version", "status", "started", "nodes", "errors"):
        table.add_column(name, no_wrap=name == "id")
    for execution in executions:
        stats = execution.get("stats") or {}
        status = execution["status"]
        table.add_row(
            execution["id"],
            execution["graph_id"],
            str(execution["graph_version"]),
            Text(status, style=_COLOURS.get(status, "")),
            str(execution.get("started_at") or ""),
            str(stats.get("node_exec_count", "")),
            str(stats.get("node_error_count", "")),
        )
    return table


def _flat(values: Any) -> list[Any]:
    """Graph outputs are lists of values; those of last nodes are objects of lists by pin."""
    return values if isinstance(values, list) else [values]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}... ({len(text)} characters)"
