"""Checks of passwords: throttled, and the same work whether or not there is such an account."""

import unicodedata
from typing import Final

from models.audit import AuditAction
from models.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from models.users import User
from services.gateway.auth.attempts import demand_attempt, forgiven_after_login, login_budgets, password_budget
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.origin import RequestOrigin
from services.gateway.container import Container

WRONG_LOGIN: Final = "Invalid e-mail address or password"


class SignIn:
    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._passwords = container.passwords
        self._attempts = container.attempts
        self._clock = container.clock
        self._options = container.auth
        self._events = AuthEvents(container.units, container.clock)

    async def check_login(self, email: str, password: str, origin: RequestOrigin) -> User:
        """Whose address and password it is; notes the login.

        Raises:
            NotFoundError: no accounts are kept here.
            RateLimitExceededError: too many attempts.
            UnauthenticatedError: with one text for every reason.
            ForbiddenError: the password is right, but the account is suspended, or its address not proven.
        """
        demand_built_in(self._options.built_in)
        await demand_attempt(self._attempts, self._clock, *login_budgets(email, origin.address))
        async with self._units() as unit:
            account = await unit.accounts.find_by_email(email)
        given, known = _composed(password), account.password_hash if account else None
        if not await self._passwords.verify(given, known) or account is None or known is None:
            user_id = account.user.id if account else None
            await self._events.record(AuditAction.LOGIN_FAILED, origin, user_id=user_id)
            raise UnauthenticatedError(WRONG_LOGIN)
        user = account.user
        await self._attempts.forgive(forgiven_after_login(email, origin.address))
        if user.is_suspended:
            raise ForbiddenError("This account is suspended.")
        if self._options.require_verified_email and user.email_verified_at is None:
            raise ForbiddenError("Confirm your e-mail address first: open the link in the mail we sent you.")
        now = self._clock.now()
        fresh = await self._passwords.hash(given) if self._passwords.needs_rehash(known) else None
        async with self._units() as unit:
            await unit.accounts.mark_login(user.id, now=now)
            if fresh is not None:
                await unit.accounts.rehash_password(user.id, old=known, new=fresh)
            await self._events.record(AuditAction.LOGGED_IN, origin, user_id=user.id, unit=unit)
        return user.model_copy(update={"last_login_at": now})

    async def check_current_password(self, user: User, password: str) -> None:
        """Lets somebody who is logged in go on only if it is really them.

        Raises:
            RateLimitExceededError: too many attempts.
            ForbiddenError: it is not their password, or they have none.
        """
        budget = password_budget(user.id)
        await demand_attempt(self._attempts, self._clock, budget)
        async with self._units() as unit:
            account = await unit.accounts.find(user.id)
        if not await self._passwords.verify(_composed(password), account.password_hash if account else None):
            raise ForbiddenError("The current password is not right.")
        await self._attempts.forgive(budget)


def demand_built_in(built_in: bool) -> None:
    """Raises NotFoundError where another identity provider keeps the accounts."""
    if not built_in:
        raise NotFoundError("Accounts are kept by another identity provider: log in there.")


def _composed(password: str) -> str:
    """As `check_password` stores it."""
    return unicodedata.normalize("NFC", password)
