"""`perdure reviews`, `perdure events` and what `perdure executions` can do to a run that goes on."""

import asyncio
from typing import Any

from perdure_client import PerdureClient
from tests.e2e.cli_calls import graph, perdure, perdure_json
from tests.e2e.stack_folder import StackFolder
from tests.polling import eventually

HUMAN = "8b2a7b3c-6e9d-4a5f-8c1b-2e3f4a5b6c7d"
WAIT_FOR_EVENT = "49473e26-7b45-47bd-836a-22566136fee4"


def asking(count: int = 1) -> dict[str, Any]:
    constants = {"data": {"price": 5}, "name": "Buy it?"}
    return graph([{"id": f"ask{n}", "block_id": HUMAN, "input_default": constants} for n in range(count)])


def waiting() -> dict[str, Any]:
    schema = {"type": "object", "required": ["id"]}
    constants = {"name": "paid", "payload_schema": schema}
    return graph([{"id": "wait", "block_id": WAIT_FOR_EVENT, "input_default": constants}])


def failing() -> dict[str, Any]:
    template = {"values": {}, "format": "{{ broken"}
    broken = {"id": "broken", "block_id": "fill_text_template_block", "input_default": template}
    return graph([broken, {"id": "after", "block_id": "store_value_block"}], ["broken.output after.input"])


def connect(stack: StackFolder) -> PerdureClient:
    running = stack.running()
    return PerdureClient(running.gateway_url, running.dev_api_key)


def start(stack: StackFolder, content: dict[str, Any], **options: Any) -> str:
    with connect(stack) as client:
        return client.execute(client.graphs.create(content).id, **options).id


async def until_status(stack: StackFolder, run_id: str, status: str) -> dict[str, Any]:
    with connect(stack) as client:
        await eventually(lambda: client.executions.get(run_id).status == status)
        return client.executions.get(run_id).outputs


async def until_awaited(stack: StackFolder, run_id: str) -> None:
    with connect(stack) as client:
        await eventually(lambda: len(client.events.awaited(run_id)) > 0)


async def test_reviews_are_listed_shown_and_decided(running_stack: StackFolder) -> None:
    run_id = start(running_stack, asking(2))
    await until_status(running_stack, run_id, "REVIEW")
    [first, second] = await perdure_json(running_stack, "reviews", "list", "--run", run_id)
    listed = await perdure(running_stack, "reviews", "list", "--run", run_id)
    assert "Buy it?" in listed.stdout
    assert first["node_exec_id"] in listed.stdout
    shown = await perdure(running_stack, "reviews", "show", first["node_exec_id"])
    assert "asked: Buy it?" in shown.stdout
    assert '"price": 5' in shown.stdout

    approved = await perdure(
        running_stack, "reviews", "approve", first["node_exec_id"], "--message", "Fine", "--data", '{"price": 6}'
    )
    assert (approved.returncode, approved.stdout) == (0, "Approved.\n"), approved.stderr
    again = await perdure(running_stack, "reviews", "approve", first["node_exec_id"])
    assert again.returncode == 1
    assert "decided" in again.stderr
    rejected = await perdure_json(running_stack, "reviews", "reject", second["node_exec_id"])
    assert rejected["rejected_count"] == 1
    outputs = await until_status(running_stack, run_id, "COMPLETED")
    assert {"price": 6} in [pins.get("approved_data", [None])[0] for pins in outputs.values()]
    decided = await perdure(running_stack, "reviews", "show", first["node_exec_id"], "--run", run_id)
    assert "answered: Fine" in decided.stdout
    missing = await perdure(running_stack, "reviews", "show", "nobody")
    assert missing.returncode == 1
    controls = await perdure(running_stack, "executions", "controls", run_id)
    assert controls.stdout.count("decide_review") == 2


async def test_events_are_listed_and_sent(running_stack: StackFolder) -> None:
    run_id = start(running_stack, waiting())
    await until_awaited(running_stack, run_id)
    [event] = await perdure_json(running_stack, "events", "list", run_id)
    assert event["name"] == "paid"
    assert "paid" in (await perdure(running_stack, "events", "list", run_id)).stdout
    refused = await perdure(running_stack, "events", "send", run_id, "paid", "--data", "text")
    assert refused.returncode == 1
    assert "does not fit" in refused.stderr
    sent = await perdure(running_stack, "events", "send", run_id, "paid", "--data", '{"id": 1}')
    assert sent.returncode == 0, sent.stderr
    outputs = await until_status(running_stack, run_id, "COMPLETED")
    assert outputs["wait"]["payload"] == [{"id": 1}]
    assert (await perdure(running_stack, "events", "send", run_id, "paid")).returncode == 1


