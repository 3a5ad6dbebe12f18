"""`client.rate_limits`."""

from typing import Literal

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Request, nothing, one, path_of
from perdure_client.models import RateLimit

RuleName = Literal["default", "auth", "codec"]


class AsyncRateLimitsCalls:
    """What others have used of their limits, for administrators who logged in. Everybody else is Forbidden.

    Keys are `key:` and the id of an API key, `user:` and the id of a user, or `address:` and an address.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, key: str, *, rule: RuleName = "default") -> RateLimit:
        """What is used of one limit; asking counts for the one who asks only."""
        path = path_of("api", "rate-limit", key)
        return await self._transport.call(
            Request(method="GET", path=path, params={"rule": rule}, read=one(RateLimit), repeatable=True)
        )

    async def reset(self, key: str, *, rule: RuleName = "default") -> None:
        """Gives the whole quota back."""
        path = path_of("api", "rate-limit", key, "reset")
        await self._transport.call(
            Request(method="POST", path=path, params={"rule": rule}, read=nothing, repeatable=True)
        )
