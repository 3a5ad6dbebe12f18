"""The client against the whole stack: its README, both its forms, and a gateway that dies."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from perdure_client import (
    AsyncPerdureClient,
    Conflict,
    Forbidden,
    NotFound,
    PerdureClient,
    RunUnfinished,
    Unauthorized,
    ValidationFailed,
)
from tests.e2e.stack_folder import StackFolder, pids
from tests.llm_server import ECHO, LLMServer

ROOT = Path(__file__).parents[2]


def graph(nodes: list[dict[str, Any]], links: list[str]) -> dict[str, Any]:
    """Links are written "a.pin b.pin"."""
    ends = [(source.split("."), sink.split(".")) for source, sink in (link.split() for link in links)]
    names = ("source_id", "source_name", "sink_id", "sink_name")
    return {
        "name": "From the client",
        "nodes": nodes,
        "links": [dict(zip(names, (*a, *b), strict=True)) for a, b in ends],
    }


EACH = graph(
    [
        {"id": "in", "block_id": "agent_input_block", "input_default": {"name": "items"}},
        {"id": "each", "block_id": "step_through_items_block"},
        {"id": "out", "block_id": "agent_output_block", "input_default": {"name": "item"}},
    ],
    ["in.result each.items", "each.item out.value"],
)
ENDLESS = graph(
    [
        {"id": "seed", "block_id": "store_value_block", "input_default": {"input": 1}},
        {"id": "loop", "block_id": "calculator_block", "input_default": {"operation": "Add", "b": 1}},
    ],
    ["seed.output loop.a", "loop.result loop.a"],
)


@pytest.fixture
def client(running_stack: StackFolder) -> Iterator[PerdureClient]:
    running = running_stack.running()
    with PerdureClient(running.gateway_url, running.dev_token) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def async_client(running_stack: StackFolder) -> AsyncIterator[AsyncPerdureClient]:
    running = running_stack.running()
    async with AsyncPerdureClient(running.gateway_url, running.dev_api_key) as client:
        yield client


def environment(stack: StackFolder) -> dict[str, str]:
    running = stack.running()
    return stack.env | {"PERDURE_URL": running.gateway_url, "PERDURE_API_KEY": running.dev_api_key}


async def run_python(stack: StackFolder, *arguments: str, text: str | None = None) -> str:
    command = [sys.executable, *arguments]
    ended = await asyncio.to_thread(
        subprocess.run, command, env=environment(stack), input=text, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def test_the_code_of_the_readme_runs(running_stack: StackFolder) -> None:
    code = re.findall(r"^```python\n(.*?)^```", (ROOT / "client/README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(code) >= 5
    await run_python(running_stack, "-W", "error", "-", text="\n".join(code))


async def test_the_client_of_the_manual(running_stack: StackFolder, llm_server: LLMServer) -> None:
    printed = await run_python(running_stack, str(ROOT / "examples/manual_client/client.py"), "Perdure", "endures.")
    assert printed == f"{ECHO}Analyse this text: Perdure endures.\n"
    assert len(llm_server.requests) == 1


def test_graphs_from_first_version_to_last(client: PerdureClient) -> None:
    made = client.graphs.create(EACH)
    assert (made.version, made.is_active, [node.id for node in made.nodes]) == (1, True, ["in", "each", "out"])
    second = client.graphs.replace(made.id, EACH | {"name": "Second", "is_active": False})
    assert client.graphs.get(made.id).name == "Second"
    assert client.graphs.get(made.id, version=1).name == "From the client"
    assert [(one.version, one.is_active) for one in client.graphs.versions(made.id)] == [(2, False), (1, True)]
    client.graphs.set_active(made.id, second.version)
    assert next(one for one in client.graphs.list() if one.id == made.id).version == 2
    assert client.graphs.diff(made.id, 1, 2).fields == {"name": {"from": "From the client", "to": "Second"}}
    assert client.graphs.delete(made.id) == 2
    with pytest.raises(NotFound):
        client.graphs.get(made.id)


def test_a_graph_is_checked_without_being_saved(client: PerdureClient) -> None:
    before = client.graphs.list().total
    assert client.graphs.validate(EACH).valid
    broken = client.graphs.validate(graph([{"id": "a", "block_id": "no_such_block"}], []))
    assert (broken.valid, list(broken.node_errors)) == (False, ["a"])
    assert client.graphs.list().total == before


def test_an_export_comes_in_again(client: PerdureClient) -> None:
    saved = client.graphs.create(EACH)
    out = client.graphs.get(saved.id, for_export=True)
    assert out.user_id == ""
    tried = client.graphs.import_graph(out.model_dump(mode="json"), dry_run=True)
    assert (tried.saved, tried.report.runnable) == (False, True)
    with pytest.raises(NotFound):
        client.graphs.get(tried.graph.id)
    again = client.graphs.import_graph(out.model_dump(mode="json"))
    assert (again.saved, again.report.findings) == (True, [])
    assert client.graphs.get(again.graph.id).nodes[0].input_default == saved.nodes[0].input_default
    for graph_id in (saved.id, again.graph.id):
        client.graphs.delete(graph_id)


async def test_a_run_by_pages_and_events(async_client: AsyncPerdureClient) -> None:
    made = await async_client.graphs.create(EACH)
    results = await async_client.run_and_wait(made.id, {"items": list(range(7))}, timeout=90)
    assert (results.status, results.outputs) == ("COMPLETED", {"item": list(range(7))})
    nodes = [node async for node in async_client.executions.nodes(results.execution_id, page_size=2)]
    assert sorted(node.node_id for node in nodes) == ["each", "in", *["out"] * 7]
    assert len({node.node_exec_id for node in nodes}) == 9
    events = [event async for event in async_client.iter_events(results.execution_id)]
    assert events[-1].kind == "graph_execution_update"
    assert events[-1].status == "COMPLETED"
    later = [event async for event in async_client.iter_events(results.execution_id, since=events[-2].cursor)]
    assert later == events[-1:]
    listed = await async_client.executions.list_of_graph(made.id)
    assert (listed.total, listed[0].id) == (1, results.execution_id)


async def test_one_key_is_one_run(async_client: AsyncPerdureClient) -> None:
    made = await async_client.graphs.create(EACH)
    await async_client.graphs.replace(made.id, EACH)
    calls = [async_client.execute(made.id, {"items": [1]}, version=1, idempotency_key="one") for _ in range(5)]
    runs = await asyncio.gather(*calls)
    assert {(run.id, run.graph_version) for run in runs} == {(runs[0].id, 1)}
    with pytest.raises(ValidationFailed) as raised:
        await async_client.execute(made.id, {"items": [2]}, version=1, idempotency_key="one")
    assert raised.value.error_code == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_run_that_goes_on_is_waited_for_and_ended(async_client: AsyncPerdureClient, how: str) -> None:
    made = await async_client.graphs.create(ENDLESS)
    with pytest.raises(RunUnfinished) as raised:
        await async_client.run_and_wait(made.id, timeout=0.5)
    run_id = raised.value.execution_id
    ended = await getattr(async_client.executions, how)(made.id, run_id)
    assert ended is not None
    assert (await async_client.executions.wait(run_id, timeout=60)).status == "TERMINATED"
    assert await getattr(async_client.executions, how)(made.id, run_id) is None
    await async_client.executions.delete(run_id)
    with pytest.raises(NotFound):
        await async_client.executions.get(run_id)


async def test_a_dead_gateway_does_not_end_the_events(
    running_stack: StackFolder, async_client: AsyncPerdureClient
) -> None:
    made = await async_client.graphs.create(ENDLESS)
    run = await async_client.execute(made.id)
    cursors: list[str] = []
    gateway = pids(running_stack.running())["gateway"]
    assert gateway is not None
    async with asyncio.timeout(120):
        async for event in async_client.iter_events(run.id):
            cursors.append(event.cursor)
            if len(cursors) == 50:
                os.kill(gateway, signal.SIGKILL)
            if len(cursors) == 100:
                await async_client.executions.stop(made.id, run.id)
    assert len(cursors) > 100
    assert len(set(cursors)) == len(cursors)
    assert event.status == "TERMINATED"


def test_blocks_run_by_alias(client: PerdureClient) -> None:
    assert "CalculatorBlock" in [block.name for block in client.blocks.list()]
    block = client.blocks.get("calculator_block")
    assert client.blocks.execute(block.id, {"operation": "Add", "a": 1, "b": 2}) == {"result": [3]}
    with pytest.raises(NotFound):
        client.blocks.get("no_such_block")


def test_keys_from_making_to_revoking(running_stack: StackFolder, client: PerdureClient) -> None:
    made = client.api_keys.create("Reader", permissions=["READ_GRAPH"], description="Only reads")
    assert made.plain_text_key.endswith(made.api_key.tail)
    with PerdureClient(running_stack.running().gateway_url, made.plain_text_key) as reader:
        assert reader.graphs.list().total == client.graphs.list().total
        with pytest.raises(Forbidden):
            reader.graphs.create(EACH)
        client.api_keys.set_permissions(made.api_key.id, ["READ_GRAPH", "WRITE_GRAPH"])
        assert reader.graphs.create(EACH).version == 1
        client.api_keys.suspend(made.api_key.id)
        with pytest.raises(Unauthorized):
            reader.graphs.list()
        client.api_keys.activate(made.api_key.id)
        assert reader.graphs.list().total
        assert client.api_keys.revoke(made.api_key.id).status == "REVOKED"
        with pytest.raises(Unauthorized):
            reader.user()
    with pytest.raises(Conflict):
        client.api_keys.activate(made.api_key.id)
    found = client.api_keys.get(made.api_key.id)
    assert found.last_used_at is not None
    assert made.plain_text_key not in "".join(key.model_dump_json() for key in client.api_keys.list())


def test_who_and_whether(client: PerdureClient) -> None:
    assert client.user().email.endswith("@example.com")
    assert client.health().status == "healthy"
