"""A folder with a local stack, driven through the `perdure` command as a user would."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from infra.embedded.stack import RunningStack, read_running
from infra.settings import SETTINGS_CLASSES

PERDURE = Path(sys.executable).with_name("perdure")
PROCESS_NAMES = ("gateway", "worker", "temporal", "postgres", "redis")


class StackFolder:
    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.home = folder / ".perdure"
        ours = {name.upper() for group in SETTINGS_CLASSES for name in group.model_fields} | {"PERDURE_HOME"}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        self.env = inherited | {"PERDURE_CONFIG": str(folder / "config")} | settings

    def perdure(
        self, *arguments: str, seconds: float = 120, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PERDURE), *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            input=stdin,
            check=False,
        )

    def up(self, *arguments: str) -> RunningStack:
        ended = self.perdure("up", "--detach", *arguments)
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return self.running()

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """A command that goes on in the background."""
        return subprocess.Popen(
            [str(PERDURE), *arguments],
            cwd=self.folder,
            env=self.env | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def running(self) -> RunningStack:
        running = read_running(self.home)
        assert running is not None, "no stack runs"
        return running

    def supervisor_pid(self) -> int:
        return int(json.loads((self.home / "stack.json").read_text())["supervisor"]["pid"])

    def down(self) -> None:
        ended = self.perdure("down")
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


def pids(stack: RunningStack) -> Mapping[str, int | None]:
    return {name: getattr(stack.processes, name) for name in PROCESS_NAMES}


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
