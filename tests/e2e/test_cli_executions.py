"""`perdure executions` as a user types it."""

import asyncio
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from perdure_client import PerdureClient
from tests.e2e.cli_calls import doubling, endless, graph, perdure, perdure_json
from tests.e2e.stack_folder import PERDURE, StackFolder


def start(stack: StackFolder, content: dict[str, Any], **inputs: Any) -> tuple[str, str]:
    """Ids of a graph and of a run of it."""
    running = stack.running()
    with PerdureClient(running.gateway_url, running.dev_api_key) as client:
        made = client.graphs.create(content)
        return made.id, client.execute(made.id, inputs).id


async def test_tail_follows_a_run_to_its_end(running_stack: StackFolder) -> None:
    _, run_id = start(running_stack, doubling(), items=[1, 2, 3])
    ended = await perdure(running_stack, "executions", "tail", run_id)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d  \S.*  [A-Z]+$", line) for line in lines)
    assert len([line for line in lines if line.endswith("Calculator  COMPLETED")]) == 3
    assert lines[0].endswith("(run)  QUEUED")
    assert lines[-1].endswith("(run)  COMPLETED")


async def test_tail_of_an_ended_run_as_json_lines(running_stack: StackFolder) -> None:
    _, run_id = start(running_stack, doubling(), items=[1])
    first = await perdure(running_stack, "executions", "tail", run_id, "--json")
    again = await perdure(running_stack, "executions", "tail", run_id, "--json")
    assert again.stdout == first.stdout
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert (events[-1]["kind"], events[-1]["status"]) == ("graph_execution_update", "COMPLETED")
    assert {event["graph_exec_id"] for event in events} == {run_id}
    new = await perdure(running_stack, "executions", "tail", run_id, "--new")
    assert (new.returncode, new.stdout) == (0, "")


async def test_tail_shows_why_a_node_failed(running_stack: StackFolder) -> None:
    broken = {"id": "a", "block_id": "fill_text_template_block", "input_default": {"values": {}, "format": "{{ broken"}}
    _, run_id = start(running_stack, graph([broken]))
    ended = await perdure(running_stack, "executions", "tail", run_id, wide=True)
    [failed] = [line for line in ended.stdout.splitlines() if "FAILED" in line]
    shown = await perdure_json(running_stack, "executions", "show", run_id)
    [reason] = [node["error"] for node in shown["stats"]["failed_nodes"]]
    assert failed.endswith(" ".join(reason.split()))


async def test_tail_ends_with_1_when_the_run_is_stopped(running_stack: StackFolder) -> None:
    _, run_id = start(running_stack, endless())
    tail = start_tail(running_stack, run_id)
    assert await asyncio.to_thread(tail.stdout.readline)
    await perdure(running_stack, "executions", "cancel", run_id)
    printed, _ = await asyncio.to_thread(tail.communicate, timeout=60)
    assert tail.returncode == 1
    assert printed.splitlines()[-1].endswith("(run)  TERMINATED  Cancelled")


async def test_ctrl_c_ends_the_tail_and_not_the_run(running_stack: StackFolder) -> None:
    _, run_id = start(running_stack, endless())
    tail = start_tail(running_stack, run_id)
    assert await asyncio.to_thread(tail.stdout.readline)
    os.killpg(tail.pid, signal.SIGINT)
    await asyncio.to_thread(tail.communicate, timeout=60)
    assert tail.returncode == 130
    shown = await perdure_json(running_stack, "executions", "show", run_id)
    assert shown["status"] == "RUNNING"
    await perdure(running_stack, "executions", "cancel", run_id)


async def test_tail_of_nothing_is_refused(running_stack: StackFolder) -> None:
    ended = await perdure(running_stack, "executions", "tail", "no-such-run", "--json")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "not found" in ended.stderr


async def test_lists_show_names_and_fit(running_stack: StackFolder, tmp_path: Path) -> None:
    long_name = "A graph with a name that is far too long for any terminal of eighty columns"
    graph_id, run_id = start(running_stack, doubling(name=long_name), items=[])
    listed = await perdure(running_stack, "executions", "list", "-n", "5")
    [line] = [line for line in listed.stdout.splitlines() if run_id in line]
    assert "  A graph " in line
    of_graph = await perdure_json(running_stack, "executions", "list", "--graph", graph_id)
    assert [one["id"] for one in of_graph] == [run_id]


async def test_a_list_is_narrowed_by_a_query(running_stack: StackFolder) -> None:
    graph_id, run_id = start(running_stack, doubling(name="Found by its name"), items=[1])
    await perdure(running_stack, "executions", "tail", run_id)
    for query in ("'found by' status = COMPLETED", f"graph_id = {graph_id} AND created > -10m"):
        found = await perdure_json(running_stack, "executions", "list", "--query", query)
        assert [one["id"] for one in found] == [run_id]
    of_graph = await perdure(running_stack, "executions", "list", "--graph", graph_id, "-q", "status != COMPLETED")
    assert of_graph.stdout == "No run matches the query.\n"
    refused = await perdure(running_stack, "executions", "list", "-q", "status = DONE")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "column 10" in " ".join(refused.stderr.split())


async def test_a_run_is_deleted_after_asking(running_stack: StackFolder) -> None:
    _, run_id = start(running_stack, endless())
    kept = await perdure(running_stack, "executions", "delete", run_id, text="n\n")
    assert kept.returncode == 1
    assert await perdure_json(running_stack, "executions", "delete", run_id, "--yes") == {"deleted": run_id}
    gone = await perdure(running_stack, "executions", "show", run_id)
    assert gone.returncode == 1


def start_tail(stack: StackFolder, run_id: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(PERDURE), "executions", "tail", run_id],
        cwd=stack.folder,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