async def test_a_run_is_paused_extended_and_resumed(running_stack: StackFolder) -> None:
    run_id = start(running_stack, waiting(), timeout_seconds=600)
    await until_awaited(running_stack, run_id)
    [event] = await perdure_json(running_stack, "events", "list", run_id)
    paused = await perdure(running_stack, "executions", "pause", run_id, "--reason", "lunch")
    assert (paused.returncode, paused.stdout) == (0, "The run is RUNNING, paused.\n"), paused.stderr
    extended = await perdure(running_stack, "executions", "extend", run_id, "--for", "2h")
    assert extended.returncode == 0, extended.stderr
    moved = await perdure_json(
        running_stack, "executions", "extend", run_id, "--until", "2030-01-01T00:00", "--waiting", event["node_exec_id"]
    )
    assert moved == {"node_exec_ids": [event["node_exec_id"]]}
    wrong = await perdure(running_stack, "executions", "extend", run_id, "--for", "soon")
    assert wrong.returncode == 1
    resumed = await perdure_json(running_stack, "executions", "resume", run_id)
    assert resumed["paused_at"] is None
    skipped = await perdure(running_stack, "executions", "skip", run_id, "wait")
    assert skipped.returncode == 0, skipped.stderr
    await until_status(running_stack, run_id, "COMPLETED")
    records = await perdure_json(running_stack, "executions", "controls", run_id)
    actions = [record["action"] for record in records]
    assert actions == ["pause", "extend_deadline", "extend_deadline", "resume", "skip_node"]


async def test_a_held_run_is_mended(running_stack: StackFolder) -> None:
    run_id = start(running_stack, failing(), hold_on_failure=True)
    await until_status(running_stack, run_id, "REVIEW")
    assert (await perdure(running_stack, "executions", "retry", run_id, "broken")).returncode == 0
    with connect(running_stack) as client:
        await eventually(lambda: len(client.executions.controls(run_id)) > 0)
    await until_status(running_stack, run_id, "REVIEW")
    mended = await perdure(running_stack, "executions", "set-output", run_id, "broken", "-o", "output=mended")
    assert mended.returncode == 0, mended.stderr
    assert await until_status(running_stack, run_id, "COMPLETED") == {"after": {"output": ["mended"]}}
    late = await perdure(running_stack, "executions", "release", run_id)
    assert late.returncode == 1
    assert "has ended" in late.stderr


async def test_a_held_run_is_released(running_stack: StackFolder) -> None:
    run_id = start(running_stack, failing(), hold_on_failure=True)
    await until_status(running_stack, run_id, "REVIEW")
    assert (await perdure(running_stack, "executions", "release", run_id)).stdout == "The run ends now.\n"
    await until_status(running_stack, run_id, "COMPLETED")


async def test_a_run_is_left_alone_and_a_saved_graph_run_by_its_id(running_stack: StackFolder) -> None:
    with connect(running_stack) as client:
        graph_id = client.graphs.create(asking()).id
    run_id = (await perdure(running_stack, "run", graph_id, "--detach")).stdout.strip()
    await until_status(running_stack, run_id, "REVIEW")
    started = await perdure_json(running_stack, "run", graph_id, "--detach")
    assert (started["graph_id"], started["status"]) == (graph_id, "QUEUED")
    for left in (run_id, started["id"]):
        with connect(running_stack) as client:
            client.executions.cancel(graph_id, left)


async def test_who_follows_a_run_is_told_that_it_waits_for_people(running_stack: StackFolder) -> None:
    with connect(running_stack) as client:
        graph_id = client.graphs.create(asking()).id
    following = asyncio.create_task(perdure(running_stack, "run", graph_id))

    async def decided() -> bool:
        reviews = await perdure_json(running_stack, "reviews", "list")
        for review in reviews:
            if review["graph_id"] == graph_id:
                await perdure(running_stack, "reviews", "approve", review["node_exec_id"])
                return True
        return False

    await eventually(decided)
    ended = await following
    assert ended.returncode == 0
    assert "waits for people" in ended.stdout
