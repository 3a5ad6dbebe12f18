"""The first administrator: made by whoever can read the log of a gateway that knows none."""

import hmac
from hashlib import sha256

import structlog

from models.audit import AuditAction
from models.errors import ConflictError, NotFoundError, UnauthenticatedError
from models.first_setup import FirstSetup
from models.identity import check_password, new_secret
from models.users import ROLE_ADMIN, User, new_local_user
from services.gateway.auth.attempts import demand_attempt, setup_budget
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.settings import AuthOptions
from services.gateway.container import Container

_log = structlog.get_logger(__name__)


class FirstAdministrator:
    """The setup code is the same for all gateways of an installation, and follows from what only they know."""

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._passwords = container.passwords
        self._attempts = container.attempts
        self._clock = container.clock
        self._options = container.auth
        self._events = AuthEvents(container.units, container.clock)

    async def find_code(self) -> str | None:
        """The code with which the first administrator can be made; None if nobody can, or need, use one."""
        if not _is_open(self._options):
            return None
        async with self._units() as unit:
            if await unit.first_setup.has_administrator():
                return None
            setup = await unit.first_setup.ensure(new_secret()[0], now=self._clock.now())
        return None if setup.used_at is not None else self._code(setup)

    async def announce(self) -> None:
        """Logs the code, if there is one."""
        code = await self.find_code()
        if code is not None:
            _log.warning(
                "nobody is administrator yet: make one with the setup code",
                setup_code=code,
                command="perdure auth setup",
                route="POST /api/auth/setup",
            )

    async def make(self, code: str, *, email: str, password: str, origin: RequestOrigin) -> User:
        """The first administrator, once.

        Raises:
            NotFoundError: there is an administrator, or none can be made this way.
            UnauthenticatedError: it is not the code.
            WeakPasswordError, ConflictError: the code stays good.
            RateLimitExceededError
        """
        if not _is_open(self._options):
            raise _nothing_to_do()
        await demand_attempt(self._attempts, self._clock, setup_budget(origin.address))
        async with self._units() as unit:
            setup = await unit.first_setup.lock()
            done = setup is None or setup.used_at is not None or await unit.first_setup.has_administrator()
        if setup is None or done:
            raise _nothing_to_do()
        if not hmac.compare_digest(self._code(setup).encode(), code.strip().encode(errors="replace")):
            await self._events.record(AuditAction.LOGIN_FAILED, origin, user_id=None, setup=True)
            raise UnauthenticatedError("This is not the setup code. It is in the log of the gateway.")
        hashed = await self._passwords.hash(check_password(password, email=email))
        now = self._clock.now()
        user = new_local_user(email=email, role=ROLE_ADMIN, proven=True, now=now)
        async with self._units() as unit:
            # Hashing takes long: somebody else may have been faster.
            setup = await unit.first_setup.lock()
            if setup is None or setup.used_at is not None or await unit.first_setup.has_administrator():
                raise _nothing_to_do()
            if not await unit.accounts.create(user, password_hash=hashed):
                raise ConflictError("There is an account with this address already. Choose another address.")
            await unit.first_setup.mark_used(now=now)
            await self._events.record(AuditAction.SETUP_DONE, origin, user_id=user.id, unit=unit)
        return user

    def _code(self, setup: FirstSetup) -> str:
        key = self._options.minting_key or ""
        return hmac.digest(key.encode(), b"perdure first administrator " + setup.salt.encode(), sha256).hex()


def _is_open(options: AuthOptions) -> bool:
    return options.enabled and options.built_in and options.setup_open and options.minting_key is not None


def _nothing_to_do() -> NotFoundError:
    return NotFoundError("There is nothing to set up: administrators are made with `perdure users create --admin`.")
