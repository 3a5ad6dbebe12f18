"""Where requests and WebSocket connects are held against their limits: after the credential, before all else."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection

from models.errors import RateLimitExceededError
from models.rate_limits import RateRule
from services.gateway.auth.principal import Principal
from services.gateway.client_address import ClientAddresses, network_of
from services.gateway.rate_limit.limiter import RateLimiter, RateVerdict
from services.gateway.rate_limit.rules import RateRules

if TYPE_CHECKING:
    from starlette.types import Scope

KeyExtractor = Callable[[Principal | None, str], str]
"""From who asks (None: nobody known) and the client's address to what is counted."""

PlanRule = Callable[[Principal, RateRule], RateRule]
"""The rule of a user, whose plan may grant more or less than the one given."""

_STATE: Final = "rate_verdict"


def default_key(principal: Principal | None, address: str) -> str:
    """The API key, else the user, else the address. Ids, because two keys may share a prefix."""
    if principal is None:
        return address_key(address)
    return f"key:{principal.api_key_id}" if principal.api_key_id else f"user:{principal.user.id}"


def address_key(address: str) -> str:
    return f"address:{network_of(address)}"


def same_for_all(principal: Principal, rule: RateRule) -> RateRule:
    return rule


class RateGate:
    def __init__(
        self,
        limiter: RateLimiter,
        rules: RateRules,
        addresses: ClientAddresses,
        *,
        key_of: KeyExtractor = default_key,
        plan_rule: PlanRule = same_for_all,
    ) -> None:
        self.limiter = limiter
        self.rules = rules
        self._addresses = addresses
        self._key_of = key_of
        self._plan_rule = plan_rule

    def rule_for(self, scope: "Scope") -> RateRule | None:
        return self.rules.find(scope["method"], scope["path"])

    async def admit(self, connection: HTTPConnection, principal: Principal | None, rule: RateRule) -> None:
        """Counts a request; its answer carries the verdict whatever becomes of it.

        Raises:
            RateLimitExceededError: it is one too many.
        """
        address = self._addresses.of(connection.scope)
        if rule.name == self.rules.auth.name:
            key = address_key(address)
        else:
            key = self._key_of(principal, address)
            rule = self._plan_rule(principal, rule) if principal else rule
        verdict = await self.limiter.admit(key, rule)
        setattr(connection.state, _STATE, verdict)
        if not verdict.allowed:
            raise RateLimitExceededError(
                limit=verdict.limit,
                remaining=verdict.remaining,
                reset=verdict.reset_at,
                retry_after_seconds=verdict.retry_after_seconds,
            )

    async def admit_connect(self, websocket: HTTPConnection, principal: Principal | None) -> None:
        """Counts the opening of a WebSocket, for its handler: no HTTP middleware runs for it.

        Raises:
            RateLimitExceededError: it is one too many.
        """
        await self.admit(websocket, principal, self.rules.default)


def verdict_of(scope: "Scope") -> RateVerdict | None:
    return scope.get("state", {}).get(_STATE)
