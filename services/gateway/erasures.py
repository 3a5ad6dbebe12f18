"""Cleaning up behind erased users: what their last runs wrote while, or after, everything of theirs was deleted."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import structlog

from models.erasure import Erasure
from models.errors import ServiceUnavailableError
from models.ids import GraphExecId
from services.gateway.container import Container

GRACE: Final = timedelta(minutes=1)
"""After the end of a run its blocks learn that within seconds, and what they were writing is written."""

_WAIT: Final = timedelta(seconds=30)
_AT_ONCE: Final = 20

_log = structlog.get_logger(__name__)


class Erasures:
    """What is still to do is in the database: another process goes on with it if this one ends.

    Args:
        grace: between the end of the last run and the deletion of what it left.
    """

    def __init__(self, container: Container, *, grace: timedelta = GRACE) -> None:
        self._units = container.units
        self._runner = container.runner
        self._blobs = container.blobs
        self._clock = container.clock
        self._grace = grace

    async def resume(self) -> None:
        """Goes on with every erasure that is not finished."""
        while True:
            try:
                async with self._units() as unit:
                    unfinished = await unit.erasures.list_unfinished()
                break
            except ServiceUnavailableError:
                await asyncio.sleep(_WAIT.total_seconds())
        await asyncio.gather(*map(self.clean_up, unfinished))

    async def clean_up(self, erasure: Erasure) -> None:
        """Ends the runs of an erased user that still live, and deletes what they left. Idempotent; may take long."""
        while True:
            try:
                if await self._try(erasure):
                    return
            except ServiceUnavailableError as error:
                _log.warning("erasure waits", reason=error.message)
                await asyncio.sleep(_WAIT.total_seconds())

    async def _try(self, erasure: Erasure) -> bool:
        """False if some run has not ended yet."""
        async with self._units() as unit:
            runs = await unit.erasures.list_left_runs(erasure)
        limit = asyncio.Semaphore(_AT_ONCE)

        async def end(graph_exec_id: GraphExecId) -> bool:
            async with limit:
                if not await self._runner.cancel(graph_exec_id, owner_key_id=erasure.key_id):
                    return True
                return await self._runner.wait_closed(graph_exec_id, owner_key_id=erasure.key_id, timeout=_WAIT)

        if not all(await asyncio.gather(*map(end, runs))):
            return False
        await asyncio.sleep(self._grace.total_seconds())
        async with self._units() as unit:
            left = [*runs, *await unit.erasures.list_left_runs(erasure)]
            if set(left) != set(runs):
                return False
            await unit.erasures.delete_left(erasure, runs)
        await self.delete_blobs(runs)
        async with self._units() as unit:
            await unit.erasures.finish(erasure, now=self._clock.now())
        return True

    async def delete_blobs(self, runs: Iterable[GraphExecId]) -> None:
        """What cannot be deleted is logged and left."""
        for graph_exec_id in runs:
            try:
                await self._blobs.delete_prefix(f"runs/{graph_exec_id}/")
            except (OSError, ServiceUnavailableError) as error:
                _log.error("blobs of an erased user are left", graph_exec_id=graph_exec_id, reason=str(error))
