"""How often somebody may ask, and how often they have."""

import math
from dataclasses import dataclass
from typing import Final

MAX_REQUESTS_PER_MINUTE: Final = 10_000
MAX_WINDOW_SECONDS: Final = 3_600
MAX_BURST_REQUESTS: Final = 100
BURST_PARTS: Final = 6
"""Where bursts are off, a window has this many parts, each of which takes `burst_requests` at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRule:
    """At most `limit` requests in any `window_seconds`.

    Attributes:
        name: a class of requests; each is counted on its own.
        burst_requests: at most so many in any sixth of the window; None: the whole quota may come at once.
        open_when_away: whether requests pass while their counts cannot be read.
    """

    name: str
    limit: int
    window_seconds: int
    burst_requests: int | None = None
    open_when_away: bool = True

    @property
    def part_seconds(self) -> float:
        return self.window_seconds / BURST_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCount:
    """What a store knows about a key, after counting a request or without it.

    Attributes:
        allowed: whether the request was counted, or, if none was to be counted, whether one would be.
        current: requests within the window.
        remaining: how many more would be taken now.
        reset_at: seconds since 1970: when the next request would be taken if none remains, else when the oldest
            counted one leaves the window.
        now: the clock of the store, in seconds since 1970.
    """

    allowed: bool
    current: int
    remaining: int
    reset_at: float
    now: float

    @property
    def retry_after_seconds(self) -> int:
        """After so many whole seconds a request will be taken, if nobody else uses the key meanwhile."""
        return max(1, math.ceil(self.reset_at - self.now))
