"""Logins that are on their way to an identity provider and back, in Redis."""

from datetime import timedelta

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models.errors import ServiceUnavailableError
from models.oidc import PendingLogin


class RedisPendingLogins:
    """The port PendingLogins. `redis` decodes answers to text."""

    def __init__(self, redis: "Redis", *, prefix: str = "oidc-login:") -> None:
        self._redis = redis
        self._prefix = prefix

    async def add(self, state_hash: str, login: PendingLogin, *, lifetime: timedelta) -> None:
        try:
            await self._redis.set(self._prefix + state_hash, login.model_dump_json(), px=lifetime)
        except RedisError as error:
            raise _away(error) from error

    async def take(self, state_hash: str) -> PendingLogin | None:
        try:
            found = await self._redis.getdel(self._prefix + state_hash)
        except RedisError as error:
            raise _away(error) from error
        try:
            return PendingLogin.model_validate_json(found) if found else None
        except ValidationError:
            return None


def _away(error: RedisError) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"Redis does not answer: {type(error).__name__}. Logins at the identity provider need it.",
        user_message="Logging in is not possible at the moment. Please try again shortly.",
    )
