"""How long a wait may last."""

from datetime import timedelta

import pytest

from activities.wait_starts import WaitStarts
from infra.clock import SystemClock
from models.errors import BlockError
from models.waits import Delay

CLOCK = SystemClock()


@pytest.mark.parametrize(
    ("first", "count", "every"),
    [
        (timedelta(days=3661), 1, timedelta()),
        (timedelta(days=8), 1_000, timedelta(days=8)),
        (timedelta(days=3_600), 1_000, timedelta(days=3_600)),  # after the last date there is
        (timedelta(days=2_900_000), 1_000, timedelta(days=2_900_000)),  # beyond what a timedelta holds
    ],
)
async def test_a_wait_that_would_last_too_long_is_refused(first: timedelta, count: int, every: timedelta) -> None:
    starts = WaitStarts(values=None, waits=None, sub_agents=None, clock=CLOCK)  # type: ignore[arg-type]
    delay = Delay(first_at=CLOCK.now() + first, emissions=(), count=count, every_seconds=every.total_seconds())
    with pytest.raises(BlockError, match="may last 3660 days at most"):
        await starts.begin(delay, task=None, run=None, input=None, attempt=1)  # type: ignore[arg-type]
