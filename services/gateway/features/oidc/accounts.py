"""Which account a login elsewhere opens."""

from models.audit import AuditAction
from models.errors import ConflictError, ForbiddenError
from models.ids import UserId
from models.oidc import ExternalPerson
from models.stores import UnitOfWork
from models.users import User, UserClaims, new_local_user
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.settings import OidcOptions
from services.gateway.container import Container


class UnprovenAddressError(ConflictError):
    """An account has the address of a login elsewhere, and it is not sure that both belong to the same person."""

    code = "address_not_proven"


class ExternalAccounts:
    """Issuer and subject say whose account it is. An address only connects two that have proven it to both sides."""

    def __init__(self, container: Container, oidc: OidcOptions) -> None:
        self._units = container.units
        self._clock = container.clock
        self._options = container.auth
        self._oidc = oidc
        self._events = AuthEvents(container.units, container.clock)

    async def log_in(self, person: ExternalPerson, origin: RequestOrigin) -> User:
        """The account of the person, which may be new; notes the login.

        Raises:
            ForbiddenError: the account is suspended, or nobody new may come.
            UnprovenAddressError: another account has the address.
        """
        now = self._clock.now()
        async with self._units() as unit:
            user = await unit.identities.find_user(person.issuer, person.subject)
            if user is None:
                user = await self._connect(unit, person, origin)
            if user.is_suspended:
                raise ForbiddenError("This account is suspended.")
            await unit.accounts.mark_login(user.id, now=now)
            await self._events.record(AuditAction.LOGGED_IN, origin, user_id=user.id, unit=unit, provider=person.issuer)
        return user.model_copy(update={"last_login_at": now})

    async def _connect(self, unit: UnitOfWork, person: ExternalPerson, origin: RequestOrigin) -> User:
        if self._options.issuer == person.issuer:
            user = await self._of_bearer_tokens(unit, person)
        else:
            user = await self._with_address(unit, person, origin)
        if user.is_suspended:
            raise ForbiddenError("This account is suspended.")
        now = self._clock.now()
        if not await unit.identities.link(user.id, person.issuer, person.subject, now=now):
            # Another login of the same person was a moment ahead.
            return await unit.identities.find_user(person.issuer, person.subject) or user
        await self._events.record(
            AuditAction.IDENTITY_LINKED, origin, user_id=user.id, unit=unit, provider=person.issuer
        )
        return user

    async def _of_bearer_tokens(self, unit: UnitOfWork, person: ExternalPerson) -> User:
        """The provider's bearer tokens count here too: they name the same users, by their subjects."""
        user_id = UserId(person.subject)
        if not self._oidc.registration_open and await unit.users.find(user_id) is None:
            raise _closed()
        claims = UserClaims(id=user_id, email=person.email, name=person.name, issued_at=person.issued_at)
        return await unit.users.find(user_id) or await unit.users.ensure(claims, now=self._clock.now())

    async def _with_address(self, unit: UnitOfWork, person: ExternalPerson, origin: RequestOrigin) -> User:
        account = await unit.accounts.find_by_email(person.email)
        if account is None:
            made = await self._create(unit, person, origin)
            if made is not None:
                return made
            account = await unit.accounts.find_by_email(person.email)
        if account is None or not person.email_verified or account.user.email_verified_at is None:
            raise UnprovenAddressError(
                "There is an account with your address already, and either it or the identity provider has not proven "
                "that the address is yours. Log in with your password and confirm the address, or ask an administrator."
            )
        return account.user

    async def _create(self, unit: UnitOfWork, person: ExternalPerson, origin: RequestOrigin) -> User | None:
        """A new account; None if the address has one meanwhile."""
        if not self._oidc.registration_open:
            raise _closed()
        if self._options.require_verified_email and not person.email_verified:
            raise ForbiddenError("The identity provider has not proven your e-mail address. Prove it there first.")
        user = new_local_user(email=person.email, name=person.name, proven=person.email_verified, now=self._clock.now())
        if not await unit.accounts.create(user, password_hash=None):
            return None
        await self._events.record(AuditAction.REGISTERED, origin, user_id=user.id, unit=unit, provider=person.issuer)
        return user


def _closed() -> ForbiddenError:
    return ForbiddenError("You have no account here. Ask an administrator for one.")
