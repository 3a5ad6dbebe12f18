"""Exported agents on the command line: in, run, and out again."""

import json
from pathlib import Path

from tests.e2e.cli_calls import perdure, perdure_json, write
from tests.e2e.stack_folder import StackFolder
from tests.exports import GONE, calculator_export, delegating_export, old_export, team_export


async def test_an_exported_agent_comes_in_and_runs(running_stack: StackFolder, tmp_path: Path) -> None:
    body = calculator_export(version=369, is_active=False)
    file = tmp_path / "agent.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps({"graph_data": body, "marketplace_name": "x"}).encode())
    ended = await perdure(running_stack, "graphs", "import", str(file))
    graph_id, *rest = ended.stdout.split()
    assert rest == ["version", "1", "Calculator"]
    out = str(tmp_path / "out.json")
    assert (await perdure(running_stack, "graphs", "export", graph_id, "-o", out)).returncode == 0
    for agent in (str(file), out):
        run = await perdure_json(running_stack, "run", agent, "--input", "Input=5")
        assert run["outputs"] == {"Output": [39]}


async def test_agents_that_run_agents_come_in_and_run(running_stack: StackFolder, tmp_path: Path) -> None:
    file = write(tmp_path / "agent.json", delegating_export())
    saved = await perdure_json(running_stack, "graphs", "import", file)
    assert saved["report"] == saved["report"] | {"runnable": True, "findings": []}
    out = await perdure_json(running_stack, "graphs", "export", saved["id"])
    run = await perdure_json(running_stack, "run", write(tmp_path / "out.json", out), "--input", "Number!=5")
    assert run["outputs"] == {"The sum": [39]}


async def test_the_report_says_what_will_not_run(running_stack: StackFolder, tmp_path: Path) -> None:
    file = write(tmp_path / "agent.json", old_export())
    before = await perdure_json(running_stack, "graphs", "list")
    dry = await perdure(running_stack, "graphs", "import", file, "--dry-run")
    assert dry.returncode == 0
    for expected in ("The agent cannot run here yet: 1 problem to solve.", "Ask the model"):
        assert expected in dry.stdout
    assert GONE in "".join(dry.stdout.split())
    assert await perdure_json(running_stack, "graphs", "list") == before
    saved = await perdure_json(running_stack, "graphs", "import", file)
    assert [block["block_id"] for block in saved["report"]["missing_blocks"]] == [GONE]
    shown = await perdure(running_stack, "graphs", "show", saved["id"])
    assert f"node 'missing' cannot run: Invalid block '{GONE}'" in " ".join(shown.stdout.split())


async def test_a_team_comes_in_and_goes_out_whole(running_stack: StackFolder, tmp_path: Path) -> None:
    saved = await perdure_json(running_stack, "graphs", "import", write(tmp_path / "team.json", team_export()))
    out = await perdure_json(running_stack, "graphs", "export", saved["id"])
    assert [one["name"] for one in out["sub_graphs"]] == ["First", "Second"]
    assert saved["user_id"] not in json.dumps(out)
    again = await perdure_json(running_stack, "graphs", "import", write(tmp_path / "again.json", out))
    assert {one["id"] for one in again["sub_graphs"]}.isdisjoint(one["id"] for one in out["sub_graphs"])


async def test_files_that_hold_no_agent_are_refused(running_stack: StackFolder, tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text('{"nodes": [], "name": "x", "x": ' + "[" * 500 + "]" * 500 + "}")
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    for name, content in (("list.json", []), ("text.json", "x"), ("other.json", {"graph_data": {"nodes": 1}})):
        write(tmp_path / name, content)
    for name, message in (
        ("deep.json", "nested"),
        ("huge.json", "is larger than"),
        ("list.json", "holds no graph"),
        ("text.json", "holds no graph"),
        ("other.json", "holds no graph"),
        ("absent.json", "There is no file"),
    ):
        ended = await perdure(running_stack, "graphs", "import", str(tmp_path / name))
        assert (ended.returncode, ended.stdout) == (1, ""), name
        assert message in " ".join(ended.stderr.split()), name


async def test_a_dry_run_is_not_for_versions(running_stack: StackFolder, tmp_path: Path) -> None:
    file = write(tmp_path / "agent.json", calculator_export())
    ended = await perdure(running_stack, "graphs", "import", file, "--dry-run", "--into", "any")
    assert ended.returncode == 1
    assert "perdure graphs validate" in " ".join(ended.stderr.split())
