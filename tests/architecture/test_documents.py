"""Documents name commands, options, targets, services, settings and files that exist."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from infra.settings import SETTINGS_CLASSES
from services.cli.main import app
from tests.compose import ROOT, env_example, raw_compose

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)
every_document = pytest.mark.parametrize("text", [path.read_text() for path in DOCUMENTS], ids=lambda text: text[:20])

COMPOSE_COMMANDS = {"build", "config", "down", "exec", "logs", "ps", "restart", "run", "up"}
SETTINGS = {name.upper() for group in SETTINGS_CLASSES for name in group.model_fields}
# Read by the command line, the workflow's codec address in prose, and by other programs.
OTHER_VARIABLES = {"PERDURE_URL", "PERDURE_API_KEY", "PERDURE_HOME", "PYTHON"}


def code(text: str) -> Iterator[str]:
    """Code spans, and lines of indented or fenced blocks."""
    for part in re.split(r"^```.*$", text, flags=re.MULTILINE)[1::2]:
        yield from part.splitlines()
    for line in text.splitlines():
        if line.startswith("    "):
            yield line.partition(" #")[0].strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def check_command(words: list[str]) -> None:
    """`words` is what follows `perdure`."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if word.startswith("--"):
            names = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
            assert word.partition("=")[0] in names, f"perdure {' '.join(words)}"
        elif hasattr(command, "get_command") and re.fullmatch("[a-z-]+", word):
            command = command.get_command(None, word)
            assert command is not None, f"perdure {' '.join(words)}"


@every_document
def test_commands_and_their_options_exist(text: str) -> None:
    for line in code(text):
        for command in re.findall(r"(?:^|[\s(])perdure ([a-z][^|;&)<>]*)", line):
            check_command(command.split())


@every_document
def test_make_targets_exist(text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for line in code(text) for target in re.findall(r"(?:^|\s)make ([a-z-]+)", line)}
    assert named <= targets


@every_document
def test_compose_services_exist(text: str) -> None:
    services = raw_compose()["services"].keys()
    for line in code(text):
        for command, rest in re.findall(r"docker compose ([a-z]+)([^|;&>#]*)", line):
            assert command in COMPOSE_COMMANDS, line
            words = rest.split()
            for scaled in re.findall(r"--scale (\S+)=", rest):
                assert scaled in services, line
            if command in ("exec", "run"):
                assert next(word for word in words if not word.startswith("-")) in services, line


@every_document
def test_links_lead_somewhere(text: str) -> None:
    folders = [path.parent for path in DOCUMENTS if path.read_text() == text]
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert any((folder / target).exists() for folder in folders), target


def test_settings_named_for_operators_exist() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    active, commented = env_example()
    known = SETTINGS | OTHER_VARIABLES | active.keys() | commented.keys()
    named = {name for span in code(text) for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", span)}
    assert named
    assert named <= known
