"""The limiter: asks the shared store, and knows what to do while that does not answer."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from models.errors import ServiceUnavailableError
from models.ids import new_id
from models.ports import Clock, RateLimitStore
from models.rate_limits import RateCount, RateRule
from services.gateway.metrics import GatewayMetrics

TURN_SECONDS: Final = 0.1
SILENT_TURNS: Final = 10
"""The store is away if it has answered nobody for so many turns of waiting.

Turns instead of one time: to a gateway that had no time for its own answers the store must not seem away, or whoever
keeps the gateway busy would be rid of the limits.
"""

MAX_TURNS: Final = 50
"""The longest a request waits for its count, however many others get theirs meanwhile."""

PAUSE_SECONDS: Final = 2.0
"""After a failure so long no request waits; then one of them tries again."""

_log = structlog.get_logger(__name__)


class RateDecision(NamedTuple):
    allowed: bool
    remaining: int
    reset_at: int
    """Seconds since 1970, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateVerdict:
    """What was decided about one request. `degraded`: without the shared counts."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after_seconds: int
    degraded: bool = False

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }
        return {**headers, "X-RateLimit-Degraded": "true"} if self.degraded else headers


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitInfo:
    limit: int
    remaining: int
    reset: int
    current: int
    window_size: int


class RateLimiter:
    """
    Args:
        rule: what counts where no other rule is given.
        in_process: counts for rules that stay closed while `store` is away.
    """

    def __init__(
        self,
        store: RateLimitStore,
        *,
        rule: RateRule,
        in_process: RateLimitStore,
        clock: Clock,
        metrics: GatewayMetrics,
    ) -> None:
        self._store = store
        self._rule = rule
        self._in_process = in_process
        self._clock = clock
        self._checks = metrics.rate_limit_checks
        self._try_again_at = 0.0
        self._answers = 0
        self._abandoned: set[asyncio.Task[RateCount]] = set()

    async def check_rate_limit(self, key: str, rule: RateRule | None = None) -> RateDecision:
        """Counts a request of `key` unless it is one too many."""
        verdict = await self.admit(key, rule or self._rule)
        return RateDecision(verdict.allowed, verdict.remaining, verdict.reset_at)

    async def get_rate_limit_info(self, key: str, rule: RateRule | None = None) -> RateLimitInfo:
        """What `key` has used; counts nothing. Raises ServiceUnavailableError."""
        rule = rule or self._rule
        count = await self._store.peek(key, rule)
        return RateLimitInfo(
            limit=rule.limit,
            remaining=count.remaining,
            reset=math.ceil(count.reset_at),
            current=count.current,
            window_size=rule.window_seconds,
        )

    async def reset(self, key: str, rule: RateRule | None = None) -> None:
        """Gives `key` its whole quota again. Raises ServiceUnavailableError."""
        await self._store.reset(key, rule or self._rule)
        await self._in_process.reset(key, rule or self._rule)

    async def admit(self, key: str, rule: RateRule) -> RateVerdict:
        """As `check_rate_limit`, with all that an answer says about it."""
        count = await self._take(key, rule)
        if count is not None:
            verdict = _verdict(count, rule)
        elif rule.open_when_away:
            reset_at = math.ceil(self._clock.now().timestamp() + rule.window_seconds)
            verdict = RateVerdict(
                allowed=True, limit=rule.limit, remaining=0, reset_at=reset_at, retry_after_seconds=1, degraded=True
            )
        else:
            verdict = _verdict(await self._in_process.take(key, rule, request_id=new_id()), rule, degraded=True)
        outcome = "refused" if not verdict.allowed else "degraded" if verdict.degraded else "allowed"
        self._checks.labels(rule.name, outcome).inc()
        return verdict

    async def _take(self, key: str, rule: RateRule) -> RateCount | None:
        """None while the store is away."""
        now = time.monotonic()
        if now < self._try_again_at:
            return None
        if self._try_again_at:
            # The requests that come while this one tries do not wait with it.
            self._try_again_at = now + PAUSE_SECONDS
        try:
            count = await self._ask(key, rule)
        except (ServiceUnavailableError, TimeoutError) as error:
            if not self._try_again_at:
                _log.error("rate limits are not kept", reason=str(error) or type(error).__name__)
            self._try_again_at = time.monotonic() + PAUSE_SECONDS
            return None
        if self._try_again_at:
            self._try_again_at = 0.0
            _log.warning("rate limits are kept again")
        return count

    async def _ask(self, key: str, rule: RateRule) -> RateCount:
        """Raises ServiceUnavailableError, or TimeoutError if the store says nothing."""
        asking = asyncio.create_task(self._store.take(key, rule, request_id=new_id()))
        silent = 0
        try:
            for _ in range(MAX_TURNS):
                answers = self._answers
                # A time-out around the call would not do: drivers may lose a cancellation among their own time-outs.
                await asyncio.wait({asking}, timeout=TURN_SECONDS)
                silent = silent + 1 if answers == self._answers else 0
                if asking.done() or silent == SILENT_TURNS:
                    break
        finally:
            if not asking.done():
                asking.cancel()
                self._abandoned.add(asking)
                asking.add_done_callback(self._forget)
        if not asking.done():
            raise TimeoutError
        count = asking.result()
        self._answers += 1
        return count

    def _forget(self, asking: "asyncio.Task[RateCount]") -> None:
        self._abandoned.discard(asking)
        if not asking.cancelled():
            asking.exception()


def _verdict(count: RateCount, rule: RateRule, *, degraded: bool = False) -> RateVerdict:
    return RateVerdict(
        allowed=count.allowed,
        limit=rule.limit,
        remaining=count.remaining,
        reset_at=math.ceil(count.reset_at),
        retry_after_seconds=count.retry_after_seconds,
        degraded=degraded,
    )
