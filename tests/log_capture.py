"""What a process logs, as a test reads it."""

import io
import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import structlog

from infra.logging import configure_logging
from infra.settings import AppSettings


class CapturedLog:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def events(self, **fields: Any) -> list[dict[str, Any]]:
        """Lines whose fields have these values."""
        read = [json.loads(line) for line in self.text.splitlines()]
        return [event for event in read if fields.items() <= event.items()]


@contextmanager
def captured_log(level: str = "DEBUG") -> Generator[CapturedLog]:
    """Everything from `level` on, in the JSON of production."""
    root = logging.getLogger()
    handlers, old_level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpx2", "httpcore", "asyncio", "alembic")}
    log = CapturedLog()
    settings = AppSettings.model_validate({"log_format": "json", "log_level": level, "log_files": "off"})
    configure_logging(settings, process="test", stream=log.stream)
    try:
        yield log
    finally:
        root.handlers = handlers
        root.setLevel(old_level)
        for name, old in levels.items():
            logging.getLogger(name).setLevel(old)
        structlog.reset_defaults()
