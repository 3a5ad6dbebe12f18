"""When the limiter takes the shared store for away: not because others are served first, nor because it was busy."""

import asyncio
import time
from collections import Counter

from infra.clock import SystemClock
from models.rate_limits import RateCount, RateRule
from services.gateway.metrics import GatewayMetrics
from services.gateway.rate_limit.in_process import InProcessRateLimitStore
from services.gateway.rate_limit.limiter import SILENT_TURNS, TURN_SECONDS, RateLimiter

RULE = RateRule(name="default", limit=3, window_seconds=60)
SILENCE_SECONDS = SILENT_TURNS * TURN_SECONDS


class SlowStore(InProcessRateLimitStore):
    """Answers one request after the other, each after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(SystemClock())
        self._seconds = seconds
        self._turn = asyncio.Lock()

    async def take(self, key: str, rule: RateRule, *, request_id: str) -> RateCount:
        async with self._turn:
            await asyncio.sleep(self._seconds)
            return await super().take(key, rule, request_id=request_id)


def limiter(seconds: float) -> RateLimiter:
    clock = SystemClock()
    in_process = InProcessRateLimitStore(clock)
    return RateLimiter(SlowStore(seconds), rule=RULE, in_process=in_process, clock=clock, metrics=GatewayMetrics())


async def outcomes(asked: RateLimiter, requests: int) -> Counter[tuple[bool, bool]]:
    """How many were (allowed, degraded)."""
    verdicts = await asyncio.gather(*(asked.admit("user:u", RULE) for _ in range(requests)))
    return Counter((verdict.allowed, verdict.degraded) for verdict in verdicts)


async def test_a_store_that_serves_others_first_is_not_away() -> None:
    each = SILENCE_SECONDS / 10
    assert await outcomes(limiter(each), 15) == {(True, False): RULE.limit, (False, False): 15 - RULE.limit}


async def test_a_gateway_that_had_no_time_itself_does_not_let_everybody_pass() -> None:
    asked = limiter(0.01)
    asking = asyncio.create_task(outcomes(asked, RULE.limit + 2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    time.sleep(SILENCE_SECONDS * 1.2)
    assert await asking == {(True, False): RULE.limit, (False, False): 2}


async def test_a_store_that_says_nothing_is_away_for_all_who_wait() -> None:
    assert await outcomes(limiter(3600), RULE.limit + 2) == {(True, True): RULE.limit + 2}
