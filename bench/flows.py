"""The measured shapes, as graphs and as the hand-written workflow that does the same work."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.execute_block import BlockActivities
    from models.ids import BlockId, NodeExecId, NodeId, node_exec_id
    from models.values import Value
    from models.wire import ExecuteBlockInput, ExecuteBlockResult, RunIdentity, Wire

STORE = "store_value_block"
SPREAD = "step_through_items_block"
FIBO = "fibo_block"


@dataclass(frozen=True)
class Flow:
    """A shape: `width` parallel values through `length` blocks."""

    name: str
    length: int
    width: int = 1
    fibo: int | None = None
    """Each block of the chain computes this Fibonacci number."""

    @property
    def executions(self) -> int:
        return self.length if self.width == 1 else 1 + self.width

    def graph(self) -> dict[str, Any]:
        if self.width > 1:
            nodes = [
                {"id": "n0", "block_id": SPREAD, "input_default": {"items": list(range(self.width))}},
                {"id": "n1", "block_id": STORE},
            ]
            links = [{"source_id": "n0", "sink_id": "n1", "source_name": "item", "sink_name": "input"}]
        elif self.fibo is not None:
            nodes = [{"id": f"n{i}", "block_id": FIBO, "input_default": {"n": self.fibo}} for i in range(self.length)]
            links = _chain(self.length, "value", "trigger")
        else:
            nodes = [{"id": f"n{i}", "block_id": STORE} for i in range(self.length)]
            nodes[0]["input_default"] = {"input": 1}
            links = _chain(self.length, "output", "input")
        return {"name": self.name, "nodes": nodes, "links": links}


def _chain(length: int, source_name: str, sink_name: str) -> list[dict[str, Any]]:
    return [
        {"source_id": f"n{i}", "sink_id": f"n{i + 1}", "source_name": source_name, "sink_name": sink_name}
        for i in range(length - 1)
    ]


class HandWrittenInput(Wire):
    run: RunIdentity
    length: int
    width: int
    fibo: int | None = None


@workflow.defn(name="HandWritten")
class HandWrittenWorkflow:
    """What somebody would write by hand for one of the flows: the same activity, no engine, no closing activity."""

    @workflow.run
    async def run(self, input: HandWrittenInput) -> int:
        if input.width > 1:
            first = await self._execute(input.run, "n0", 0, SPREAD, {"items": list(range(input.width))})
            items = [item for item in first.outcome.outputs if item.pin == "item"]  # type: ignore[union-attr]
            handles = [
                self._start(input.run, "n1", number, STORE, {"input": item.value.inline})
                for number, item in enumerate(items)
            ]
            for handle in handles:
                await handle
            return len(handles)
        value: Any = 1
        for number in range(input.length):
            pins = {"input": value} if input.fibo is None else {"trigger": value, "n": input.fibo}
            result = await self._execute(input.run, f"n{number}", 0, STORE if input.fibo is None else FIBO, pins)
            value = result.outcome.outputs[0].value.inline  # type: ignore[union-attr]
        return value

    async def _execute(
        self, run: RunIdentity, node: str, number: int, block: str, pins: dict[str, Any]
    ) -> ExecuteBlockResult:
        return await self._start(run, node, number, block, pins)

    def _start(self, run: RunIdentity, node: str, number: int, block: str, pins: dict[str, Any]) -> Any:
        exec_id: NodeExecId = node_exec_id(run.graph_exec_id, NodeId(node), number)
        return workflow.start_activity_method(
            BlockActivities.execute_block,
            ExecuteBlockInput(
                run=run,
                node_id=NodeId(node),
                node_exec_id=exec_id,
                block_id=BlockId(block),
                firing=number,
                queued_at=workflow.now(),
                received={pin: Value(inline=value) for pin, value in pins.items()},
            ),
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=10),
            summary=node,
        )
