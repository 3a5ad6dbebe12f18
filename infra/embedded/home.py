"""The folder of a local stack: its data, secrets, logs and state."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.embedded.server import StackError


class StackHome:
    """Where the things of one stack lie. Nothing is created before `create`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()

    @property
    def state_file(self) -> Path:
        return self.folder / "stack.json"

    @property
    def secrets_file(self) -> Path:
        return self.folder / "secrets.json"

    @property
    def ports_file(self) -> Path:
        return self.folder / "ports.json"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def data(self, server: str) -> Path:
        return self.folder / server

    def create(self) -> None:
        """Makes the folders.

        Raises:
            StackError: The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Root's servers that run as another account must be able to pass, but not to list, this folder.
            self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.logs, self.blobs, self.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
        except OSError as error:
            raise StackError(
                f"Cannot write to {self.folder} ({error.strerror}): choose another folder with --home."
            ) from error


class StackLock:
    """Held by the supervisor of a folder for as long as it lives; the system releases it however it ends."""

    def __init__(self, home: StackHome) -> None:
        self._path = home.lock_file
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock; False if a living supervisor has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(home: StackHome) -> bool:
    """Whether a supervisor of this folder lives."""
    if not home.lock_file.exists():
        return False
    try:
        with StackLock(home) as lock:
            return not lock.acquire()
    except PermissionError as error:
        raise StackError(f"The stack in {home.folder} belongs to another user.") from error


def write_private(path: Path, text: str) -> None:
    """Replaces the file at once, readable by its owner only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_ports(home: StackHome) -> dict[str, int]:
    """The ports of the last run; losing them costs nothing, so a damaged file counts as none."""
    try:
        found = json.loads(home.ports_file.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): port for name, port in found.items() if isinstance(port, int)}
