"""`perdure graphs` as a user types it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli_calls import doubling, graph, perdure, perdure_json, write
from tests.e2e.stack_folder import StackFolder


async def save(stack: StackFolder, folder: Path, content: dict[str, Any], *options: str) -> dict[str, Any]:
    return await perdure_json(stack, "graphs", "import", write(folder / "graph.json", content), *options)


@pytest.mark.parametrize("wrapper", [None, "graph", "graph_data"])
async def test_import_takes_graphs_as_they_come(
    running_stack: StackFolder, tmp_path: Path, wrapper: str | None
) -> None:
    content = doubling(name="From a file")
    file = write(tmp_path / "graph.json", {wrapper: content, "marketplace_name": "x"} if wrapper else content)
    ended = await perdure(running_stack, "graphs", "import", file, "--name", "Renamed")
    graph_id, *rest = ended.stdout.split()
    assert rest == ["version", "1", "Renamed"]
    listed = await perdure_json(running_stack, "graphs", "list")
    assert [one["name"] for one in listed if one["id"] == graph_id] == ["Renamed"]


async def test_a_graph_goes_out_and_comes_in_again(running_stack: StackFolder, tmp_path: Path) -> None:
    made = await save(
        running_stack, tmp_path, doubling(name="Round trip", description="d" * 1500, instructions="i", input_schema={})
    )
    out = str(tmp_path / "exported.json")
    ended = await perdure(running_stack, "graphs", "export", made["id"], "-o", out)
    assert ended.returncode == 0
    assert ended.stdout == ""
    text = Path(out).read_text()
    assert made["user_id"] not in text
    assert json.loads(text) == await perdure_json(running_stack, "graphs", "export", made["id"])
    again = await perdure_json(running_stack, "graphs", "import", out)
    for field in ("name", "description", "instructions"):
        assert again[field] == made[field]
    assert [node["id"] for node in again["nodes"]] == [node["id"] for node in made["nodes"]]
    assert [link["source_name"] for link in again["links"]] == [link["source_name"] for link in made["links"]]
    assert again["id"] != made["id"]


async def test_versions_are_made_listed_compared_and_chosen(running_stack: StackFolder, tmp_path: Path) -> None:
    made = await save(running_stack, tmp_path, doubling())
    changed = doubling(name="Tripling")
    changed["nodes"][2]["input_default"]["b"] = 3
    changed["nodes"].append({"id": "more", "block_id": "note_block"})
    second = await save(running_stack, tmp_path, changed, "--into", made["id"])
    assert (second["id"], second["version"], second["is_active"]) == (made["id"], 2, True)

    versions = await perdure(running_stack, "graphs", "versions", made["id"])
    assert versions.stdout.splitlines()[1].split()[:2] == ["2", "active"]
    shown = await perdure(running_stack, "graphs", "diff", made["id"], "1", "2")
    assert {"~ name: Typed -> Tripling", "+ node more", "~ node x2, input_default.b: 2 -> 3"} <= set(
        shown.stdout.splitlines()
    )
    compared = await perdure_json(running_stack, "graphs", "diff", made["id"], "1", "2")
    assert compared["fields"] == {"name": {"from": "Typed", "to": "Tripling"}}
    same = await perdure(running_stack, "graphs", "diff", made["id"], "2", "2")
    assert same.stdout == "Versions 2 and 2 are the same.\n"

    ended = await perdure(running_stack, "graphs", "activate", made["id"], "1")
    assert ended.stdout == "Version 1 is active.\n"
    first = await perdure_json(running_stack, "graphs", "show", made["id"], "--version", "1")
    assert first["is_active"] is True
    missing = await perdure(running_stack, "graphs", "activate", made["id"], "7")
    assert missing.returncode == 1
    assert "v7 not found" in missing.stderr


async def test_show_tells_what_a_graph_takes_and_gives(running_stack: StackFolder, tmp_path: Path) -> None:
    made = await save(running_stack, tmp_path, doubling(description="Doubles each item"))
    shown = (await perdure(running_stack, "graphs", "show", made["id"])).stdout
    for expected in ("Typed", "Doubles each item", "items", "doubled", "CalculatorBlock"):
        assert expected in shown


@pytest.mark.parametrize(
    ("content", "code", "expected"),
    [
        (doubling(), 0, "The graph can run."),
        (graph([{"id": "a", "block_id": "no_such_block"}]), 1, "node 'a', block_id: Invalid block"),
        (graph([{"id": "a", "block_id": "calculator_block"}]), 1, "node 'a'"),
    ],
    ids=["good", "cannot be saved", "cannot run"],
)
async def test_validate_says_what_is_wrong(
    running_stack: StackFolder, tmp_path: Path, content: dict[str, Any], code: int, expected: str
) -> None:
    file = write(tmp_path / "graph.json", content)
    before = await perdure_json(running_stack, "graphs", "list")
    ended = await perdure(running_stack, "graphs", "validate", file)
    assert (ended.returncode, ended.stderr) == (code, "")
    assert expected in " ".join(ended.stdout.split())
    as_json = await perdure(running_stack, "graphs", "validate", file, "--json")
    assert json.loads(as_json.stdout)["run"]["ready"] is (code == 0)
    assert await perdure_json(running_stack, "graphs", "list") == before


async def test_delete_asks_first(running_stack: StackFolder, tmp_path: Path) -> None:
    made = await save(running_stack, tmp_path, doubling())
    for answer in ("n\n", ""):
        refused = await perdure(running_stack, "graphs", "delete", made["id"], text=answer)
        assert refused.returncode == 1
        assert "Delete 'Typed'" in refused.stderr
    assert (await perdure_json(running_stack, "graphs", "show", made["id"]))["id"] == made["id"]
    deleted = await perdure(running_stack, "graphs", "delete", made["id"], text="y\n")
    assert (deleted.returncode, deleted.stdout) == (0, "'Typed' is deleted (1 version).\n")
    gone = await perdure(running_stack, "graphs", "show", made["id"])
    assert gone.returncode == 1
    assert "not found" in gone.stderr


async def test_delete_can_be_told_before(running_stack: StackFolder, tmp_path: Path) -> None:
    made = await save(running_stack, tmp_path, doubling())
    assert await perdure_json(running_stack, "graphs", "delete", made["id"], "--yes") == {
        "deleted": made["id"],
        "version_counts": 1,
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("graphs", "nonsense"), 2), (("graphs", "show"), 2), (("graphs", "diff", "g", "one", "2"), 2)],
)
async def test_wrong_usage_is_2(running_stack: StackFolder, arguments: tuple[str, ...], code: int) -> None:
    assert (await perdure(running_stack, *arguments)).returncode == code


async def test_nothing_here_is_3(tmp_path: Path) -> None:
    ended = await perdure(StackFolder(tmp_path), "graphs", "list", "--json")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "perdure up" in ended.stderr


async def test_a_gateway_is_named_by_options_or_environment(running_stack: StackFolder, tmp_path: Path) -> None:
    running = running_stack.running()
    named = ("--url", running.gateway_url, "--api-key")
    elsewhere = StackFolder(tmp_path)
    assert isinstance(await perdure_json(elsewhere, "graphs", "list", *named, running.dev_api_key), list)
    by_environment = StackFolder(tmp_path, PERDURE_URL=running.gateway_url, PERDURE_API_KEY=running.dev_api_key)
    assert isinstance(await perdure_json(by_environment, "graphs", "list"), list)
    for key, message in (("agpt_" + "x" * 43, "HTTP 401"), ("with space", "no key has")):
        refused = await perdure(elsewhere, "graphs", "list", *named, key)
        assert refused.returncode == 1
        assert message in " ".join(refused.stderr.split())
        assert key not in refused.stderr
