"""Waiting for something that a cancellation of the workflow must not interrupt."""

import asyncio
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def uncancelled(handle: "asyncio.Future[ResultT]") -> ResultT:
    """The result. A cancellation meanwhile is not raised; `workflow.cancellation_reason()` tells of it."""
    while True:
        try:
            return await asyncio.shield(handle)
        except asyncio.CancelledError:
            if handle.done():
                return handle.result()
