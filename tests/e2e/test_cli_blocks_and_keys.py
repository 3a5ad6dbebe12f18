"""`perdure blocks` and `perdure keys` as a user types them."""

import json
from pathlib import Path

import pytest

from tests.e2e.cli_calls import perdure, perdure_json
from tests.e2e.stack_folder import StackFolder


async def test_blocks_are_listed_and_searched(running_stack: StackFolder) -> None:
    listed = (await perdure(running_stack, "blocks", "list")).stdout
    assert "CalculatorBlock" in listed
    found = await perdure_json(running_stack, "blocks", "list", "calculator")
    assert [block["name"] for block in found] == ["CalculatorBlock"]
    assert "No such blocks" in (await perdure(running_stack, "blocks", "list", "zzz")).stdout


@pytest.mark.parametrize("name", ["CalculatorBlock", "calculator", "calculator_block"])
async def test_a_block_is_shown_by_any_of_its_names(running_stack: StackFolder, name: str) -> None:
    shown = (await perdure(running_stack, "blocks", "show", name)).stdout
    for expected in ("CalculatorBlock", "operation", "(required)", "round_result", "result"):
        assert expected in shown


async def test_a_block_runs(running_stack: StackFolder, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("40")
    inputs = ("-i", f"a=@{tmp_path / 'a'}", "-i", "b=2", "-i", "operation=Add")
    assert await perdure_json(running_stack, "blocks", "run", "calculator", *inputs) == {"result": [42]}
    assert "42" in (await perdure(running_stack, "blocks", "run", "calculator", *inputs)).stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nothing_like_it",), "not found"),
        (("calculator", "-i", "a=1"), "operation"),
        (("fill_text_template", "-i", "values={}", "-i", "format={{ broken"), "template"),
    ],
    ids=["unknown", "incomplete", "fails"],
)
async def test_a_block_that_does_not_run_says_why(
    running_stack: StackFolder, arguments: tuple[str, ...], expected: str
) -> None:
    ended = await perdure(running_stack, "blocks", "run", *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert expected in ended.stderr.lower()


async def test_a_key_is_shown_once_and_revoked(running_stack: StackFolder) -> None:
    made = await perdure(running_stack, "keys", "create", "From the shell", "-p", "READ_GRAPH")
    key = made.stdout.strip()
    assert key.startswith("agpt_")
    assert "not shown again" in made.stderr
    assert key not in made.stderr

    options = ("--url", running_stack.running().gateway_url, "--api-key", key)
    assert isinstance(await perdure_json(running_stack, "graphs", "list", *options), list)
    refused = await perdure(running_stack, "blocks", "run", "calculator", *options)
    assert refused.returncode == 1
    assert "HTTP 403" in " ".join(refused.stderr.split())

    [listed] = [one for one in await perdure_json(running_stack, "keys", "list") if one["name"] == "From the shell"]
    table = (await perdure(running_stack, "keys", "list")).stdout
    assert listed["id"] in table
    assert key not in table + json.dumps(listed)
    assert listed["last_used_at"] is not None

    kept = await perdure(running_stack, "keys", "revoke", listed["id"], text="n\n")
    assert kept.returncode == 1
    revoked = await perdure(running_stack, "keys", "revoke", listed["id"], "--yes")
    assert revoked.stdout == "'From the shell' is REVOKED.\n"
    assert (await perdure(running_stack, "graphs", "list", *options)).returncode == 1


async def test_a_key_as_json(running_stack: StackFolder) -> None:
    made = await perdure_json(running_stack, "keys", "create", "As JSON", "--description", "d")
    assert made["plain_text_key"].endswith(made["api_key"]["tail"])
    revoked = await perdure_json(running_stack, "keys", "revoke", made["api_key"]["id"], "--yes")
    assert revoked["status"] == "REVOKED"


async def test_an_unknown_permission_is_wrong_usage(running_stack: StackFolder) -> None:
    ended = await perdure(running_stack, "keys", "create", "x", "-p", "EVERYTHING")
    assert ended.returncode == 2
    assert "READ_GRAPH" in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_is_offered(running_stack: StackFolder, shell: str) -> None:
    script = await perdure(running_stack, "--show-completion", shell)
    assert script.returncode == 0
    assert "_PERDURE_COMPLETE" in script.stdout


async def test_completion_knows_the_commands(running_stack: StackFolder) -> None:
    asking = {"_PERDURE_COMPLETE": "complete_bash", "COMP_WORDS": "perdure graphs ", "COMP_CWORD": "2"}
    asked = StackFolder(running_stack.folder, **asking)
    offered = (await perdure(asked)).stdout.split()
    assert {"list", "show", "import", "export", "delete", "validate", "versions", "activate", "diff"} <= set(offered)
