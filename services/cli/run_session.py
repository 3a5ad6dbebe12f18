"""Starts a run and follows it to its end."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import typer
from rich.console import Console
from rich.live import Live

from activities.blocks.registry import BlockRegistry
from perdure_client import PerdureClient
from perdure_client.models import Graph, GraphExecution, GraphExecutionMeta
from services.cli.exit_codes import FAILED, INTERRUPTED
from services.cli.output import print_json
from services.cli.run_view import RunProgress, print_result, titles_of

LINE_SECONDS: Final = 3.0


class RunSession:
    """One run: `start` uploads a graph and executes it, `start_saved` and `start_preset` execute what is there."""

    def __init__(self, client: PerdureClient, *, console: Console) -> None:
        self._client = client
        self.console = console
        self._given: Mapping[str, Any] = {}
        self.execution: GraphExecutionMeta | None = None

    def start(self, graph: Mapping[str, Any], inputs: Mapping[str, Any]) -> GraphExecutionMeta:
        return self.start_saved(self._client.graphs.create(graph).id, inputs)

    def start_saved(self, graph_id: str, inputs: Mapping[str, Any]) -> GraphExecutionMeta:
        self._given = inputs
        self.execution = self._client.execute(graph_id, inputs)
        return self.execution

    def start_preset(self, preset_id: str, inputs: Mapping[str, Any]) -> GraphExecutionMeta:
        self._given = inputs
        self.execution = self._client.presets.execute(preset_id, inputs)
        return self.execution

    def follow(self) -> GraphExecution:
        """Shows progress until the run has ended; gives its final state."""
        assert self.execution is not None, "start comes first"
        graph = self._client.graphs.get(self.execution.graph_id, version=self.execution.graph_version)
        self._tell_unknown_inputs(graph)
        progress = RunProgress(titles_of(graph, BlockRegistry.discover()))
        with _Display(self.console, progress, graph.name) as display:
            for events in self._client.executions.iter_event_batches(self.execution.id):
                for event in events:
                    progress.add(event)
                    if event.node_id is None and event.status.value == "REVIEW":
                        self.console.print("The run waits for people: see `perdure reviews list`.")
                display.update()
        return self._client.executions.wait(self.execution.id)

    def _tell_unknown_inputs(self, graph: Graph) -> None:
        """They change nothing, which whoever has mistyped one would not notice."""
        known = list(graph.input_schema.get("properties", {}))
        unknown = [name for name in self._given if name not in known]
        if unknown:
            has = f"It has: {', '.join(known)}." if known else "It has none."
            self.console.print(f"Passed over: the graph has no input named {', '.join(unknown)}. {has}", markup=False)

    def stop(self) -> GraphExecution:
        """Stops the run after Ctrl-C; gives the state it is left in."""
        assert self.execution is not None, "start comes first"
        self._client.executions.stop(self.execution.graph_id, self.execution.id)
        return self._client.executions.get(self.execution.id, node_limit=1)


def start_and_leave(session: RunSession, start: Callable[[], GraphExecutionMeta], *, as_json: bool) -> None:
    """Starts a run, prints which, and leaves it alone."""
    execution = start()
    if as_json:
        print_json(execution.model_dump(mode="json"))
    else:
        session.console.print(execution.id)


def run_to_its_end(session: RunSession, start: Callable[[], object], *, as_json: bool) -> None:
    """Starts and follows a run, prints its result, and ends the command with the exit code of the run.

    Ctrl-C stops the run.
    """
    interrupted = False
    try:
        start()
        execution = session.follow()
    except KeyboardInterrupt:
        if session.execution is None:
            raise typer.Exit(INTERRUPTED) from None
        session.console.print("Stopping the run ...")
        execution, interrupted = session.stop(), True
    if as_json:
        print_json(execution.model_dump(mode="json", exclude={"node_executions"}))
    else:
        print_result(session.console, execution)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if execution.status != "COMPLETED":
        raise typer.Exit(FAILED)


class _Display:
    """Progress on a terminal as a live table; elsewhere as a line now and then."""

    def __init__(self, console: Console, progress: RunProgress, headline: str) -> None:
        self._console = console
        self._progress = progress
        self._headline = headline
        self._next_line = time.monotonic() + LINE_SECONDS
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            rendered = self._progress.render(self._headline)
            self._live = Live(rendered, console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self) -> None:
        if self._live is not None:
            self._live.update(self._progress.render(self._headline))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            self._console.print(f"{self._headline}: {self._progress.done} node executions done")
