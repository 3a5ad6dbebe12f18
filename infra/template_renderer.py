"""Templates of users rendered in processes that can be killed."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from activities.templates import TemplateError
from models.errors import BlockTransientError
from models.json_values import dump_json, load_json, normalise_json

_GRACE_SECONDS = 5.0
"""The child's own alarm comes first; this is for a child that does not even get to set it."""


class TemplateProcesses:
    """A pool of rendering processes (see `infra.template_child`), started when needed and reused.

    They hold no secret: their environment is empty and nothing but template and values is sent to them.

    Args:
        size: how many templates render at a time; more wait.
        time_limit: for one template, without the wait.
        memory_limit_bytes: address space of one process.
    """

    def __init__(
        self,
        *,
        size: int = 2,
        time_limit: timedelta = timedelta(seconds=10),
        memory_limit_bytes: int = 512 * 1024 * 1024,
    ) -> None:
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Process] = []
        self._time_limit = time_limit
        self._memory_limit_bytes = memory_limit_bytes

    async def render(self, template: str, values: Mapping[str, Any], *, escape_html: bool) -> str:
        """See `models.ports.TemplateRenderer`."""
        request = dump_json([normalise_json(template), normalise_json(values), escape_html])
        async with self._slots:
            process = await self._take()
            try:
                kind, text = await self._ask(process, request)
            except BaseException:
                await _end(process)
                raise
            self._idle.append(process)
        if kind == "error":
            raise TemplateError(text)
        return text

    async def aclose(self) -> None:
        """Ends the idle processes; call it when nothing renders any more."""
        while self._idle:
            await _end(self._idle.pop())

    async def _take(self) -> Process:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            await _end(process)
        limits = (str(self._time_limit.total_seconds()), str(self._memory_limit_bytes))
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", "infra.template_child", *limits),
                stdin=PIPE,
                stdout=PIPE,
                env={"LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as error:
            raise BlockTransientError(f"No process for the template could be started: {error.strerror}") from None

    async def _ask(self, process: Process, request: bytes) -> tuple[str, str]:
        try:
            async with asyncio.timeout(self._time_limit.total_seconds() + _GRACE_SECONDS):
                answer = await _exchange(process, request)
        except TimeoutError:
            raise self._too_slow() from None
        except (asyncio.IncompleteReadError, ConnectionError):
            if await process.wait() == -signal.SIGALRM:
                raise self._too_slow() from None
            raise TemplateError("Template error: it needs too much memory, or ended its process") from None
        return cast("tuple[str, str]", load_json(answer))

    def _too_slow(self) -> TemplateError:
        return TemplateError(f"Template error: it takes longer than {self._time_limit.total_seconds():g} seconds")


async def _exchange(process: Process, request: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(len(request).to_bytes(4, "big") + request)
    await process.stdin.drain()
    size = int.from_bytes(await process.stdout.readexactly(4), "big")
    return await process.stdout.readexactly(size)


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await asyncio.shield(process.wait())
