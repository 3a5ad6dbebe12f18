"""The report on an imported agent as a person reads it."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure_client.models import CredentialsNeed, Finding, ImportReport


def print_import_report(console: Console, report: ImportReport, *, always: bool) -> None:
    """The verdict and what is behind it. A report that says nothing is printed only if `always`."""
    if report.runnable and not report.findings and not report.credentials and not always:
        return
    console.print(Text(report.message, style="green" if report.runnable else "red"))
    if report.findings:
        console.print()
        console.print(_findings(report.findings))
    if report.finding_count > len(report.findings):
        console.print(f"... and {report.finding_count - len(report.findings)} more", markup=False)
    if report.credentials:
        console.print()
        console.print(_credentials(report.credentials))


def _findings(findings: list[Finding]) -> Table:
    several = len({found.graph_id for found in findings}) > 1
    table = _table("graph", "node", "block", "what") if several else _table("node", "block", "what")
    for found in findings:
        node = found.node_name or found.node_id or ""
        cells = (node, found.block_name or found.block_id or "", found.message)
        shown = (found.graph_name, *cells) if several else cells
        table.add_row(*(Text(cell) for cell in shown), style="" if found.stops_run else "dim")
    return table


def _credentials(needs: list[CredentialsNeed]) -> Table:
    table = _table("credentials", "provider", "nodes", "needed")
    for need in needs:
        cells = (need.key, ", ".join(need.providers), str(len(need.nodes)), "yes" if need.required else "optional")
        table.add_row(*map(Text, cells))
    return table


def _table(*columns: str) -> Table:
    """Without borders; cells wrap, so that nothing of a reason is lost."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, overflow="fold", ratio=2 if name == "what" else 1)
    return table
