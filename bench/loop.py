"""A loop of many items through ten blocks that only compute: `python -m bench.loop`.

Each of them is one durable activity, and a long run continues as new now and then. Reports blocks per second and the
memory of the worker, which must not grow with the length of the loop.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import psutil

from bench.flows import Flow
from bench.report import leave, print_json, print_line
from bench.stack import Product, fresh_stack

SAMPLE_SECONDS: Final = 0.5
MIB: Final = 1024 * 1024

Step = tuple[str, dict[str, Any], str, str]
"""Block, constants, the pin an item enters by, the pin it leaves by."""

STEPS: Final[tuple[Step, ...]] = (
    ("calculator_block", {"operation": "Add", "b": 1}, "a", "result"),
    ("condition_block", {"operator": ">=", "value2": 0}, "value1", "yes_output"),
    ("create_dictionary_block", {}, "values_#_n", "dictionary"),
    ("find_in_dictionary_block", {"key": "n"}, "input", "output"),
    ("add_to_list_block", {"list": [1, 2]}, "entry", "updated_list"),
    ("reverse_list_order_block", {}, "input_list", "reversed_list"),
    ("get_list_item_block", {"index": 0}, "list", "item"),
    ("fill_text_template_block", {"format": "{{ n }}"}, "values_#_n", "output"),
    ("calculator_block", {"operation": "Multiply", "b": 2}, "a", "result"),
    ("if_input_matches_block", {"value": -1}, "input", "result"),
)


@dataclass(frozen=True)
class Loop(Flow):
    """`width` items, each through all steps."""

    @property
    def executions(self) -> int:
        return 1 + self.width * len(STEPS)

    def graph(self) -> dict[str, Any]:
        source = {
            "id": "n0",
            "block_id": "step_through_items_block",
            "input_default": {"items": list(range(self.width))},
        }
        nodes = [source]
        links: list[dict[str, Any]] = []
        leaves_by = "item"
        for number, (block, constants, entry, result) in enumerate(STEPS, 1):
            nodes.append({"id": f"n{number}", "block_id": block, "input_default": constants})
            links.append(
                {
                    "source_id": f"n{number - 1}",
                    "sink_id": f"n{number}",
                    "source_name": leaves_by,
                    "sink_name": entry,
                }
            )
            leaves_by = result
        return {"name": self.name, "nodes": nodes, "links": links}


class Memory:
    """The memory of a process and those it started, sampled while something runs."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.first_bytes = self.peak_bytes = self.last_bytes = self.measure()

    async def watch(self) -> None:
        while True:
            self.last_bytes = self.measure()
            self.peak_bytes = max(self.peak_bytes, self.last_bytes)
            await asyncio.sleep(SAMPLE_SECONDS)

    def measure(self) -> int:
        found = [self._process, *self._process.children(recursive=True)]
        total = 0
        for process in found:
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total


async def measure(product: Product, loop: Loop, worker: int) -> dict[str, Any]:
    await product.prepare(loop)
    memory = Memory(worker)
    watching = asyncio.create_task(memory.watch())
    started = time.perf_counter()
    try:
        await product.run(loop)
    finally:
        seconds = time.perf_counter() - started
        watching.cancel()
    return {
        "items": loop.width,
        "blocks": loop.executions,
        "seconds": round(seconds, 2),
        "blocks_per_second": round(loop.executions / seconds, 1),
        "worker_mib_before": round(memory.first_bytes / MIB),
        "worker_mib_peak": round(memory.peak_bytes / MIB),
        "worker_mib_after": round(memory.last_bytes / MIB),
    }


async def bench(*, items: list[int], say: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    async with fresh_stack() as stack:
        product = Product(stack)
        warm_up = Loop("warm-up", len(STEPS), 10)
        await product.prepare(warm_up)
        await product.run(warm_up)
        for count in items:
            rows.append(await measure(product, Loop(f"loop of {count}", len(STEPS), count), stack.worker_pid))
            say(rows[-1])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[100, 1000], help="lengths of the measured loops")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    arguments = parser.parse_args()
    rows = asyncio.run(bench(items=arguments.items, say=(lambda row: None) if arguments.json else print_line))
    if arguments.json:
        print_json(rows)
    leave()


if __name__ == "__main__":
    main()
