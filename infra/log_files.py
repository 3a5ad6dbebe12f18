"""Log files: JSON lines that rotate, shared by the processes of one machine."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Generator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Final

MAX_BYTES: Final = 10 * 1024 * 1024
ACTIVITY_BACKUPS: Final = 5
ERROR_BACKUPS: Final = 3
_MODE: Final = 0o640


class BelowLevelFilter(logging.Filter):
    """Lets pass what is below a level."""

    def __init__(self, below_level: int) -> None:
        super().__init__()
        self._below_level = below_level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno < self._below_level


class JsonFileHandler(RotatingFileHandler):
    """Appends lines to a file and moves it aside when it is full, also while other processes write to it.

    The formatter makes the lines. Nobody but the account and its group may read them.
    """

    def __init__(self, path: Path, *, backups: int, max_bytes: int = MAX_BYTES) -> None:
        self._lock_path = path.with_name(f".{path.name}.lock")
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", errors="backslashreplace")

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        # The one of the library formats the record only to know its length.
        return self._follow() >= self.maxBytes

    def doRollover(self) -> None:
        with self._alone():
            # Another process may have done it while we waited.
            if self._follow() >= self.maxBytes:
                super().doRollover()

    def _open(self) -> IO[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return open(self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_open_privately)

    def _follow(self) -> int:
        """Goes on in the present file if another process has moved ours aside; its size."""
        stream: IO[str] | None = self.stream
        if stream is not None:
            mine = os.fstat(stream.fileno())
            with contextlib.suppress(FileNotFoundError):
                present = os.stat(self.baseFilename)
                if (present.st_dev, present.st_ino) == (mine.st_dev, mine.st_ino):
                    return mine.st_size
            stream.close()
        stream = self._open()
        self.stream = stream  # pyright: ignore[reportAttributeAccessIssue]
        return os.fstat(stream.fileno()).st_size

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def file_handlers(folder: Path, *, level: int) -> list[logging.Handler]:
    """Handlers of `activity.log` (all from `level` on), `error.log` and, if `level` asks for it, `debug.log`.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    activity = JsonFileHandler(folder / "activity.log", backups=ACTIVITY_BACKUPS)
    activity.setLevel(max(level, logging.INFO))
    errors = JsonFileHandler(folder / "error.log", backups=ERROR_BACKUPS)
    errors.setLevel(logging.ERROR)
    handlers: list[logging.Handler] = [activity, errors]
    if level <= logging.DEBUG:
        debug = JsonFileHandler(folder / "debug.log", backups=ERROR_BACKUPS)
        debug.addFilter(BelowLevelFilter(logging.INFO))
        handlers.append(debug)
    return handlers


def in_container(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process seems to run in a container, where files go with it and output is collected."""
    if environment.get("container") or environment.get("KUBERNETES_SERVICE_HOST"):
        return True
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)
