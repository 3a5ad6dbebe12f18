"""Workflows that differ from ours in one timer, as a careless change would make them."""

import asyncio

from temporalio import workflow

from models.wire import ExecuteGraphInput, ExecuteGraphResult
from workflows.execute_graph import ExecuteGraphWorkflow
from workflows.node_executions import NodeExecutions


@workflow.defn(name="ExecuteGraph")
class WithAnotherTimer(ExecuteGraphWorkflow):
    """Waits before it begins."""

    @workflow.init
    def __init__(self, input: ExecuteGraphInput) -> None:
        super().__init__(input)

    @workflow.run
    async def run(self, input: ExecuteGraphInput) -> ExecuteGraphResult:
        await asyncio.sleep(0.001)
        return await super().run(input)


class _NodesWithoutPause(NodeExecutions):
    """Schedules the rest with the next activation that comes anyway, not with one that a timer makes."""

    def dispatch(self) -> None:
        super().dispatch()
        self.rest_is_ready = False


@workflow.defn(name="ExecuteGraph")
class WithoutItsTimer(ExecuteGraphWorkflow):
    @workflow.init
    def __init__(self, input: ExecuteGraphInput) -> None:
        super().__init__(input)
        self._nodes = _NodesWithoutPause(self._state, self._waits, self._children, opening=self._opening)

    @workflow.run
    async def run(self, input: ExecuteGraphInput) -> ExecuteGraphResult:
        return await super().run(input)
