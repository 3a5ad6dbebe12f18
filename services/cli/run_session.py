"""Uploads a graph, runs it and follows it to its end."""

import time
from collections.abc import Mapping
from typing import Any, Final, Self

from rich.console import Console
from rich.live import Live

from activities.blocks.registry import BlockRegistry
from perdure_client import PerdureClient
from perdure_client.models import Graph, GraphExecution, GraphExecutionMeta
from services.cli.run_view import RunProgress, titles_of

LINE_SECONDS: Final = 3.0


class RunSession:
    """One graph, uploaded; `start` executes it once."""

    def __init__(self, client: PerdureClient, graph: Mapping[str, Any], *, console: Console) -> None:
        self._client = client
        self._graph = graph
        self._console = console
        self.uploaded: Graph | None = None
        self.execution: GraphExecutionMeta | None = None

    def start(self, inputs: Mapping[str, Any]) -> GraphExecutionMeta:
        self.uploaded = self._client.graphs.create(self._graph)
        self.execution = self._client.execute(self.uploaded.id, inputs)
        return self.execution

    def follow(self) -> GraphExecution:
        """Shows progress until the run has ended; gives its final state."""
        assert self.execution is not None, "start comes first"
        assert self.uploaded is not None
        progress = RunProgress(titles_of(self.uploaded, BlockRegistry.discover()))
        with _Display(self._console, progress, self.uploaded.name) as display:
            for events in self._client.executions.iter_event_batches(self.execution.id):
                for event in events:
                    progress.add(event)
                display.update()
        return self._client.executions.wait(self.execution.id)

    def stop(self) -> GraphExecution:
        """Stops the run after Ctrl-C; gives the state it is left in."""
        assert self.execution is not None, "start comes first"
        self._client.executions.stop(self.execution.graph_id, self.execution.id)
        return self._client.executions.get(self.execution.id, node_limit=1)


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
