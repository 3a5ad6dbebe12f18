"""Logins that are on their way to an identity provider and back, in Redis."""

from datetime import timedelta
from typing import Final

from pydantic import ValidationError
from redis.asyncio import Redis

from infra.redis import naming_unavailability
from models.oidc import PendingLogin

_NO_LOGINS: Final = "Logging in is not possible at the moment. Please try again shortly."


class RedisPendingLogins:
    """The port PendingLogins. `redis` decodes answers to text."""

    def __init__(self, redis: "Redis", *, prefix: str = "oidc-login:") -> None:
        self._redis = redis
        self._prefix = prefix

    async def add(self, state_hash: str, login: PendingLogin, *, lifetime: timedelta) -> None:
        with naming_unavailability(_NO_LOGINS):
            await self._redis.set(self._prefix + state_hash, login.model_dump_json(), px=lifetime)

    async def take(self, state_hash: str) -> PendingLogin | None:
        with naming_unavailability(_NO_LOGINS):
            found = await self._redis.getdel(self._prefix + state_hash)
        try:
            return PendingLogin.model_validate_json(found) if found else None
        except ValidationError:
            return None
