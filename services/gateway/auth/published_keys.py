"""Keys that an identity provider publishes (JWKS): fetched when needed, kept while it is away."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import jwt
import structlog

from models.errors import ServiceUnavailableError
from models.identity import JwksSource
from models.ports import Clock

MAX_STALE: Final = timedelta(hours=24)
"""Keys that could not be fetched anew for so long no longer count."""

_FIRST_PAUSE: Final = timedelta(seconds=1)
_BY_CURVE: Final = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
_RSA: Final = ("RS256", "RS384", "RS512")

_log = structlog.get_logger(__name__)


class PublishedKeys:
    """The keys of a source by their ids.

    Args:
        lifetime: after it the keys are fetched again; those known meanwhile count until an answer comes.
        pause: between two fetches at least, however many unknown ids are asked for.
        setting: which setting names the source, for operators.
    """

    def __init__(
        self,
        source: JwksSource,
        *,
        clock: Clock,
        lifetime: timedelta,
        pause: timedelta,
        setting: str = "JWT_JWKS_URL",
    ) -> None:
        self._source = source
        self._clock = clock
        self._lifetime = lifetime
        self._pause = pause
        self._setting = setting
        self._keys: Mapping[tuple[str | None, str], jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key for a token with this header; None if none was published for this id and this algorithm.

        Raises:
            ServiceUnavailableError: no keys are known, and the source does not answer.
        """
        known = self._keys.get((kid, algorithm))
        if known is None or self._is_due(self._lifetime, self._fetched_at):
            # Whoever has a key need not wait for another request's fetch.
            if known is None or not self._lock.locked():
                await self._fetch()
            known = self._keys.get((kid, algorithm))
        if self._fetched_at is None or self._is_due(MAX_STALE, self._fetched_at):
            raise ServiceUnavailableError(f"{self._setting} gives no keys: is it right, and does it answer?")
        return known

    async def _fetch(self) -> None:
        async with self._lock:
            if not self._is_due(self._pause if self._fetched_at else _FIRST_PAUSE, self._tried_at):
                return
            self._tried_at = self._clock.now()
            try:
                keys = _read(await self._source.fetch())
            except ServiceUnavailableError as error:
                _log.warning("auth.jwks_unavailable", reason=error.message, known_keys=len(self._keys))
                return
            if not keys:
                _log.warning("auth.jwks_unavailable", reason="no usable key", known_keys=len(self._keys))
                return
            self._keys, self._fetched_at = keys, self._tried_at

    def _is_due(self, after: timedelta, since: datetime | None) -> bool:
        return since is None or self._clock.now() - since >= after


def _read(document: Mapping[str, Any]) -> dict[tuple[str | None, str], jwt.PyJWK]:
    """Usable keys by id and algorithm: an asymmetric key counts only for algorithms of its own kind."""
    found: dict[tuple[str | None, str], jwt.PyJWK] = {}
    listed = document.get("keys")
    keys = (
        [cast("dict[str, Any]", key) for key in cast("list[Any]", listed) if isinstance(key, dict)]
        if (isinstance(listed, list))
        else []
    )
    for key in keys:
        kid = key.get("kid")
        for algorithm in _algorithms(key):
            try:
                found[(kid if isinstance(kid, str) else None, algorithm)] = jwt.PyJWK.from_dict(key, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                continue
    if len(keys) == 1:
        # A provider with one key need not name it.
        found.update({(None, algorithm): key for (_, algorithm), key in list(found.items())})
    return found


def _algorithms(key: Mapping[str, Any]) -> tuple[str, ...]:
    if key.get("use", "sig") != "sig" or "verify" not in key.get("key_ops", ("verify",)):
        return ()
    kind = key.get("kty")
    able = _RSA if kind == "RSA" else _BY_CURVE.get(str(key.get("crv")), ()) if kind == "EC" else ()
    named = key.get("alg")
    return able if named is None else tuple(name for name in able if name == named)
