"""Runs all examples of all blocks and prints, one per line, what they asked of the operating system.

A process of its own: an audit hook cannot be taken away again. `python -m tests.architecture.watched_blocks`.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

from activities.blocks.registry import BlockRegistry
from models.block_testing import check_example
from tests.unit.blocks.running import SERVICES_OF_EXAMPLES

WATCHED = (
    *("ctypes.", "ftplib.", "glob.", "http.", "open", "os.", "pathlib.", "shutil.", "smtplib.", "socket.", "sqlite3."),
    *("subprocess.", "tempfile.", "urllib.", "webbrowser."),
)
"""Beginnings of the names of audit events."""

PROGRAM_FILES = (".py", ".pyc", ".so")
"""Read by imports and tracebacks."""


class Watch:
    """What happens while `block` is set."""

    def __init__(self) -> None:
        self.block: str | None = None
        self.seen: dict[str, None] = {}

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.block is None or not event.startswith(WATCHED):
            return
        path = str(arguments[0]) if arguments else ""
        if event in ("open", "os.listdir") and (path.endswith(PROGRAM_FILES) or path in sys.path or "zoneinfo" in path):
            return
        self.note(f"{event} {path}")

    def note(self, what: str) -> None:
        if self.block is not None:
            self.seen[f"{self.block}: {what}"] = None


class WatchedEnvironment(MutableMapping[str, str]):
    def __init__(self, environment: MutableMapping[str, str], watch: Watch) -> None:
        self._environment = environment
        self._watch = watch

    def __getitem__(self, name: str) -> str:
        self._watch.note(f"environment {name}")
        return self._environment[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._watch.note(f"environment {name}")
        self._environment[name] = value

    def __delitem__(self, name: str) -> None:
        self._watch.note(f"environment {name}")
        del self._environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


async def watch_examples(watch: Watch) -> None:
    for block in BlockRegistry.discover().all():
        if block.disabled is not None:
            continue
        for example in block.examples:
            # Once before, for modules and zones that are loaded when they are first needed.
            await check_example(block, example, **SERVICES_OF_EXAMPLES)
            watch.block = block.name()
            await check_example(block, example, **SERVICES_OF_EXAMPLES)
            watch.block = None


if __name__ == "__main__":
    watch = Watch()
    os.environ = WatchedEnvironment(os.environ, watch)  # type: ignore[assignment]  # noqa: B003 - replaced, not cleared
    sys.addaudithook(watch.hook)
    asyncio.run(watch_examples(watch))
    sys.stdout.write("".join(f"{line}\n" for line in watch.seen))
