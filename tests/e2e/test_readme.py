"""The README, followed line by line: every command in it, in order, in one shell."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose import ROOT
from tests.e2e.stack_folder import StackFolder

README = ROOT / "README.md"
ENVIRONMENT = Path(sys.executable).parent
ANSWER = '"outputs":{"doubled":[42.0]}'
LONG_SECONDS = 1800

PRELUDE = """\
set -eE -o pipefail
trap 'echo "failed: $BASH_COMMAND" >&2' ERR
"""


def commands() -> list[str]:
    """The indented blocks of the README."""
    blocks: list[str] = []
    block: list[str] = []
    for line in [*README.read_text().splitlines(), "end"]:
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
        elif block:
            blocks.append("\n".join(block).rstrip())
            block = []
    return blocks


def follow(folder: Path, script: list[str], *, path: str, seconds: float) -> str:
    """What the commands print; the folder's stack is ended in any case."""
    env = StackFolder(folder).env | {"PATH": path}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PERDURE_URL", "PERDURE_API_KEY"):
        env.pop(name, None)
    text = PRELUDE + "\n".join(script)
    try:
        ended = subprocess.run(
            ["bash", "-c", text], cwd=folder, env=env, capture_output=True, text=True, timeout=seconds
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout
    finally:
        stack = StackFolder(folder)
        if stack.home.exists():
            stack.perdure("down")


def check(folder: Path, printed: str) -> None:
    assert ANSWER in printed
    assert "COMPLETED" in printed
    assert StackFolder(folder).perdure("status").returncode == 3, "the last command ends the stack"


def test_the_readme_has_commands() -> None:
    lines = "\n".join(commands()).splitlines()
    assert {"make demo", "make test", "perdure down"} <= set(lines)
    assert any(line.startswith("make setup &&") for line in lines)
    assert ANSWER in README.read_text()


def test_its_commands_work_in_the_installed_environment(tmp_path: Path) -> None:
    """All but the make targets, which the long test runs."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    script = [line for block in commands() for line in block.splitlines() if not line.startswith("make ")]
    printed = follow(tmp_path, script, path=f"{ENVIRONMENT}:{os.environ['PATH']}", seconds=240)
    check(tmp_path, printed)


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS + 120)
def test_its_commands_work_in_a_clean_clone(tmp_path: Path) -> None:
    """With the base tools alone. `make test` would run this test, so it is only shown to exist."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    script = [re.sub(r"^make (?=test$)", "make -n ", line) for block in commands() for line in block.splitlines()]
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != ENVIRONMENT)
    printed = follow(clone, script, path=path, seconds=LONG_SECONDS)
    check(clone, printed)
    assert "-m pytest" in printed
