"""Both examples of the manual, word for word, against the running stack with an API key."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from tests.e2e.stack_folder import StackFolder
from tests.llm_server import ECHO, LLMServer


@pytest_asyncio.fixture(loop_scope="session")
async def client(running_stack: StackFolder) -> AsyncIterator[AsyncClient]:
    running = running_stack.running()
    headers = {"Authorization": f"Bearer {running.dev_api_key}"}
    async with AsyncClient(base_url=running.gateway_url, headers=headers, timeout=60) as client:
        yield client


def manual_graph(sink_pin: str) -> dict[str, Any]:
    """As the manual writes it: plain node ids, alias blocks, further keys, links without id or is_static."""
    return {
        "name": "Text analysis",
        "description": "Analyses a text",
        "nodes": [
            {
                "id": "input",
                "block_id": "text_input_block",
                "name": "Text input",
                "input_default": {},
                "input_nodes": [],
                "output_nodes": ["llm"],
                "metadata": {"position": {"x": 100, "y": 100}},
            },
            {
                "id": "llm",
                "block_id": "llm_call_block",
                "name": "Analysis",
                "input_default": {"prompt": f"Analyse this text: {{{sink_pin}}}", "model": "gpt-4", "max_tokens": 500},
                "input_nodes": ["input"],
                "output_nodes": [],
                "metadata": {"position": {"x": 300, "y": 100}},
            },
        ],
        "links": [{"source_id": "input", "sink_id": "llm", "source_name": "text", "sink_name": sink_pin}],
    }


@pytest.mark.parametrize("sink_pin", ["text", "input_text"])
async def test_example_of_the_manual(client: AsyncClient, llm_server: LLMServer, sink_pin: str) -> None:
    created = await client.post("/api/graphs", json=manual_graph(sink_pin))
    assert created.status_code == 200
    graph = created.json()
    assert graph["version"] == 1

    body = {"inputs": {"text": "Perdure endures."}, "credentials_inputs": {}}
    started = await client.post(f"/api/graphs/{graph['id']}/execute", json=body)
    assert started.status_code == 200
    assert started.json()["status"] == "QUEUED"

    results = await ended(client, started.json()["id"])
    assert results["status"] == "COMPLETED"
    assert results["outputs"] == {"llm": {"response": [f"{ECHO}Analyse this text: Perdure endures."]}}
    assert [(node["node_id"], node["status"]) for node in results["nodes"]] == [
        ("input", "COMPLETED"),
        ("llm", "COMPLETED"),
    ]
    [request] = llm_server.requests
    assert (request.body["model"], request.body["max_tokens"]) == ("gpt-4", 500)


async def test_llm_trouble_is_retried_and_the_key_never_shown(client: AsyncClient, llm_server: LLMServer) -> None:
    llm_server.fail(503)
    graph = (await client.post("/api/graphs", json=manual_graph("text"))).json()
    started = await client.post(f"/api/graphs/{graph['id']}/execute", json={"inputs": {"text": "x"}})
    results = await ended(client, started.json()["id"])
    assert results["outputs"] == {"llm": {"response": [f"{ECHO}Analyse this text: x"]}}
    assert len(llm_server.requests) == 2


async def test_llm_refusal_fails_the_node_with_the_reason(client: AsyncClient, llm_server: LLMServer) -> None:
    llm_server.fail(401)
    graph = (await client.post("/api/graphs", json=manual_graph("text"))).json()
    started = await client.post(f"/api/graphs/{graph['id']}/execute", json={"inputs": {"text": "x"}})
    results = await ended(client, started.json()["id"])
    [node] = [node for node in results["nodes"] if node["node_id"] == "llm"]
    assert results["status"] == "COMPLETED"
    assert node["status"] == "FAILED"
    assert "401" in node["error"]
    assert "sk-local" not in str(results)


async def ended(client: AsyncClient, execution_id: str) -> dict[str, Any]:
    async with asyncio.timeout(90):
        while True:
            results = (await client.get(f"/api/executions/{execution_id}/results")).json()
            if results["status"] in ("COMPLETED", "FAILED", "TERMINATED"):
                return results
            await asyncio.sleep(0.05)
