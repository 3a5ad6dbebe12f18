"""Which requests are limited, and by which rule."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from models.rate_limits import RateRule

LIMITED_PREFIXES: Final = ("/api", "/external-api", "/rate-limit", "/me", "/mcp", "/codec", "/webhooks")
"""All else (health, metrics, documents, files of the console) is never limited."""

_LIMITED_BELOW: Final = tuple(f"{prefix}/" for prefix in LIMITED_PREFIXES)
_SIGNING_IN: Final = re.compile(r"/api/auth/(?!user(/|$)|logout|sessions(/|$)).+", re.ASCII)
_COMING_BACK: Final = "/api/auth/oidc/callback"
_CODEC_FACTOR: Final = 10
"""The Temporal Web UI asks for the payloads of each event on its own."""


def is_limited(path: str) -> bool:
    return path.startswith(_LIMITED_BELOW) or path in LIMITED_PREFIXES


@dataclass(frozen=True, slots=True)
class RateRules:
    """
    Attributes:
        default: for API keys, users, and addresses of whoever is neither.
        auth: for what tries or makes credentials, by address.
        codec: for the Temporal Web UI.
    """

    default: RateRule
    auth: RateRule
    codec: RateRule

    @classmethod
    def of(
        cls, *, requests_per_minute: int, auth_requests_per_minute: int, window_seconds: int, burst_requests: int | None
    ) -> "RateRules":
        """`burst_requests`: None where the whole quota may come at once."""

        def scaled(requests: int) -> int:
            return max(1, round(requests * window_seconds / 60))

        default = RateRule(
            name="default",
            limit=scaled(requests_per_minute),
            window_seconds=window_seconds,
            burst_requests=burst_requests,
        )
        return cls(
            default=default,
            auth=replace(default, name="auth", limit=scaled(auth_requests_per_minute), open_when_away=False),
            codec=replace(default, name="codec", limit=default.limit * _CODEC_FACTOR),
        )

    @property
    def by_name(self) -> Mapping[str, RateRule]:
        return {rule.name: rule for rule in (self.default, self.auth, self.codec)}

    def find(self, method: str, path: str) -> RateRule | None:
        """The rule of a request; None if it is not limited."""
        if not is_limited(path):
            return None
        if path == _COMING_BACK or (method == "POST" and _SIGNING_IN.fullmatch(path)):
            return self.auth
        return self.codec if path.startswith("/codec/") else self.default
