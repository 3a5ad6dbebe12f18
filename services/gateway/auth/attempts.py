"""How often people may try what could be guessed, or what sends mail."""

import math
from datetime import timedelta
from typing import Final

from models.errors import RateLimitExceededError
from models.identity import AttemptBudget, AttemptLimiter
from models.ports import Clock
from services.gateway.client_address import network_of

_QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)


def login_budgets(email: str, address: str) -> tuple[AttemptBudget, ...]:
    """Few attempts from one place, so that a guesser elsewhere does not lock the owner out; some more from all."""
    return (_one_place(email, address), AttemptBudget(f"login:{email.casefold()}", 100, _QUARTER))


def forgiven_after_login(email: str, address: str) -> AttemptBudget:
    return _one_place(email, address)


def password_budget(user_id: str) -> AttemptBudget:
    """For whoever has to give their current password again."""
    return AttemptBudget(f"password:{user_id}", 10, _QUARTER)


def mail_budgets(email: str, address: str) -> tuple[AttemptBudget, ...]:
    """For mail that anybody can have sent to an address."""
    from_there = AttemptBudget(f"mail-from:{network_of(address)}", 50, _HOUR)
    return AttemptBudget(f"mail:{email.casefold()}", 5, _HOUR), from_there


def setup_budget(address: str) -> AttemptBudget:
    """Nobody guesses the setup code; this spares the log and the hasher, from each place on its own."""
    return AttemptBudget(f"setup:{network_of(address)}", 10, _QUARTER)


async def demand_attempt(limiter: AttemptLimiter, clock: Clock, *budgets: AttemptBudget) -> None:
    """Counts an attempt. Raises RateLimitExceededError if there were too many."""
    wait = await limiter.attempt(*budgets)
    if wait is not None:
        raise RateLimitExceededError(
            limit=min(budget.limit for budget in budgets),
            remaining=0,
            reset=math.ceil((clock.now() + wait).timestamp()),
            retry_after_seconds=max(1, math.ceil(wait.total_seconds())),
        )


def _one_place(email: str, address: str) -> AttemptBudget:
    return AttemptBudget(f"login:{email.casefold()} from {network_of(address)}", 10, _QUARTER)
