"""Tokens of the built-in identity provider: short bearer tokens, and refresh tokens that are used once."""

from dataclasses import dataclass, field
from datetime import datetime

import jwt

from models.audit import AuditAction
from models.errors import ForbiddenError, UnauthenticatedError
from models.identity import RefreshToken, new_secret, secret_hash
from models.ids import UserId, new_id
from models.stores import UnitOfWork
from models.token_claims import token_claims
from models.users import User
from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.sign_in import demand_built_in
from services.gateway.container import Container


@dataclass(frozen=True, slots=True)
class TokenPair:
    user: User
    access_token: str = field(repr=False)
    expires_in_seconds: int
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


class TokenIssuer:
    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._options = container.auth
        self._clock = container.clock
        self._events = AuthEvents(container.units, container.clock)
        self._sessions = BrowserSessions(container)

    async def begin(self, unit: UnitOfWork, user: User) -> TokenPair:
        """The first tokens of a login.

        Args:
            user: as they were when they proved who they are, which may have taken long.

        Raises:
            UnauthenticatedError: that proof no longer counts: everybody was logged out meanwhile.
            ForbiddenError: the account was suspended meanwhile.
        """
        held = await unit.accounts.hold(user.id)
        if held is None or held.token_version != user.token_version:
            raise UnauthenticatedError("The account has changed meanwhile. Log in again.")
        if held.is_suspended:
            raise ForbiddenError("This account is suspended.")
        ends = self._clock.now() + self._options.refresh_lifetime
        return await self._issue(unit, user, family_id=new_id(), ends=ends)

    async def refresh(self, raw: str, origin: RequestOrigin) -> TokenPair:
        """New tokens for a refresh token, which is used up.

        One that was used before is in the hands of two: every login of the user ends, with all its tokens and sessions,
        because nobody knows which of them the thief has made.

        Raises:
            UnauthenticatedError: it is not good, or no longer.
            ForbiddenError: the account is suspended.
        """
        demand_built_in(self._options.built_in)
        now = self._clock.now()
        pair, suspended, stolen_from = None, False, None
        async with self._units() as unit:
            user, token = await _held(unit, secret_hash(raw))
            if token is not None and token.used_at is not None:
                await unit.refresh_tokens.revoke_family(token.family_id, now=now)
                if token.revoked_at is None:
                    stolen_from = token.user_id
                    await unit.accounts.raise_token_version(token.user_id, now=now)
                    await self._events.record(AuditAction.REFRESH_REUSED, origin, user_id=token.user_id, unit=unit)
            elif token is not None and user is not None and _counts(token, user, now):
                suspended = user.is_suspended
                if not suspended:
                    await unit.refresh_tokens.mark_used(token.hash, now=now)
                    pair = await self._issue(unit, user, family_id=token.family_id, ends=token.expires_at)
        if stolen_from is not None:
            await self._sessions.end_all(stolen_from)
        if suspended:
            raise ForbiddenError("This account is suspended.")
        if pair is None:
            raise UnauthenticatedError("Invalid refresh token")
        return pair

    async def end(self, raw: str, origin: RequestOrigin) -> None:
        """Ends the login of a refresh token; nothing if it is none."""
        now = self._clock.now()
        async with self._units() as unit:
            _, token = await _held(unit, secret_hash(raw))
            if token is not None and token.revoked_at is None:
                await unit.refresh_tokens.revoke_family(token.family_id, now=now)
                await self._events.record(AuditAction.LOGGED_OUT, origin, user_id=UserId(token.user_id), unit=unit)

    async def _issue(self, unit: UnitOfWork, user: User, *, family_id: str, ends: datetime) -> TokenPair:
        now, options = self._clock.now(), self._options
        raw, hashed = new_secret()
        token = RefreshToken(
            hash=hashed,
            family_id=family_id,
            user_id=user.id,
            created_at=now,
            expires_at=ends,
            token_version=user.token_version,
        )
        await unit.refresh_tokens.add(token)
        claims = token_claims(
            user, audience=options.audience, issuer=options.issuer, now=now, lifetime=options.access_lifetime
        )
        return TokenPair(
            user=user,
            access_token=jwt.encode(claims, options.minting_key or "", algorithm=options.algorithm),
            expires_in_seconds=int(options.access_lifetime.total_seconds()),
            refresh_token=raw,
            refresh_expires_at=ends,
        )


async def _held(unit: UnitOfWork, token_hash: str) -> tuple[User | None, RefreshToken | None]:
    """A refresh token and its user, whom nobody else can change until the unit of work ends."""
    owner = await unit.refresh_tokens.find_owner(token_hash)
    if owner is None:
        return None, None
    user = await unit.accounts.hold(owner)
    return user, await unit.refresh_tokens.lock(token_hash)


def _counts(token: RefreshToken, user: User, now: datetime) -> bool:
    return token.revoked_at is None and now < token.expires_at and token.token_version == user.token_version
