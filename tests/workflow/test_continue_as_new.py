"""Runs that go on in a new history: nothing is lost, doubled or forgotten, however large what waits is."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle

from infra.embedded.server import running
from infra.migrate import upgrade_database
from models.execution import ExecutionStatus
from models.graph import Link, Node
from models.values import Value
from models.wire import StopRequest
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine
from tests.polling import eventually
from tests.workflow.test_history import activity_names
from tests.workflow.test_projection import engine_on, own_postgres, with_postgres

Handle = WorkflowHandle[Any, Any]


def counting(*, limit: int) -> tuple[list[Node], list[Link]]:
    """A loop of `limit` rounds: one value on `count.again` for each but the last, which gives one on `count.done`."""
    nodes = [make_node("seed", "echo", value=0), make_node("count", "counter", limit=limit)]
    return nodes, [make_link("seed.out", "count.value"), make_link("count.again", "count.value")]


async def start(engine: Engine, nodes: list[Node], links: list[Link]) -> Handle:
    return await engine.start(make_graph(nodes, links, blocks=engine.blocks, name="My graph"))


async def chain_of(engine: Engine, handle: Handle) -> list[Handle]:
    """The runs of one execution, oldest first; all of them have ended."""
    runs = [engine.client.get_workflow_handle(handle.id, run_id=(await handle.describe()).raw_info.first_run_id)]
    while True:
        history = await runs[-1].fetch_history()
        attributes = history.events[-1].workflow_execution_continued_as_new_event_attributes
        if not attributes.new_execution_run_id:
            return runs
        runs.append(engine.client.get_workflow_handle(handle.id, run_id=attributes.new_execution_run_id))


async def test_a_loop_goes_on_where_it_was(restless_engine: Engine) -> None:
    nodes, links = counting(limit=60)
    nodes.append(make_node("out", "agent_output_block", name="all"))
    links += [make_link("count.again", "out.value"), make_link("count.done", "out.value")]
    handle = await start(restless_engine, nodes, links)
    outcome = await restless_engine.outcome(await handle.result())
    assert outcome.outputs == {"all": list(range(1, 61))}
    assert outcome.result.stats.node_exec_count == 1 + 60 + 60
    assert len(await chain_of(restless_engine, handle)) >= 4


async def test_what_waits_for_its_partner_is_carried(restless_engine: Engine) -> None:
    """A hundred values wait; partners come one by one, over many runs."""
    nodes, links = counting(limit=40)
    nodes += [make_node("many", "spread", count=100), make_node("pair", "create_dictionary_block")]
    links += [make_link("many.out", "pair.values_#_x"), make_link("count.again", "pair.values_#_y")]
    handle = await start(restless_engine, nodes, links)
    outcome = await restless_engine.outcome(await handle.result())
    pairs = [value["inline"] for value in outcome.terminal["pair"]["dictionary"]]
    assert pairs == [{"x": i, "y": i + 1} for i in range(39)]
    assert outcome.result.stats.leftover_count == 61
    assert len(await chain_of(restless_engine, handle)) >= 3


async def test_static_values_serve_executions_of_later_runs(restless_engine: Engine) -> None:
    nodes, links = counting(limit=40)
    nodes += [make_node("constant", "agent_input_block", name="k", value=1000), make_node("sum", "sum")]
    links += [make_link("constant.result", "sum.a"), make_link("count.again", "sum.b")]
    handle = await start(restless_engine, nodes, links)
    outcome = await restless_engine.outcome(await handle.result())
    assert [value["inline"] for value in outcome.terminal["sum"]["out"]] == [1000.0 + i for i in range(1, 40)]
    assert len(await chain_of(restless_engine, handle)) >= 3


async def test_a_later_run_can_be_stopped_and_tells_of_all_of_them(restless_engine: Engine) -> None:
    nodes, links = counting(limit=1_000_000)
    handle = await start(restless_engine, nodes, links)
    first_run_id = (await handle.describe()).run_id

    async def has_continued() -> bool:
        return (await handle.describe()).run_id != first_run_id

    await eventually(has_continued)
    progress = await handle.query("get_progress")
    await handle.signal("stop", StopRequest(reason="enough"))
    result = await handle.result()
    assert (result.status, result.error) == (ExecutionStatus.TERMINATED, "enough")
    assert result.stats.node_exec_count >= progress["completed"]
    assert result.stats.node_exec_count > 5


async def test_records_that_nobody_could_write_are_carried(
    restless_engine: Engine, servers_folder: Path, tmp_path: Path
) -> None:
    server = own_postgres(servers_folder)
    settings = with_postgres(restless_engine.settings, server)
    async with engine_on(restless_engine, settings, retry_records_for=timedelta(0)) as engine:
        async with running(server, log_path=tmp_path / "first.log"):
            await upgrade_database(server.url)
        nodes, links = counting(limit=20)
        graph = make_graph(nodes, links, blocks=engine.blocks)
        handle = await engine.start(graph)

        async def all_blocks_have_run() -> bool:
            return (await handle.query("get_progress"))["completed"] == 21

        await eventually(all_blocks_have_run)
        async with running(server, log_path=tmp_path / "second.log"):
            result = await asyncio.wait_for(handle.result(), 120)
            records = await engine.node_records(graph, handle)
        runs = await chain_of(engine, handle)
    assert result.status is ExecutionStatus.COMPLETED
    assert sorted(record.firing for record in records if record.node_id == "count") == list(range(20))
    assert len(runs) >= 2
    assert "record_executions" not in [name for run in runs for name in activity_names(await run.fetch_history())]


# --- states too large for a history ------------------------------------------------------------------------------


async def run_with_large_waiting_values(engine: Engine, *, rounds: int) -> Handle:
    """20 values of 15 KB wait after each round; at the end each of them gets its partner."""
    nodes, links = counting(limit=rounds)
    nodes += [
        make_node("large", "spread", count=20, size=15_000),
        make_node("partners", "spread", count=20 * (rounds - 1)),
        make_node("pair", "create_dictionary_block"),
    ]
    links += [
        make_link("count.again", "large.offset"),
        make_link("large.out", "pair.values_#_x"),
        make_link("count.done", "partners.offset"),
        make_link("partners.out", "pair.values_#_y"),
    ]
    handle = await start(engine, nodes, links)
    outcome = await engine.outcome(await handle.result())
    emitted = [first + i for first in range(1, rounds) for i in range(20)]
    pairs = [Value.model_validate(value) for value in outcome.terminal["pair"]["dictionary"]]
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_error_count == 0
    assert len(pairs) == len(emitted)
    for place in (0, len(pairs) // 2, len(pairs) - 1):
        pair = await engine.values.load(pairs[place])
        assert (pair["x"].rstrip("x"), pair["y"]) == (str(emitted[place]), rounds + place)
    return handle


async def test_large_values_that_wait_go_to_the_blob_store(restless_engine: Engine) -> None:
    handle = await run_with_large_waiting_values(restless_engine, rounds=16)
    runs = await chain_of(restless_engine, handle)
    names = [name for run in runs for name in activity_names(await run.fetch_history())]
    assert "store_values" in names


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("restless", [True, False], ids=["suggested early", "large history"])
async def test_thousands_of_large_values_wait(restless_engine: Engine, engine: Engine, restless: bool) -> None:
    """45 MB: more than one history may hold."""
    await run_with_large_waiting_values(restless_engine if restless else engine, rounds=151)


async def test_a_state_of_many_small_values_is_carried_in_parts(restless_engine: Engine) -> None:
    nodes, links = counting(limit=150)
    nodes += [make_node(f"many{i}", "spread", count=10_000, size=100) for i in range(2)]
    nodes.append(make_node("pair", "create_dictionary_block"))
    links += [make_link(f"many{i}.out", "pair.values_#_x") for i in range(2)]
    links.append(make_link("count.again", "pair.values_#_y"))
    handle = await start(restless_engine, nodes, links)
    outcome = await restless_engine.outcome(await handle.result())
    pairs = [value["inline"] for value in outcome.terminal["pair"]["dictionary"]]
    assert [pair["y"] for pair in pairs] == list(range(1, 150))
    assert sorted({pair["x"].rstrip("x") for pair in pairs}, key=int) == [str(i) for i in range(149)]
    assert outcome.result.stats.leftover_count == 20_000 - 149
    loads = [
        activity_names(await run.fetch_history()).count("load_carried_part")
        for run in await chain_of(restless_engine, handle)
    ]
    assert loads[0] == 0
    assert sum(loads) >= 2
    assert len(loads) <= 5, "a run that loads a state must get on with it before it continues as new again"


# --- what is seen from outside -----------------------------------------------------------------------------------


async def test_a_later_run_is_found_like_the_first(restless_engine: Engine) -> None:
    """Its static summary stays with the first run: Temporal neither carries it nor lets a workflow set it."""
    nodes, links = counting(limit=40)
    graph = make_graph(nodes, links, blocks=restless_engine.blocks, name="My graph")
    handle = await restless_engine.start(graph)
    await handle.result()
    runs = await chain_of(restless_engine, handle)
    assert len(runs) >= 3
    for place, run in enumerate(runs):
        description = await run.describe()
        found = {pair.key.name: pair.value for pair in description.typed_search_attributes}
        ended = {"GraphExecutionStatus": ExecutionStatus.COMPLETED} if place == len(runs) - 1 else {}
        assert found.items() >= {"GraphId": graph.id, "GraphVersion": 1, "UserId": "user-1", **ended}.items()
        assert found["Trigger"] == "manual"
        if place == 0:
            assert await description.static_summary() == "My graph"


async def test_current_details_count_over_all_runs(restless_engine: Engine) -> None:
    nodes, links = counting(limit=40)
    handle = await start(restless_engine, nodes, links)
    await handle.result()
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert metadata.current_details == "COMPLETED: 41 done, 0 running, 0 waiting, 0 failed"
