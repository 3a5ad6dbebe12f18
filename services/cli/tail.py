"""Following a run from outside: a line per event, and its end as an exit code."""

from activities.blocks.registry import BlockRegistry
from perdure_client import NotFound, PerdureClient
from perdure_client.models import EventKind, ExecutionEvent, ExecutionStatus
from services.cli.exit_codes import FAILED, INTERRUPTED, OK
from services.cli.output import print_json_line, print_line
from services.cli.run_view import titles_of

THE_RUN = "(run)"
MAX_TITLE = 40


def tail_execution(client: PerdureClient, execution_id: str, *, new: bool, as_json: bool) -> int:
    """Prints events as they come until the run has ended, with `new` only those after the call.

    Returns:
        The exit code: OK if it has completed, INTERRUPTED after Ctrl-C, else FAILED.
    """
    try:
        execution = client.executions.get(execution_id, node_limit=1)
        titles = {} if as_json else _titles(client, execution.graph_id, execution.graph_version)
        status = execution.status
        for event in client.iter_events(execution_id, since=_last_cursor(client, execution_id) if new else "0"):
            if as_json:
                print_json_line(event)
            else:
                print_line(_line(event, titles))
        status = client.executions.wait(execution_id).status
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK if status is ExecutionStatus.COMPLETED else FAILED


def _titles(client: PerdureClient, graph_id: str, version: int) -> dict[str, str]:
    """Node id -> title; nothing if the graph is deleted."""
    try:
        return titles_of(client.graphs.get(graph_id, version=version), BlockRegistry.discover())
    except NotFound:
        return {}


def _last_cursor(client: PerdureClient, execution_id: str) -> str:
    cursor = "0"
    while events := client.executions.events(execution_id, since=cursor):
        cursor = events[-1].cursor
    return cursor


def _line(event: ExecutionEvent, titles: dict[str, str]) -> str:
    """`14:03:22  Calculator  COMPLETED`, and the reason if it has failed."""
    title = titles.get(event.node_id or "") or event.node_id or ""
    node = THE_RUN if event.kind is EventKind.graph_execution_update else title[:MAX_TITLE]
    attempt = f"  (attempt {event.attempt})" if event.attempt > 1 else ""
    reason = f"  {' '.join(event.error.split())}" if event.error else ""
    return f"{event.at.astimezone():%H:%M:%S}  {node}  {event.status}{attempt}{reason}"
