"""`perdure presets` and `perdure run --preset` as a user types them."""

from pathlib import Path

from tests.e2e.cli_calls import doubling, perdure, perdure_json, write
from tests.e2e.stack_folder import StackFolder


async def test_a_preset_is_saved_run_and_deleted(running_stack: StackFolder, tmp_path: Path) -> None:
    graph = await perdure_json(running_stack, "graphs", "import", write(tmp_path / "graph.json", doubling()))
    created = await perdure(
        running_stack,
        *("presets", "create", "Two numbers", "--graph", graph["id"], "-i", "items=[1, 2]", "--description", "Small"),
        wide=True,
    )
    preset_id, *name = created.stdout.split()
    assert name == ["Two", "numbers"]
    listed = await perdure(running_stack, "presets", "list", "--graph", graph["id"])
    assert listed.stdout.splitlines()[1].split()[:5] == [preset_id, "Two", "numbers", "items", "yes"]
    shown = (await perdure(running_stack, "presets", "show", preset_id)).stdout
    assert shown.splitlines() == ["Two numbers", "Small", f"graph {graph['id']} version 1", "  items = [1, 2]"]

    for command in (("presets", "run", preset_id), ("run", "--preset", preset_id)):
        result = await perdure_json(running_stack, *command)
        assert (result["status"], result["outputs"]) == ("COMPLETED", {"doubled": [2.0, 4.0]})
        assert (result["preset_id"], result["graph_id"]) == (preset_id, graph["id"])
    own = await perdure_json(running_stack, "run", "--preset", preset_id, "-i", "items=[5]")
    assert own["outputs"] == {"doubled": [10.0]}

    of_run = await perdure_json(running_stack, "presets", "create", "As then", "--from-run", own["id"], "--inactive")
    assert (of_run["inputs"], of_run["graph_version"], of_run["is_active"]) == ({"items": [5]}, 1, False)
    refused = await perdure(running_stack, "run", "--preset", of_run["id"])
    assert refused.returncode == 1
    assert "is not active" in refused.stderr

    asked = await perdure(running_stack, "presets", "delete", preset_id, text="n\n")
    assert (asked.returncode, "Nothing was done" in asked.stderr) == (1, True)
    deleted = await perdure_json(running_stack, "presets", "delete", preset_id, "--yes")
    assert deleted == {"deleted": preset_id}
    gone = await perdure(running_stack, "run", "--preset", preset_id)
    assert (gone.returncode, f"Preset #{preset_id} not found." in gone.stderr) == (1, True)


async def test_wrong_usage_says_what_to_name(running_stack: StackFolder, tmp_path: Path) -> None:
    file = write(tmp_path / "graph.json", doubling())
    for arguments in (
        ("run",),
        ("run", file, "--preset", "p"),
        ("presets", "create", "Name"),
        ("presets", "create", "Name", "--graph", "g", "--from-run", "e"),
        ("presets", "create", "Name", "--from-run", "e", "-i", "x=1"),
    ):
        ended = await perdure(running_stack, *arguments)
        assert ended.returncode == 2, arguments
        assert "--preset" in ended.stderr or "--from-run" in ended.stderr
