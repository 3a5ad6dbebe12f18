"""Accounts with passwords: registering, proving addresses, and new passwords."""

from datetime import timedelta
from typing import Final

from models.audit import AuditAction
from models.errors import ForbiddenError, InvalidRequestError
from models.identity import Mail, MailPurpose, MailToken, check_password, new_secret, secret_hash
from models.stores import UnitOfWork
from models.users import User, new_local_user
from services.gateway.auth.attempts import demand_attempt, mail_budgets
from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.sign_in import SignIn, demand_built_in
from services.gateway.container import Container
from services.gateway.features.identity import mails

RESET_LIFETIME: Final = timedelta(hours=1)
PROOF_LIFETIME: Final = timedelta(days=1)


class BadMailTokenError(InvalidRequestError):
    code = "invalid_mail_token"


class IdentityService:
    """Opens its own units of work: hashing a password takes long, and what is looked up after the answer has none."""

    def __init__(self, container: Container) -> None:
        demand_built_in(container.auth.built_in)
        self._units = container.units
        self._passwords = container.passwords
        self._attempts = container.attempts
        self._mailer = container.mailer
        self._background = container.background
        self._clock = container.clock
        self._options = container.auth
        self._sessions = BrowserSessions(container)
        self._sign_in = SignIn(container)
        self._events = AuthEvents(container.units, container.clock)

    async def register(self, *, email: str, password: str, name: str | None, origin: RequestOrigin) -> None:
        """Makes an account, unless the address has one: then its owner is told by mail, and nobody else.

        Raises:
            ForbiddenError: nobody may register.
            WeakPasswordError
            RateLimitExceededError
        """
        if not self._options.registration_open:
            raise ForbiddenError("Registration is closed. Ask an administrator for an account.")
        await demand_attempt(self._attempts, self._clock, *mail_budgets(email, origin.address))
        hashed = await self._passwords.hash(check_password(password, email=email))
        user = new_local_user(email=email, name=name, proven=False, now=self._clock.now())
        async with self._units() as unit:
            made = await unit.accounts.create(user, password_hash=hashed)
        self._background.start(self._after_registration(user, made, origin), name="registration")

    async def _after_registration(self, user: User, made: bool, origin: RequestOrigin) -> None:
        if not made:
            await self._mailer.send(mails.known_address_mail(user.email, console_url=self._options.console_url))
            return
        await self._events.record(AuditAction.REGISTERED, origin, user_id=user.id)
        async with self._units() as unit:
            mail = await self._verification(unit, user)
        await self._mailer.send(mail)

    async def request_verification(self, email: str, origin: RequestOrigin) -> None:
        """Sends the mail that proves an address once more, if there is something to prove. Tells nobody whether."""
        await demand_attempt(self._attempts, self._clock, *mail_budgets(email, origin.address))
        self._background.start(self._send_verification(email), name="verification mail")

    async def _send_verification(self, email: str) -> None:
        async with self._units() as unit:
            account = await unit.accounts.find_by_email(email)
            if account is None or account.user.email_verified_at is not None:
                return
            mail = await self._verification(unit, account.user)
        await self._mailer.send(mail)

    async def prove_email(self, token: str, origin: RequestOrigin) -> None:
        """Takes a token that was mailed as the proof of its address.

        Raises:
            BadMailTokenError: it is unknown, used, too old, or another account has proven the address meanwhile.
        """
        now, hashed = self._clock.now(), secret_hash(token)
        proven = False
        async with self._units() as unit:
            await _hold_owner(unit, hashed)
            change = await unit.mail_tokens.take(hashed, MailPurpose.CHANGE, now=now)
            proof = change or await unit.mail_tokens.take(hashed, MailPurpose.VERIFICATION, now=now)
            account = await unit.accounts.find(proof.user_id) if proof else None
            # The proof of an address that is no longer the account's must not bring it back.
            if proof and account and (change or proof.email.casefold() == account.user.email.casefold()):
                proven = await unit.accounts.set_email(account.user.id, proof.email, now=now)
                await unit.mail_tokens.delete_all(account.user.id)
                if proven:
                    await self._events.record(AuditAction.EMAIL_VERIFIED, origin, user_id=account.user.id, unit=unit)
        if not proven:
            raise _bad_token()

    async def change_email(self, user: User, *, email: str, password: str | None, origin: RequestOrigin) -> str:
        """Changes the address, once the new one is proven if the account is kept here; the address in force.

        Raises:
            ForbiddenError: the current password is missing or wrong.
            RateLimitExceededError
        """
        if not user.local:
            async with self._units() as unit:
                changed = await unit.users.update(user.id, now=self._clock.now(), name=None, email=email, timezone=None)
                await self._events.record(
                    AuditAction.USER_UPDATED, origin, user_id=user.id, unit=unit, fields=["email"]
                )
            return changed.email
        if password is None:
            raise ForbiddenError("Send your current password too: {'email': ..., 'current_password': ...}.")
        await self._sign_in.check_current_password(user, password)
        await demand_attempt(self._attempts, self._clock, *mail_budgets(email, origin.address))
        self._background.start(self._send_change(user, email), name="address change")
        return user.email

    async def _send_change(self, user: User, email: str) -> None:
        async with self._units() as unit:
            token = await self._token(unit, user, MailPurpose.CHANGE, email=email, lifetime=PROOF_LIFETIME)
        await self._mailer.send(mails.verification_mail(email, console_url=self._options.console_url, token=token))
        await self._mailer.send(mails.address_changing_mail(user.email, new_address=email))

    async def change_password(self, user: User, *, current: str, new: str, origin: RequestOrigin) -> User:
        """Sets a password and logs everybody out; the user as they are now.

        Raises:
            ForbiddenError: the current password is wrong.
            WeakPasswordError
            RateLimitExceededError
        """
        await self._sign_in.check_current_password(user, current)
        return await self._set_password(user, new, AuditAction.PASSWORD_CHANGED, origin)

    async def request_reset(self, email: str, origin: RequestOrigin) -> None:
        """Mails a token for a new password to the owner of an address. Tells nobody whether there is one."""
        await demand_attempt(self._attempts, self._clock, *mail_budgets(email, origin.address))
        self._background.start(self._send_reset(email, origin), name="reset mail")

    async def _send_reset(self, email: str, origin: RequestOrigin) -> None:
        async with self._units() as unit:
            account = await unit.accounts.find_by_email(email)
            if account is None or account.user.is_suspended:
                return
            user = account.user
            token = await self._token(unit, user, MailPurpose.RESET, email=user.email, lifetime=RESET_LIFETIME)
            await self._events.record(AuditAction.PASSWORD_RESET_REQUESTED, origin, user_id=user.id, unit=unit)
        await self._mailer.send(mails.reset_mail(user.email, console_url=self._options.console_url, token=token))

    async def reset_password(self, token: str, *, new: str, origin: RequestOrigin) -> None:
        """Sets a password with a token that was mailed, and logs everybody out.

        Raises:
            BadMailTokenError: it is unknown, used or too old.
            WeakPasswordError: the token stays good.
        """
        now = self._clock.now()
        check_password(new, email="")
        async with self._units() as unit:
            await _hold_owner(unit, secret_hash(token))
            taken = await unit.mail_tokens.take(secret_hash(token), MailPurpose.RESET, now=now)
            account = await unit.accounts.find(taken.user_id) if taken else None
            if taken is None or account is None or account.user.is_suspended:
                raise _bad_token()
            check_password(new, email=account.user.email)
            if account.user.email.casefold() == taken.email.casefold():
                if account.user.email_verified_at is None:
                    # Before that anybody may have made the account of somebody else's address, and ways into it.
                    await unit.accounts.raise_token_version(account.user.id, now=now)
                    await unit.refresh_tokens.revoke_all(account.user.id, now=now)
                    await unit.api_keys.revoke_all(account.user.id, now=now)
                    await unit.identities.unlink_all(account.user.id)
                # Whoever reads the mail of an address has proven it.
                await unit.accounts.set_email(account.user.id, account.user.email, now=now)
        await self._set_password(account.user, new, AuditAction.PASSWORD_RESET, origin)

    async def log_out_everywhere(self, user: User, origin: RequestOrigin) -> None:
        """Ends every token and session of a user; API keys stay."""
        now = self._clock.now()
        async with self._units() as unit:
            await unit.accounts.raise_token_version(user.id, now=now)
            await unit.refresh_tokens.revoke_all(user.id, now=now)
            await self._events.record(AuditAction.LOGGED_OUT, origin, user_id=user.id, unit=unit, everywhere=True)
        await self._sessions.end_all(user.id)

    async def _set_password(self, user: User, new: str, action: AuditAction, origin: RequestOrigin) -> User:
        hashed = await self._passwords.hash(check_password(new, email=user.email))
        now = self._clock.now()
        async with self._units() as unit:
            changed = await unit.accounts.set_password(user.id, hashed, now=now)
            await unit.refresh_tokens.revoke_all(user.id, now=now)
            await unit.mail_tokens.delete_all(user.id)
            await self._events.record(action, origin, user_id=user.id, unit=unit)
        await self._sessions.end_all(user.id)
        await self._mailer.send(mails.password_changed_mail(user.email, console_url=self._options.console_url))
        return changed

    async def _verification(self, unit: UnitOfWork, user: User) -> Mail:
        token = await self._token(unit, user, MailPurpose.VERIFICATION, email=user.email, lifetime=PROOF_LIFETIME)
        return mails.verification_mail(user.email, console_url=self._options.console_url, token=token)

    async def _token(
        self, unit: UnitOfWork, user: User, purpose: MailPurpose, *, email: str, lifetime: timedelta
    ) -> str:
        now = self._clock.now()
        raw, hashed = new_secret()
        await unit.mail_tokens.replace(
            MailToken(
                hash=hashed,
                purpose=purpose,
                user_id=user.id,
                email=email,
                created_at=now,
                expires_at=now + lifetime,
            )
        )
        return raw


async def _hold_owner(unit: UnitOfWork, token_hash: str) -> None:
    """Takes the user of a token that was mailed before the token, as everybody does."""
    owner = await unit.mail_tokens.find_owner(token_hash)
    if owner is not None:
        await unit.accounts.hold(owner)


def _bad_token() -> BadMailTokenError:
    return BadMailTokenError("This link is not good, or no longer. Ask for a new one.")
