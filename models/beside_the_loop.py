"""Work that would keep the event loop, and with it every heartbeat of the worker, busy for too long."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


async def beside_the_loop(is_large: bool, function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
    """The result of `function`, which runs in a thread if its work is large: starting one takes longer than most."""
    return await asyncio.to_thread(function, *args, **kwargs) if is_large else function(*args, **kwargs)
