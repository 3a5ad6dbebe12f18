"""Uploads a graph, runs it and follows it to its end."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from rich.console import Console
from rich.live import Live

from activities.blocks.registry import BlockRegistry
from models.errors import InvalidRequestError, ServiceUnavailableError
from services.cli.gateway import Gateway
from services.cli.run_view import RunProgress, titles_of

TERMINAL: Final = frozenset({"COMPLETED", "FAILED", "TERMINATED"})
POLL_SECONDS: Final = 1.0
LINE_SECONDS: Final = 3.0
PATIENCE_SECONDS: Final = 120.0
"""A gateway that is away this long ends the watching, never the run."""


def read_graph(path: Path) -> dict[str, Any]:
    """The graph in a file: bare, or wrapped by a store download.

    Raises:
        InvalidRequestError: the file is missing or holds no graph.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidRequestError(f"There is no file {str(path)!r}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    graph = content.get("graph_data") or content.get("graph") or content if isinstance(content, dict) else None
    if not isinstance(graph, dict) or not isinstance(graph.get("nodes"), list):
        raise InvalidRequestError(f"{str(path)!r} holds no graph: expected an object with a list of `nodes`.")
    return graph


def parse_inputs(given: list[str]) -> dict[str, Any]:
    """`name=value` pairs. A value is JSON if it parses, else text; `name=@file` takes the content of a file.

    Raises:
        InvalidRequestError: no `=`, or the file cannot be read.
    """
    inputs: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InvalidRequestError(f"Input {pair!r} is not of the form name=value.")
        if text.startswith("@"):
            try:
                text = Path(text[1:]).read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidRequestError(f"Input {name!r}: {text[1:]!r} cannot be read: {error}") from error
        try:
            inputs[name] = json.loads(text)
        except (ValueError, RecursionError):
            inputs[name] = text
    return inputs


class RunSession:
    """One graph, uploaded; `run` executes it once."""

    def __init__(self, gateway: Gateway, graph: Mapping[str, Any], *, console: Console) -> None:
        self._gateway = gateway
        self._graph = graph
        self._console = console
        self.uploaded: dict[str, Any] = {}
        self.execution: dict[str, Any] | None = None

    def start(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        self.uploaded = self._gateway.create_graph(self._graph)
        self.execution = self._gateway.execute(self.uploaded["id"], inputs)
        return self.execution

    def follow(self) -> dict[str, Any]:
        """Shows progress until the run has ended; gives its final state."""
        assert self.execution is not None, "start comes first"
        graph_exec_id = self.execution["id"]
        progress = RunProgress(titles_of(self.uploaded, BlockRegistry.discover()))
        headline = str(self._graph.get("name") or "run")
        cursor, away_since = "0", None
        with _Display(self._console, progress, headline) as display:
            while True:
                try:
                    events = self._gateway.read_events(graph_exec_id, since=cursor, wait_seconds=POLL_SECONDS)
                    away_since = None
                except ServiceUnavailableError:
                    away_since = away_since or time.monotonic()
                    if time.monotonic() - away_since > PATIENCE_SECONDS:
                        raise
                    time.sleep(POLL_SECONDS)
                    continue
                for event in events:
                    cursor = event["cursor"]
                    progress.add(event)
                display.update()
                ended = any(event["kind"] == "graph_execution_update" for event in events)
                if (ended or not events) and self._has_ended():
                    return self._gateway.get_execution(graph_exec_id)

    def stop(self) -> dict[str, Any]:
        """Stops the run after Ctrl-C; gives the state it is left in."""
        assert self.execution is not None, "start comes first"
        self._gateway.end(self.execution, how="stop")
        return self._gateway.get_execution(self.execution["id"])

    def _has_ended(self) -> bool:
        assert self.execution is not None, "start comes first"
        return self._gateway.get_execution(self.execution["id"])["status"] in TERMINAL


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
