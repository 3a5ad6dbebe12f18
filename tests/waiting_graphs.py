"""Graphs that wait for people and events, and what of them can be seen over HTTP."""

from collections.abc import Callable
from typing import Any

from httpx2 import AsyncClient

from tests.gateway import execute, graph_body, link_body, node_body, save, until_status
from tests.polling import eventually

HUMAN = "8b2a7b3c-6e9d-4a5f-8c1b-2e3f4a5b6c7d"
WAIT_FOR_EVENT = "49473e26-7b45-47bd-836a-22566136fee4"
TIMER = "d67a9c52-5e4e-11e2-bcfd-0800200c9a71"


def review_body(*, data: Any = "draft", editable: bool = True, metadata: Any = None) -> dict[str, Any]:
    """One review, and echoes of what comes of it."""
    ask = node_body("ask", HUMAN, data=data, name="Publish?", editable=editable)
    return graph_body(
        [{**ask, "metadata": metadata or {}}, node_body("yes", "echo"), node_body("no", "echo")],
        [link_body("ask.approved_data", "yes.value"), link_body("ask.rejected_data", "no.value")],
    )


def event_body(*, schema: Any = None, waiters: int = 1) -> dict[str, Any]:
    """Nodes that wait for the event `paid`, each with echoes of its token and of what came."""
    constants = {"name": "paid"} | ({} if schema is None else {"payload_schema": schema})
    nodes, links = [], []
    for number in range(waiters):
        names = f"wait{number}", f"token{number}", f"got{number}"
        nodes += [node_body(names[0], WAIT_FOR_EVENT, **constants), *(node_body(name, "echo") for name in names[1:])]
        links += [link_body(f"{names[0]}.token", f"{names[1]}.value")]
        links += [link_body(f"{names[0]}.payload", f"{names[2]}.value")]
    return graph_body(nodes, links)


def failing_body() -> dict[str, Any]:
    """One node that fails, and an echo behind it."""
    return graph_body(
        [node_body("breaks", "fail", message="broken"), node_body("after", "echo")],
        [link_body("breaks.out", "after.value")],
    )


async def start(client: AsyncClient, body: dict[str, Any], **request: Any) -> str:
    """The id of a run of a new graph."""
    graph_id = await save(client, body)
    if not request:
        return await execute(client, graph_id)
    response = await client.post(f"/api/graphs/{graph_id}/execute", json=request)
    assert response.status_code == 200, response.text
    return response.json()["id"]


async def pending(client: AsyncClient, run: str, *, count: int = 1) -> list[dict[str, Any]]:
    """The reviews of a run that wait, once there are so many."""
    return await _when(client, f"/api/review/execution/{run}", _waiting, count)


async def awaited(client: AsyncClient, run: str, *, count: int = 1) -> list[dict[str, Any]]:
    """The events that a run waits for, once there are so many."""
    return await _when(client, f"/api/executions/{run}/awaited-events", list, count)


async def node(client: AsyncClient, run: str, node_id: str, *statuses: str) -> dict[str, Any]:
    """The latest execution of a node, once it has one of the statuses."""
    found: dict[str, Any] = {}

    async def is_there() -> bool:
        answer = (await client.get(f"/api/executions/{run}/nodes")).json()["node_executions"]
        mine = [item for item in answer if item["node_id"] == node_id]
        found.update(mine[-1] if mine else {})
        return bool(mine) and mine[-1]["status"] in statuses

    await eventually(is_there)
    return found


async def waits(client: AsyncClient, run: str, node_id: str) -> str:
    """The id of the node execution, once it waits."""
    found: dict[str, Any] = {}

    async def is_waiting() -> bool:
        answer = (await client.get(f"/api/executions/{run}/nodes")).json()["node_executions"]
        mine = [item for item in answer if item["node_id"] == node_id]
        found.update(mine[-1] if mine else {})
        return bool(mine) and mine[-1]["wait"] is not None

    await eventually(is_waiting)
    return found["node_exec_id"]


async def decide(client: AsyncClient, *decisions: dict[str, Any]) -> Any:
    return await client.post("/api/review/action", json={"reviews": list(decisions)})


async def ended(client: AsyncClient, run: str) -> dict[str, Any]:
    return await until_status(client, run, "COMPLETED", "FAILED", "TERMINATED")


def _waiting(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [review for review in found if review["status"] == "WAITING"]


async def _when(
    client: AsyncClient, path: str, wanted: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], count: int
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        found[:] = wanted((await client.get(path)).json())
        return len(found) >= count

    await eventually(are_there)
    return found
