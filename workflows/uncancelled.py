"""Waiting for an activity that a cancellation of the workflow must not interrupt."""

import asyncio
from typing import TypeVar

from temporalio import workflow

ResultT = TypeVar("ResultT")


async def uncancelled(handle: "workflow.ActivityHandle[ResultT]") -> ResultT:
    """The activity's result. A cancellation meanwhile is not raised; `workflow.cancellation_reason()` tells of it."""
    while True:
        try:
            return await asyncio.shield(handle)
        except asyncio.CancelledError:
            if handle.done():
                return handle.result()
