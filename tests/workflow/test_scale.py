"""Long, wide and heavy graphs: the budgets of the dispatcher hold."""

import pytest

from models.execution import ExecutionStatus
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine


async def run_chain(engine: Engine, length: int) -> None:
    nodes = [make_node("n0", "echo", value="v"), *(make_node(f"n{i}", "echo") for i in range(1, length))]
    links = [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(length - 1)]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.result.stats.node_exec_count == length
    assert outcome.terminal[f"n{length - 1}"]["out"] == [{"inline": "v"}]


async def run_fan_out(engine: Engine, *, width: int, size: int = 0) -> None:
    nodes = [
        make_node("spread", "spread", count=width, size=size),
        make_node("each", "echo"),
        make_node("out", "agent_output_block", name="all"),
    ]
    links = [make_link("spread.out", "each.value"), make_link("each.out", "out.value")]
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    expected = [str(i).ljust(size, "x") if size else i for i in range(width)]
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.outputs["all"] == expected
    assert outcome.result.stats.node_exec_count == 2 * width + 1


async def test_chain_of_300(engine: Engine) -> None:
    await run_chain(engine, 300)


async def test_fan_out_of_200_values_of_100_kb(engine: Engine) -> None:
    await run_fan_out(engine, width=200, size=100_000)


async def test_more_inline_payload_at_once_than_one_activation_may_carry(engine: Engine) -> None:
    """A late static value frees 4.5 MB of waiting values: more than a workflow task completion may have."""
    sources = [make_node(f"s{i}", "spread", count=25, size=15_000) for i in range(12)]
    nodes = [*sources, make_node("late", "sleep", value=1, seconds=3), make_node("c", "count_items_block")]
    links = [make_link(f"s{i}.out", "c.collection_#_item") for i in range(12)]
    links.append(make_link("late.out", "c.collection_#_late", static=True))
    outcome = await engine.execute(make_graph(nodes, links, blocks=engine.blocks))
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert outcome.terminal["c"]["count"] == [{"inline": 2}] * 300


async def test_fan_out_of_500(engine: Engine) -> None:
    await run_fan_out(engine, width=500)


async def test_inputs_too_large_for_any_activity_fail_their_node_alone(engine: Engine) -> None:
    """120 values of 15 KB each stay inline, but together no activity could take them."""
    sources = [make_node(f"s{i}", "spread", count=1, size=15_000) for i in range(120)]
    nodes = [*sources, make_node("d", "create_dictionary_block"), make_node("e", "agent_output_block", name="error")]
    links = [make_link(f"s{i}.out", f"d.values_#_{i}") for i in range(120)]
    outcome = await engine.execute(make_graph(nodes, [*links, make_link("d.error", "e.value")], blocks=engine.blocks))
    [failed] = outcome.result.stats.failed_nodes
    assert outcome.result.status is ExecutionStatus.COMPLETED
    assert (failed.node_id, failed.code) == ("d", "value_too_large")
    assert "travels by reference" in outcome.outputs["error"][0]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_fan_out_of_5000(engine: Engine) -> None:
    await run_fan_out(engine, width=5000)
