"""Calling `perdure` as a user types it, on the running stack."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.stack_folder import PERDURE, StackFolder

WIDTH = 80


async def perdure(
    stack: StackFolder, *arguments: str, text: str = "", wide: bool = False
) -> "subprocess.CompletedProcess[str]":
    """A command, ended; `text` is what it can read from stdin. Lines fit a terminal unless they may be `wide`."""
    ended = await asyncio.to_thread(
        subprocess.run,
        [str(PERDURE), *arguments],
        cwd=stack.folder,
        env=stack.env,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if not wide and "--json" not in arguments and "--show-completion" not in arguments:
        assert [line for line in ended.stdout.splitlines() if len(line) > WIDTH] == []
    return ended


async def perdure_json(stack: StackFolder, *arguments: str) -> Any:
    """What a command with `--json` prints; it must have succeeded and have printed nothing else."""
    ended = await perdure(stack, *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def graph(nodes: list[dict[str, Any]], links: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    """Links are written "a.pin b.pin"."""
    names = ("source_id", "source_name", "sink_id", "sink_name")
    ends = [(*source.split("."), *sink.split(".")) for source, sink in (link.split() for link in links or [])]
    return {"name": "Typed", "nodes": nodes, "links": [dict(zip(names, end, strict=True)) for end in ends], **fields}


def doubling(**fields: Any) -> dict[str, Any]:
    nodes = [
        {"id": "in", "block_id": "agent_input_block", "input_default": {"name": "items"}},
        {"id": "each", "block_id": "step_through_items_block"},
        {"id": "x2", "block_id": "calculator_block", "input_default": {"operation": "Multiply", "b": 2}},
        {"id": "out", "block_id": "agent_output_block", "input_default": {"name": "doubled"}},
    ]
    return graph(nodes, ["in.result each.items", "each.item x2.a", "x2.result out.value"], **fields)


def endless() -> dict[str, Any]:
    nodes = [
        {"id": "seed", "block_id": "store_value_block", "input_default": {"input": 1}},
        {"id": "loop", "block_id": "calculator_block", "input_default": {"operation": "Add", "b": 1}},
    ]
    return graph(nodes, ["seed.output loop.a", "loop.result loop.a"])


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)
