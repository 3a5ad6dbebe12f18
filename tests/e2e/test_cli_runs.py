"""`perdure run`, `perdure executions` and `perdure demo` as a user types them."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perdure_client import PerdureClient
from tests.e2e.stack_folder import PERDURE, StackFolder, is_alive, pids
from tests.polling import eventually_blocking

ROOT = Path(__file__).parents[2]


def graph_file(folder: Path, nodes: list[dict[str, Any]], links: list[tuple[str, str]]) -> str:
    graph = {
        "name": "From the command line",
        "nodes": nodes,
        "links": [
            dict(zip(("source_id", "source_name", "sink_id", "sink_name"), (*a.split("."), *b.split(".")), strict=True))
            for a, b in links
        ],
    }
    path = folder / "graph.json"
    path.write_text(json.dumps(graph))
    return str(path)


def doubling(folder: Path) -> str:
    nodes = [
        {"id": "in", "block_id": "agent_input_block", "input_default": {"name": "items"}},
        {"id": "each", "block_id": "step_through_items_block"},
        {"id": "x2", "block_id": "calculator_block", "input_default": {"operation": "Multiply", "b": 2}},
        {"id": "out", "block_id": "agent_output_block", "input_default": {"name": "doubled"}},
    ]
    links = [("in.result", "each.items"), ("each.item", "x2.a"), ("x2.result", "out.value")]
    return graph_file(folder, nodes, links)


def endless(folder: Path) -> str:
    nodes = [
        {"id": "seed", "block_id": "store_value_block", "input_default": {"input": 1}},
        {"id": "loop", "block_id": "calculator_block", "input_default": {"operation": "Add", "b": 1}},
    ]
    return graph_file(folder, nodes, [("seed.output", "loop.a"), ("loop.result", "loop.a")])


async def perdure(stack: StackFolder, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(stack.perdure, *arguments)


async def test_run_prints_outputs_and_ends_with_0(running_stack: StackFolder, tmp_path: Path) -> None:
    ended = await perdure(running_stack, "run", doubling(tmp_path), "-i", "items=[1, 2.5]")
    assert ended.returncode == 0, ended.stderr
    assert "COMPLETED" in ended.stdout
    assert "doubled" in ended.stdout
    assert "5.0" in ended.stdout


async def test_run_as_json_prints_json_alone(running_stack: StackFolder, tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text("[1, 2]")
    inputs = f"items=@{tmp_path / 'items.json'}"
    ended = await perdure(running_stack, "run", doubling(tmp_path), "-i", inputs, "--json")
    result = json.loads(ended.stdout)
    assert (ended.returncode, result["status"], result["outputs"]) == (0, "COMPLETED", {"doubled": [2.0, 4.0]})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("missing.json",), "There is no file 'missing.json'"),
        (("broken.json",), "cannot be read as JSON"),
        (("nothing.json",), "holds no graph"),
        (("unknown.json",), "node 'a', block_id: Invalid block 'no_such_block'"),
        (("graph.json", "-i", "items"), "is not of the form name=value"),
    ],
    ids=["no file", "no JSON", "no graph", "unknown block", "bad input"],
)
async def test_run_refuses_with_a_reason_and_1(
    running_stack: StackFolder, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    doubling(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "nothing.json").write_text("[]")
    (tmp_path / "unknown.json").write_text('{"name": "x", "nodes": [{"id": "a", "block_id": "no_such_block"}]}')
    name, *options = arguments
    path = name if name == "missing.json" else str(tmp_path / name)
    ended = await perdure(running_stack, "run", path, *options)
    assert ended.returncode == 1
    assert expected in " ".join(ended.stderr.split())


async def test_an_input_that_the_graph_does_not_have_is_named(running_stack: StackFolder, tmp_path: Path) -> None:
    graph = doubling(tmp_path)
    ended = await perdure(running_stack, "run", graph, "-i", "item=[1]", "-i", "items=[2]")
    assert ended.returncode == 0, ended.stderr
    assert "the graph has no input named item. It has: items." in " ".join(ended.stdout.split())
    silent = await perdure(running_stack, "run", graph, "-i", "items=[2]", "--json")
    assert "no input named" not in silent.stderr


@contextmanager
def running(stack: StackFolder, graph: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """`perdure run --json` of a graph, once its run runs; ended in any case."""
    process = subprocess.Popen(
        [str(PERDURE), "run", graph, "--json", *options],
        cwd=stack.folder,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    own = stack.running()

    def latest_runs() -> bool:
        return any(run.status == "RUNNING" for run in client.executions.list(page_size=1).items)

    with process, PerdureClient(own.gateway_url, own.dev_api_key) as client:
        try:
            eventually_blocking(latest_runs, what="the run runs")
            yield process
        finally:
            process.kill()


def test_ctrl_c_stops_the_run_and_ends_with_130(running_stack: StackFolder, tmp_path: Path) -> None:
    with running(running_stack, endless(tmp_path)) as process:
        os.killpg(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=90)
    assert process.returncode == 130
    assert json.loads(printed)["status"] == "TERMINATED"


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_executions_are_shown_and_ended(running_stack: StackFolder, tmp_path: Path, how: str) -> None:
    process = running_stack.start("run", endless(tmp_path))

    def find_running() -> str | None:
        listed = json.loads(running_stack.perdure("executions", "list", "--json", "-n", "5").stdout)
        return next((run["id"] for run in listed if run["status"] == "RUNNING"), None)

    run_id = await asyncio.to_thread(eventually_blocking, find_running, what="the endless run runs")
    ended = await perdure(running_stack, "executions", how, run_id)
    shown = await perdure(running_stack, "executions", "show", run_id)
    again = await perdure(running_stack, "executions", how, run_id)
    assert "TERMINATED" in ended.stdout
    assert "TERMINATED" in shown.stdout
    assert "Nothing to" in again.stdout
    assert await asyncio.to_thread(process.wait, 60) == 1


def test_a_killed_worker_of_the_stack_loses_nothing(running_stack: StackFolder, tmp_path: Path) -> None:
    items = json.dumps(list(range(200)))
    with running(running_stack, doubling(tmp_path), "-i", f"items={items}") as process:
        worker = pids(running_stack.running())["worker"]
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
        printed, _ = process.communicate(timeout=120)
    result = json.loads(printed)
    assert not is_alive(worker)
    assert result["outputs"] == {"doubled": [float(2 * item) for item in range(200)]}
    assert result["stats"]["node_exec_count"] == 402


async def test_without_a_stack_the_command_says_what_to_do(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    ended = await perdure(stack, "run", doubling(tmp_path))
    assert ended.returncode == 3
    assert "perdure up" in ended.stderr


async def test_demo_runs_from_nothing_to_a_report_and_shuts_down(tmp_path: Path) -> None:
    stack = StackFolder(tmp_path)
    small = tmp_path / "example"
    small.mkdir()
    (small / "graph.json").write_bytes((ROOT / "examples/penguins/graph.json").read_bytes())
    penguins = json.loads((ROOT / "examples/penguins/penguins.json").read_bytes())[::10]
    (small / "penguins.json").write_text(json.dumps(penguins))
    (small / "inputs.json").write_bytes((ROOT / "examples/penguins/inputs.json").read_bytes())
    ended = await perdure(stack, "demo", str(small))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(penguins)} measured" in ended.stdout
    assert "COMPLETED" in ended.stdout
    assert "/namespaces/default/workflows/graph-exec-" in ended.stdout
    assert (await perdure(stack, "status")).returncode == 3
