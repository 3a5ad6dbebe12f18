"""Whether what the gateway needs answers: asked for everybody at once, since anybody may want to know."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from models.errors import AppError

HealthCheck = Callable[[], Awaitable[None]]
"""Raises ServiceUnavailableError while the part does not answer."""

CHECK_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Readiness:
    """Answers are kept for `KEPT_SECONDS`; who asks while the parts are being asked waits for the same answer."""

    def __init__(self, checks: Mapping[str, HealthCheck], *, now: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._now = now
        self._asking: asyncio.Task[Mapping[str, bool]] | None = None
        self._asked_at = 0.0

    async def ask(self) -> Mapping[str, bool]:
        """Which parts answer, by name."""
        asking = self._asking
        if asking is None or (asking.done() and not self._counts(asking)):
            asking = self._asking = asyncio.create_task(self._ask())
        # Whoever goes away leaves the others their answer.
        return await asyncio.shield(asking)

    def _counts(self, asked: "asyncio.Task[Mapping[str, bool]]") -> bool:
        failed = asked.cancelled() or asked.exception() is not None
        return not failed and self._now() < self._asked_at + KEPT_SECONDS

    async def _ask(self) -> Mapping[str, bool]:
        answers = await asyncio.gather(*(_answers(name, check) for name, check in self._checks.items()))
        self._asked_at = self._now()
        return dict(zip(self._checks, answers, strict=True))


async def _answers(name: str, check: HealthCheck) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (AppError, TimeoutError) as error:
        _log.warning("not ready", part=name, reason=str(error) or type(error).__name__)
        return False
    return True
