"""What an execution shows in Temporal: titles, search attributes, counts; and never a plain value."""

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from models.execution import ExecutionStatus
from tests.builders import make_graph, make_link, make_node
from tests.engine import OWNER, Engine

CANARY = "canary-7f3a91"


async def test_one_activity_per_node_execution_and_one_to_close(engine: Engine) -> None:
    nodes = [make_node("s", "spread", count=10), make_node("e", "echo")]
    handle = await engine.start(make_graph(nodes, [make_link("s.out", "e.value")], blocks=engine.blocks))
    await handle.result()
    history = await handle.fetch_history()
    assert activity_names(history) == ["execute_block"] * 11 + ["close_execution"]


async def test_activities_are_titled_like_their_nodes(engine: Engine) -> None:
    nodes = [
        make_node("a", "echo", {"customized_name": "Fetch the list"}, value=1),
        make_node("out", "agent_output_block", name="total"),
    ]
    handle = await engine.start(make_graph(nodes, [make_link("a.out", "out.value")], blocks=engine.blocks))
    await handle.result()
    history = await handle.fetch_history()
    converter = engine.client.data_converter
    titles = []
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            [title] = await converter.decode([event.user_metadata.summary], [str])
            titles.append(title)
    assert titles == ["Fetch the list", "Agent Output: total", "Record the result"]


async def test_search_attributes_and_details(engine: Engine) -> None:
    graph = make_graph([make_node("a", "echo", value=1)], blocks=engine.blocks, name="My graph")
    handle = await engine.start(graph)
    await handle.result()
    description = await handle.describe()
    found = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert {name: found[name] for name in ("GraphId", "GraphVersion", "UserId", "Trigger")} == {
        "GraphId": graph.id,
        "GraphVersion": 1,
        "UserId": "user-1",
        "Trigger": "manual",
    }
    assert found["GraphExecutionStatus"] == ExecutionStatus.COMPLETED
    assert await description.static_summary() == "My graph"
    assert handle.id.endswith(f".{OWNER}")


async def test_no_plain_value_or_name_in_the_history(engine: Engine) -> None:
    nodes = [
        make_node("in", "agent_input_block", name="token", secret=True),
        make_node("a", "fail", {"customized_name": f"title {CANARY}"}, message=f"failed with {CANARY}"),
        make_node("out", "agent_output_block", name=f"out {CANARY}"),
    ]
    links = [make_link("in.result", "a.value"), make_link("a.out", "out.value"), make_link("a.error", "out.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks, name=f"graph {CANARY}")
    handle = await engine.start(graph, {"token": f"secret {CANARY}"})
    outcome = await engine.outcome(await handle.result())
    history = await handle.fetch_history()
    raw = b"".join(event.SerializeToString() for event in history.events)
    raw += (await handle.describe()).raw_description.SerializeToString()

    assert outcome.outputs == {f"out {CANARY}": [f"secret {CANARY}", f"failed with {CANARY}"]}
    assert CANARY.encode() not in raw


async def test_large_values_stay_out_of_the_history(engine: Engine) -> None:
    nodes = [make_node("s", "spread", count=1, size=1_000_000), *(make_node(f"e{i}", "echo") for i in range(20))]
    links = [make_link("s.out", f"e{i}.value") for i in range(20)]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    await handle.result()
    history = await handle.fetch_history()
    assert sum(event.ByteSize() for event in history.events) < 200_000


def activity_names(history: WorkflowHistory) -> list[str]:
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
