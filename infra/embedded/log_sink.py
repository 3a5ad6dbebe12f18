"""Where the output of the children goes: a file for each, one for all, and the terminal."""

import logging
import logging.handlers
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

COMBINED = "stack"
_MAX_BYTES = 10 * 1024 * 1024
_COPIES = 3
_COLOURS = {
    "perdure": "1",
    "gateway": "36",
    "worker": "32",
    "temporal": "35",
    "postgres": "34",
    "redis": "31",
}


class LogSink:
    """Writes lines to `NAME.log` and, with the name in front, to `stack.log` and perhaps the terminal."""

    def __init__(self, folder: Path, *, to_terminal: bool) -> None:
        self._folder = folder
        self._to_terminal = to_terminal
        self._colour = to_terminal and sys.stdout.isatty()
        self._files: dict[str, logging.handlers.RotatingFileHandler] = {}

    def write(self, name: str, line: str) -> None:
        self._append(name, line)
        self._append(COMBINED, f"{name:<8} | {line}")
        if self._to_terminal:
            try:
                print(prefixed(name, line, colour=self._colour), flush=True)  # noqa: T201 - the output of `perdure up`
            except OSError:
                # The terminal has gone; the stack has not.
                self._to_terminal = False

    def _append(self, name: str, line: str) -> None:
        if name not in self._files:
            path = self._folder / f"{name}.log"
            self._files[name] = logging.handlers.RotatingFileHandler(
                path, maxBytes=_MAX_BYTES, backupCount=_COPIES, encoding="utf-8", errors="backslashreplace"
            )
        record = logging.LogRecord(name, logging.INFO, "", 0, line, None, None)
        self._files[name].emit(record)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handler in self._files.values():
            handler.close()


def prefixed(name: str, line: str, *, colour: bool) -> str:
    """The line with its origin in front, as shown in terminals."""
    head = f"{name:<8} |"
    return f"\x1b[{_COLOURS.get(name, '0')}m{head}\x1b[0m {line}" if colour else f"{head} {line}"
