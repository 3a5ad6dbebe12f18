"""One run of every shape a history can have. Recorded by `python -m tests.replay.record`, replayed by the tests."""

from collections.abc import Awaitable, Callable
from typing import Any

from models.wire import StopRequest
from tests.builders import make_graph, make_link, make_node
from tests.engine import Engine, graph_exec_id_of
from tests.polling import eventually
from tests.replay import wait_scenarios
from tests.replay.handles import Handle, ended
from tests.sample_blocks import Journal

Scenario = Callable[[Engine], Awaitable[Handle]]


async def chain(engine: Engine) -> Handle:
    nodes = [make_node("in", "agent_input_block", name="x"), make_node("a", "echo"), make_node("b", "echo")]
    nodes.append(make_node("out", "agent_output_block", name="y"))
    links = [make_link("in.result", "a.value"), make_link("a.out", "b.value"), make_link("b.out", "out.value")]
    return await _run(engine, nodes, links, {"x": 1})


async def fan_out(engine: Engine) -> Handle:
    nodes = [make_node("s", "spread", count=30), make_node("e", "echo"), make_node("o", "agent_output_block", name="o")]
    return await _run(engine, nodes, [make_link("s.out", "e.value"), make_link("e.out", "o.value")])


async def fan_out_beyond_the_budget(engine: Engine) -> Handle:
    """A late static value frees more inline payload than one activation may carry: the rest goes after a timer."""
    sources = [make_node(f"s{i}", "spread", count=25, size=15_000) for i in range(3)]
    nodes = [*sources, make_node("late", "sleep", value=1, seconds=1.0), make_node("c", "count_items_block")]
    links = [make_link(f"s{i}.out", "c.collection_#_item") for i in range(3)]
    links.append(make_link("late.out", "c.collection_#_late", static=True))
    return await _run(engine, nodes, links)


async def loop(engine: Engine) -> Handle:
    nodes = [
        make_node("seed", "echo", value=[]),
        make_node("items", "spread", count=10),
        make_node("fold", "add_to_list_block"),
    ]
    links = [
        make_link("seed.out", "fold.list"),
        make_link("items.out", "fold.entry"),
        make_link("fold.updated_list", "fold.list"),
    ]
    return await _run(engine, nodes, links)


async def error_branch(engine: Engine) -> Handle:
    nodes = [make_node("bad", "fail", value=1), make_node("e", "agent_output_block", name="e")]
    return await _run(engine, nodes, [make_link("bad.error", "e.value")])


async def retry(engine: Engine) -> Handle:
    return await _run(engine, [make_node("f", "flaky", value=1, failures=2)], [])


async def static_back_fill(engine: Engine) -> Handle:
    nodes = [
        make_node("slow", "sleep", value=10, seconds=0.3),
        make_node("items", "spread", count=5),
        make_node("sum", "sum"),
    ]
    links = [make_link("slow.out", "sum.a", static=True), make_link("items.out", "sum.b")]
    return await _run(engine, nodes, links)


async def stop(engine: Engine) -> Handle:
    handle = await _start_slow(engine)
    await handle.signal("stop", StopRequest(grace_seconds=0))
    return await ended(handle)


async def stop_with_grace(engine: Engine) -> Handle:
    handle = await _start_slow(engine, seconds=1.0)
    await handle.signal("stop", StopRequest(grace_seconds=30))
    return await ended(handle)


async def cancel_by_signal(engine: Engine) -> Handle:
    handle = await _start_slow(engine)
    await handle.signal("cancel", StopRequest())
    return await ended(handle)


async def cancel_by_temporal(engine: Engine) -> Handle:
    handle = await _start_slow(engine)
    await handle.cancel()
    return await ended(handle)


async def cancel_after_stop(engine: Engine) -> Handle:
    handle = await _start_slow(engine)
    await handle.signal("stop", StopRequest(grace_seconds=3600))
    await handle.cancel()
    return await ended(handle)


async def failure(engine: Engine) -> Handle:
    return await _run(engine, [make_node("b", "broke"), make_node("s", "sleep", seconds=600)], [])


async def continue_as_new(engine: Engine) -> Handle:
    """Needs a server that suggests continuing as new early; gives the last run of the chain."""
    nodes = [make_node(f"n{i}", "echo", **({"value": 0} if i == 0 else {})) for i in range(12)]
    return await _run(engine, nodes, [make_link(f"n{i}.out", f"n{i + 1}.value") for i in range(11)])


async def large_values_stored(engine: Engine) -> Handle:
    """On such a server: the first run of the chain, which moves values that wait to the blob store."""
    large = [make_node(f"large{i}", "spread", count=25, size=15_000) for i in range(4)]
    handle = await _run(engine, *_waiting_beside_a_loop(large, rounds=6))
    first_run_id = (await handle.describe()).raw_info.first_run_id
    return engine.client.get_workflow_handle(handle.id, run_id=first_run_id)


async def state_in_parts_stored(engine: Engine) -> Handle:
    handle = await state_in_parts_loaded(engine)
    first_run_id = (await handle.describe()).raw_info.first_run_id
    return engine.client.get_workflow_handle(handle.id, run_id=first_run_id)


async def state_in_parts_loaded(engine: Engine) -> Handle:
    """On such a server: the last run of the chain, which began by loading a state of many small values."""
    many = [make_node(f"many{i}", "spread", count=10_000, size=50) for i in range(2)]
    return await _run(engine, *_waiting_beside_a_loop(many, rounds=6))


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        chain,
        fan_out,
        fan_out_beyond_the_budget,
        loop,
        error_branch,
        retry,
        static_back_fill,
        stop,
        stop_with_grace,
        cancel_by_signal,
        cancel_by_temporal,
        cancel_after_stop,
        failure,
        *wait_scenarios.SCENARIOS,
    )
}


RESTLESS_SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        continue_as_new,
        large_values_stored,
        state_in_parts_stored,
        state_in_parts_loaded,
        *wait_scenarios.RESTLESS_SCENARIOS,
    )
}
"""Those for a server that suggests continuing as new early."""


def _waiting_beside_a_loop(sources: list[Any], *, rounds: int) -> tuple[list[Any], list[Any]]:
    nodes = [
        *sources,
        make_node("seed", "echo", value=0),
        make_node("count", "counter", limit=rounds),
        make_node("pair", "create_dictionary_block"),
    ]
    links = [make_link(f"{source.id}.out", "pair.values_#_x") for source in sources]
    links += [make_link("seed.out", "count.value"), make_link("count.again", "count.value")]
    return nodes, [*links, make_link("count.again", "pair.values_#_y")]


async def _run(engine: Engine, nodes: list[Any], links: list[Any], inputs: dict[str, Any] | None = None) -> Handle:
    return await ended(await engine.start(make_graph(nodes, links, blocks=engine.blocks), inputs))


async def _start_slow(engine: Engine, *, seconds: float = 600.0) -> Handle:
    nodes = [
        make_node("quick", "echo", value="so far"),
        make_node("out", "agent_output_block", name="out"),
        make_node("slow", "sleep", value="late", seconds=seconds),
        make_node("after", "echo"),
    ]
    links = [make_link("quick.out", "out.value"), make_link("slow.out", "after.value")]
    handle = await engine.start(make_graph(nodes, links, blocks=engine.blocks))
    await eventually(lambda: graph_exec_id_of(handle) in Journal.running)
    return handle
