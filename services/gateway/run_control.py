"""Ending executions: signal, wait for the end, for as long as a caller is willing to wait."""

import asyncio
import itertools
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Final

from models.errors import ServiceUnavailableError
from models.execution_records import GraphExecutionRecord
from models.ids import GraphExecId, GraphId
from models.users import User
from models.wire import StopRequest
from services.gateway.container import Container

STOP_WAIT: Final = timedelta(seconds=15)
"""Clients of the platform expect the answer to a stop within this time; blocks may take longer to end."""

_SIGNALS_AT_ONCE: Final = 20


class StopMode(StrEnum):
    """`stop` lets running blocks finish for a grace period, `cancel` cancels them."""

    STOP = "stop"
    CANCEL = "cancel"


class RunControl:
    """Opens its own short units of work: nobody may hold a connection while waiting for a run to end."""

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._runner = container.runner
        self._clock = container.clock

    async def stop(self, user: User, graph_exec_id: GraphExecId, mode: StopMode) -> bool:
        """Ends an execution of the user and waits for it up to `STOP_WAIT`; False if it had ended already.

        Raises:
            ServiceUnavailableError: Temporal does not answer.
        """
        if not await self._signal(user, graph_exec_id, mode):
            return False
        await self._wait_closed(user, graph_exec_id)
        return True

    async def _signal(self, user: User, graph_exec_id: GraphExecId, mode: StopMode) -> bool:
        if mode is StopMode.CANCEL:
            return await self._runner.cancel(graph_exec_id, owner_key_id=user.key_id)
        request = StopRequest(requested_by=user.id)
        return await self._runner.stop(graph_exec_id, owner_key_id=user.key_id, request=request)

    async def stop_all(self, user: User, graph_id: GraphId | None, mode: StopMode) -> None:
        """Ends every execution of a graph of the user (None: of all), and waits for them together up to `STOP_WAIT`.

        Raises:
            ServiceUnavailableError: Temporal does not answer; the executions that were not asked yet go on.
        """
        async with self._units() as unit:
            open_executions = await unit.executions.list_open(user.id, graph_id)
        signals = asyncio.Semaphore(_SIGNALS_AT_ONCE)

        away: list[ServiceUnavailableError] = []

        async def signal(graph_exec_id: GraphExecId) -> bool:
            async with signals:
                if away:
                    raise away[0]
                try:
                    return await self._signal(user, graph_exec_id, mode)
                except ServiceUnavailableError as error:
                    away.append(error)
                    raise

        reached = await _all(map(signal, open_executions))
        ending = itertools.compress(open_executions, reached)
        await _all(self._wait_closed(user, graph_exec_id) for graph_exec_id in ending)

    async def delete(self, user: User, run: GraphExecutionRecord) -> None:
        """Hides an execution, after it has been stopped if it was running."""
        if not run.status.is_terminal:
            await self.stop(user, run.id, StopMode.STOP)
        async with self._units() as unit:
            await unit.executions.delete(user.id, run.id, now=self._clock.now())

    async def _wait_closed(self, user: User, graph_exec_id: GraphExecId) -> bool:
        return await self._runner.wait_closed(graph_exec_id, owner_key_id=user.key_id, timeout=STOP_WAIT)


async def _all(calls: Iterable[Awaitable[bool]]) -> list[bool]:
    """Results of all calls; if some fail, the first error, but not before the others have ended."""
    ends = await asyncio.gather(*calls, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return [end for end in ends if isinstance(end, bool)]
