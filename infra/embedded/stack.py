"""What is known about the stack of a folder: `read_running` for commands, the state file for the supervisor."""

from enum import StrEnum
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.embedded.home import StackHome, is_locked, write_private
from infra.embedded.server import StackError


class ProcessIds(BaseModel):
    """Process ids; None for a server that is not ours, or while one restarts."""

    gateway: int | None = None
    worker: int | None = None
    temporal: int | None = None
    postgres: int | None = None
    redis: int | None = None


class RunningStack(BaseModel):
    """How to reach a running stack. Holds secrets: never log it."""

    gateway_url: str
    console_url: str
    docs_url: str
    temporal_address: str
    temporal_namespace: str
    temporal_ui_url: str | None
    database_url: str = Field(repr=False)
    redis_url: str = Field(repr=False)
    processes: ProcessIds = Field(default_factory=ProcessIds)
    dev_token: str = Field(repr=False)
    dev_api_key: str = Field(repr=False)


class ProcessRef(BaseModel):
    """A process, told apart from a later one with the same id by when it began."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessRef | None":
        try:
            return cls(pid=pid, created=psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def find(self) -> psutil.Process | None:
        """The process, if it still lives."""
        try:
            process = psutil.Process(self.pid)
            # The boot time, from which creation times are computed, may be corrected by a second or two.
            if abs(process.create_time() - self.created) < 3 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.Error:
            return None
        return None


class Phase(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


class StackState(BaseModel):
    """The content of the state file.

    Attributes:
        environment: settings of the stack as environment variables, for more workers and gateways.
        error: why the start failed.
    """

    phase: Phase
    supervisor: ProcessRef
    children: dict[str, ProcessRef] = Field(default_factory=dict)
    stack: RunningStack | None = None
    environment: dict[str, str] = Field(default_factory=dict, repr=False)
    error: str | None = None


def write_state(home: StackHome, state: StackState) -> None:
    write_private(home.state_file, state.model_dump_json(indent=1))


def find_state(home: StackHome) -> StackState | None:
    """The last written state, of a living or a dead supervisor.

    Raises:
        StackError: The file cannot be read.
    """
    try:
        return StackState.model_validate_json(home.state_file.read_bytes())
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StackError(f"The stack in {home.folder} belongs to another user.") from error
    except (ValidationError, OSError) as error:
        raise StackError(
            f"The state file {home.state_file} is damaged. Make sure no process of this stack is left, delete the "
            f"file and run `perdure up` again; the data beside it is kept."
        ) from error


def find_live_state(home: StackHome) -> StackState | None:
    """The state of a living supervisor."""
    if not is_locked(home):
        return None
    state = find_state(home)
    # A supervisor that has just taken the lock has not yet replaced the state of the one before it.
    return state if state and state.supervisor.find() else None


def read_running(home: Path) -> RunningStack | None:
    """The stack that runs in the folder `home` (usually `.perdure`), or None."""
    state = find_live_state(StackHome(home))
    return state.stack if state and state.phase == Phase.RUNNING else None
