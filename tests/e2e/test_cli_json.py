"""`--json` prints JSON alone on stdout, for every command that ends."""

import json
from pathlib import Path

from typer.main import get_command

from services.cli.main import app
from tests.e2e.stack_folder import StackFolder

FOREGROUND = {"worker", "gateway"}
"""They print nothing but their logs, which LOG_FORMAT=json makes JSON."""


def test_every_command_that_ends_has_the_option() -> None:
    def lacking(command: object, path: tuple[str, ...]) -> list[str]:
        children = getattr(command, "commands", {})
        if children:
            return [name for key, child in children.items() for name in lacking(child, (*path, key))]
        options = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]
        return [] if "--json" in options else [" ".join(path)]

    assert set(lacking(get_command(app), ())) == FOREGROUND


def test_life_of_a_stack_in_json(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    try:
        started = stack.perdure("up", "--detach", "--json")
        status = json.loads(stack.perdure("status", "--json").stdout)
        assert json.loads(started.stdout) == status
        assert json.loads(stack.perdure("migrate", "--json").stdout)["database"] == "up to date"
        lines = [json.loads(line) for line in stack.perdure("logs", "--json", "-n", "5").stdout.splitlines()]
        assert lines
        assert all(line["process"] for line in lines)
        gateway_lines = stack.perdure("logs", "gateway", "--json", "-n", "1").stdout
        assert json.loads(gateway_lines)["process"] == "gateway"
    finally:
        stopped = stack.perdure("down", "--json")
    assert json.loads(stopped.stdout) == {"stopped": True}
    assert json.loads(stack.perdure("down", "--json").stdout) == {"stopped": False}


def test_settings_and_keys_in_json(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    settings = json.loads(stack.perdure("settings", "--json").stdout)
    assert {"DATABASE_URL", "ENCRYPTION_KEYS"} <= {setting["name"] for setting in settings}
    assert ":" in json.loads(stack.perdure("keygen", "--json").stdout)["encryption_keys"]
