"""The port RateLimitStore in the memory of one process."""

from collections import OrderedDict
from typing import Final

from models.ports import Clock
from models.rate_limits import RateCount, RateRule

MAX_KEYS: Final = 10_000
"""Beyond it the keys that were used longest ago are forgotten."""


class InProcessRateLimitStore:
    """Counts while the shared store is away, for limits that must not open, and in tests."""

    def __init__(self, clock: Clock, *, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._requests: OrderedDict[tuple[str, str], dict[str, float]] = OrderedDict()

    async def take(self, key: str, rule: RateRule, *, request_id: str) -> RateCount:
        now = self._clock.now().timestamp()
        requests = self._requests_of(key, rule, now)
        if request_id in requests:
            return self._count(requests, rule, now, allowed=True)
        if not self._free(requests, rule, now):
            return self._count(requests, rule, now, allowed=False)
        requests[request_id] = now
        self._requests[(rule.name, key)] = requests
        self._requests.move_to_end((rule.name, key))
        while len(self._requests) > self._max_keys:
            self._requests.popitem(last=False)
        return self._count(requests, rule, now, allowed=True)

    async def peek(self, key: str, rule: RateRule) -> RateCount:
        now = self._clock.now().timestamp()
        requests = self._requests_of(key, rule, now)
        return self._count(requests, rule, now, allowed=self._free(requests, rule, now) > 0)

    async def reset(self, key: str, rule: RateRule) -> None:
        self._requests.pop((rule.name, key), None)

    def _requests_of(self, key: str, rule: RateRule, now: float) -> dict[str, float]:
        """The counted requests within the window, the oldest first."""
        requests = self._requests.get((rule.name, key), {})
        for request_id in [name for name, at in requests.items() if at <= now - rule.window_seconds]:
            del requests[request_id]
        return requests

    def _free(self, requests: dict[str, float], rule: RateRule, now: float) -> int:
        free = rule.limit - len(requests)
        if rule.burst_requests is not None:
            free = min(free, rule.burst_requests - self._recent(requests, rule, now))
        return max(free, 0)

    def _recent(self, requests: dict[str, float], rule: RateRule, now: float) -> int:
        return sum(at > now - rule.part_seconds for at in requests.values())

    def _count(self, requests: dict[str, float], rule: RateRule, now: float, *, allowed: bool) -> RateCount:
        times = sorted(requests.values())
        free = self._free(requests, rule, now)
        if free:
            reset_at = (times[0] if times else now) + rule.window_seconds
        else:
            reset_at = now
            if len(times) >= rule.limit:
                reset_at = max(reset_at, times[len(times) - rule.limit] + rule.window_seconds)
            burst = rule.burst_requests
            if burst is not None and self._recent(requests, rule, now) >= burst:
                reset_at = max(reset_at, times[len(times) - burst] + rule.part_seconds)
        return RateCount(allowed=allowed, current=len(times), remaining=free, reset_at=reset_at, now=now)
