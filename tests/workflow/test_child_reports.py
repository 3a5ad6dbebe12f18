"""The end of a run inside another one is not forgotten when the outer one begins anew."""

import asyncio

from models.controls import EventDelivery
from models.ids import GraphExecId, workflow_id
from models.values import Value
from models.waits import ChildFinished
from tests.builders import make_agent_node, make_graph, make_link, make_node
from tests.engine import OWNER, Engine
from tests.polling import eventually
from tests.workflow.test_continue_as_new import counting
from tests.workflow.waiting import Handle, update, waiting


async def test_what_a_child_has_told_is_kept_until_its_end_is_known(restless_engine: Engine) -> None:
    """It tells its end a moment before it ends, and a long history may make the parent begin anew in between."""
    engine = restless_engine
    sleeper = make_graph([make_node("slow", "sleep", seconds=600)], [], blocks=engine.blocks)
    child = await engine.save(sleeper)
    nodes, links = counting(limit=40)
    nodes += [make_agent_node("agent", child), make_node("gate", "wait_for_event_block", name="go")]
    nodes[0] = make_node("seed", "echo")
    links.append(make_link("gate.payload", "seed.value"))
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    [row] = await waiting(engine, handle, "agent")
    assert row.wait is not None
    assert row.wait.graph_exec_id is not None
    inside = GraphExecId(row.wait.graph_exec_id)
    await handle.signal("child_finished", ChildFinished(graph_exec_id=inside, status="COMPLETED", node_exec_count=1))
    latest: Handle = engine.client.get_workflow_handle(handle.id)
    await waiting(engine, latest, "gate")
    await update(latest, "deliver_event", EventDelivery(name="go", payload=Value(inline=0)))

    async def loop_is_done() -> bool:
        return (await latest.query("get_progress"))["completed"] >= 42

    await eventually(loop_is_done)
    await engine.client.get_workflow_handle(workflow_id(inside, OWNER)).terminate()
    result = await asyncio.wait_for(handle.result(), 30)
    assert result.stats.node_error_count == 0
