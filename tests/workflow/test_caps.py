"""Limits of what a run may store and give: an error on the node, or a result that says how much it lacks."""

from collections.abc import Mapping
from typing import Any

from activities.outputs import MAX_OUTPUT_VALUES
from models.execution import ExecutionStatus
from models.graph import Graph
from models.values import RUN_STORAGE_BYTES
from models.wire import CarriedState, ExecuteGraphInput
from tests.builders import make_graph, make_link, make_node, make_run
from tests.engine import OWNER, Engine
from workflows.dataflow import Dataflow
from workflows.run_report import RunReport


async def going_on(engine: Engine, graph: Graph, progress: Mapping[str, Any]) -> ExecuteGraphInput:
    """A run as it goes on after continue-as-new, with its starting nodes ready."""
    run = await make_run(graph, blocks=engine.blocks, values=engine.values)
    flow = Dataflow(run.plan)
    flow.start({})
    return run.model_copy(update={"carried": CarriedState(dataflow=flow.dump(), progress=dict(progress))})


async def test_a_run_that_has_stored_all_it_may_fails_only_nodes_that_store_more(engine: Engine) -> None:
    nodes = [
        make_node("large", "spread", count=1, size=100_000),
        make_node("small", "spread", count=1),
        make_node("error", "agent_output_block", name="error"),
        make_node("out", "agent_output_block", name="out"),
    ]
    links = [make_link("large.error", "error.value"), make_link("small.out", "out.value")]
    graph = make_graph(nodes, links, blocks=engine.blocks)
    run = await going_on(engine, graph, RunReport(stored_bytes=RUN_STORAGE_BYTES - 1000).dump())
    await engine.runner.start(run, owner_key_id=OWNER)
    outcome = await engine.outcome(await engine.handle(run).result())
    [failed] = outcome.result.stats.failed_nodes
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert (failed.node_id, failed.code) == ("large", "value_too_large")
    assert outcome.outputs["out"] == [0]
    assert f"1000 bytes of {RUN_STORAGE_BYTES}" in outcome.outputs["error"][0]


async def test_outputs_beyond_the_limit_are_left_out_visibly_and_the_run_completes(engine: Engine) -> None:
    """Six executions of a last node emit 17 000 values each."""
    nodes = [make_node("six", "spread", count=6), make_node("many", "spread", count=17_000)]
    graph = make_graph(nodes, [make_link("six.out", "many.offset")], blocks=engine.blocks)
    outcome = await engine.execute(graph)
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.omitted_outputs == 6 * 17_000 - MAX_OUTPUT_VALUES
    kept = outcome.terminal["many"]["out"]
    assert len(kept) == MAX_OUTPUT_VALUES
    assert (kept[0], kept[-1]) == ({"inline": 0}, {"inline": 14_999 + 5})
