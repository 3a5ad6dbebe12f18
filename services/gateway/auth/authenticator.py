"""From the headers of a request to its principal."""

from datetime import timedelta
from typing import Final

from models.api_keys import KEY_PREFIX, APIKeyManager, ApiKeyStatus
from models.errors import UnauthenticatedError
from models.ports import Clock
from models.stores import UnitOfWorkFactory
from services.gateway.auth.principal import Principal
from services.gateway.auth.tokens import TokenVerifier

LAST_USED_PRECISION: Final = timedelta(minutes=1)
"""`last_used_at` of a key is written at most this often."""


class Authenticator:
    def __init__(self, *, units: UnitOfWorkFactory, tokens: TokenVerifier, clock: Clock) -> None:
        self._units = units
        self._tokens = tokens
        self._clock = clock
        self._keys = APIKeyManager()

    async def authenticate(self, *, bearer: str | None, api_key: str | None) -> Principal:
        """The principal of a bearer token or API key; both may come as bearer, which counts before `X-API-Key`.

        A user is made with the first valid token.

        Raises:
            UnauthenticatedError: with the reason, which never quotes the credential.
        """
        if bearer is not None and not bearer.startswith(KEY_PREFIX):
            return await self._by_token(bearer)
        raw = bearer or api_key
        if raw is None:
            raise UnauthenticatedError("Authorization header is missing")
        return await self._by_api_key(raw)

    async def _by_token(self, token: str) -> Principal:
        claims = self._tokens.verify(token)
        async with self._units() as unit:
            return Principal(user=await unit.users.ensure(claims, now=self._clock.now()))

    async def _by_api_key(self, raw: str) -> Principal:
        if not self._keys.validate_key_format(raw):
            raise UnauthenticatedError("Invalid API key")
        now = self._clock.now()
        async with self._units() as unit:
            key = await unit.api_keys.find_by_hash(self._keys.hash_key(raw))
            if key is None or not self._keys.verify_api_key(raw, key.hash):
                raise UnauthenticatedError("Invalid API key")
            if key.status is not ApiKeyStatus.ACTIVE:
                raise UnauthenticatedError(f"API key is {key.status.lower()}")
            user = await unit.users.find(key.user_id)
            if user is None:
                raise UnauthenticatedError("Invalid API key")
            if key.last_used_at is None or now - key.last_used_at >= LAST_USED_PRECISION:
                await unit.api_keys.touch(key, now=now)
        return Principal(user=user, permissions=key.permissions, api_key_id=key.id)
