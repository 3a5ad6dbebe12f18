"""When a call is made again, and after how long."""

import random
from dataclasses import dataclass
from typing import Final

from perdure_client.errors import ConnectionFailed, PerdureError, RateLimited, RunUnfinished, Timeout, Unavailable

FIRST_DELAY_SECONDS: Final = 0.25
LONGEST_DELAY_SECONDS: Final = 8.0
LONGEST_ASKED_SECONDS: Final = 60.0
"""Who is asked to wait longer than this gets the error instead."""


@dataclass(frozen=True)
class Retries:
    """
    Attributes:
        limit: how often a call is repeated after its first attempt; 0 for never.
    """

    limit: int

    def delay(self, error: PerdureError, *, attempt: int) -> float | None:
        """Seconds to wait before the attempt after `attempt` (counted from 1); None if there is none."""
        # A time-out has cost a whole time limit already.
        limit = min(self.limit, 1) if isinstance(error, Timeout) else self.limit
        if attempt > limit or not is_passing(error):
            return None
        asked = error.retry_after_seconds if isinstance(error, RateLimited | Unavailable) else None
        if asked is not None:
            return asked if asked <= LONGEST_ASKED_SECONDS else None
        longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (attempt - 1))
        # Clients that failed together do not come back together.
        return random.uniform(longest / 2, longest)  # noqa: S311 - not a secret


def is_passing(error: PerdureError) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, RunUnfinished):
        return False
    return isinstance(error, ConnectionFailed | Timeout | RateLimited | Unavailable)
