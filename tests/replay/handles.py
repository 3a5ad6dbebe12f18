"""Runs that scenarios give back."""

from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle

Handle = WorkflowHandle[Any, Any]


async def ended(handle: Handle) -> Handle:
    with suppress(WorkflowFailureError):
        await handle.result()
    return handle
