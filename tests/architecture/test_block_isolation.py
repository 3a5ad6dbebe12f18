"""Blocks that run ask nothing of the operating system: neither files nor network nor environment nor processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import models

ROOT = Path(models.__path__[0]).parent

CURIOUS = """
import os, socket, subprocess
from models.blocks import Block, BlockExample, BlockInput, OutputWithoutError

class CuriousBlock(Block):
    id = "7b0f6b8e-0000-4000-8000-000000000031"
    description = "Looks around."
    Input = BlockInput
    Output = OutputWithoutError
    examples = (BlockExample(input={}),)

    async def run(self, input, context):
        os.environ.get("HOME")
        open(os.devnull).close()
        socket.socket().close()
        subprocess.run(["true"])
        os.listdir("/")
        if False:
            yield
"""


def watch(*paths: Path) -> list[str]:
    """What blocks asked for, those installed under `paths` too."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *paths)))}
    command = [sys.executable, "-m", "tests.architecture.watched_blocks"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_examples_of_blocks_ask_nothing_of_the_system() -> None:
    assert watch() == []


@pytest.mark.parametrize("event", ["environment HOME", "open /dev/null", "socket.", "subprocess.Popen", "os.listdir /"])
def test_a_block_that_asks_is_seen(event: str, seen: list[str]) -> None:
    assert [line for line in seen if line.startswith(f"CuriousBlock: {event}")]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("curious")
    (folder / "curious_blocks.py").write_text(CURIOUS)
    metadata = folder / "curious-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[perdure.blocks]\ncurious = curious_blocks\n")
    return watch(folder)
