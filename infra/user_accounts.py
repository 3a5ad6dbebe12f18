"""Users made by whoever runs an installation, without an identity provider."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from email_validator import EmailNotValidError, validate_email

from infra.migrate import check_schema
from infra.passwords import Argon2Passwords
from infra.postgres import Database
from infra.settings import Settings
from infra.tokens import issue_token
from infra.unit_of_work import UnitsOfWork
from models.api_keys import issue_api_key
from models.audit import ActorKind, AuditAction, AuditEntry
from models.errors import ConflictError, InvalidRequestError, NotFoundError
from models.hygiene import plain_name
from models.identity import check_password
from models.ids import new_id
from models.users import ROLE_ADMIN, ROLE_USER, User, new_local_user

MAX_NAME = 100


@dataclass(frozen=True)
class NewAccount:
    """A new user and the credentials that were made with it."""

    user: User
    token: str = field(repr=False)
    token_expires_at: datetime
    api_key: str | None = field(default=None, repr=False)


async def create_account(
    settings: Settings,
    *,
    email: str,
    name: str | None = None,
    admin: bool = False,
    password: str | None = None,
    with_api_key: bool = False,
    token_lifetime: timedelta,
    now: datetime,
) -> NewAccount:
    """Makes a user in the database, and a token; with `with_api_key` also a key with the default permissions.

    Without a password nobody can log in to the account, until one is set with the help of a mail.

    Raises:
        InvalidRequestError: an address, a name or a password that no user can have.
        ConflictError: a user has the address already.
        ConfigurationError: JWT_VERIFY_KEY or DATABASE_URL cannot be used, or the schema is not of this release.
        ServiceUnavailableError: Postgres does not answer.
    """
    user = new_local_user(
        email=_address(email), name=_name(name), role=ROLE_ADMIN if admin else ROLE_USER, proven=True, now=now
    )
    token = issue_token(settings.auth, user, now=now, lifetime=token_lifetime)
    hashed: str | None = None
    if password is not None:
        hashed = await Argon2Passwords().hash(check_password(password, email=user.email))
    database = Database(settings.postgres, application_name="perdure users")
    try:
        await check_schema(database)
        raw: str | None = None
        async with UnitsOfWork(database)() as unit:
            known = await unit.users.find_by_email(user.email)
            if known is None and not await unit.accounts.create(user, password_hash=hashed):
                known = await unit.users.find_by_email(user.email)
            if known is not None:
                raise ConflictError(f"There is a user with the address {user.email!r} already: {known.id}.")
            if with_api_key:
                stored, raw = issue_api_key(user_id=user.id, name="First key", now=now)
                await unit.api_keys.ensure(stored)
            await unit.audit.record(_entry(AuditAction.USER_CREATED, user, now=now, role=user.role))
    finally:
        await database.close()
    return NewAccount(user=user, token=token, token_expires_at=now + token_lifetime, api_key=raw)


async def set_account_password(settings: Settings, *, email: str, password: str, now: datetime) -> User:
    """Replaces the password of a local account, whose tokens and sessions then no longer count.

    Raises:
        InvalidRequestError: a password that no user can have.
        NotFoundError: there is no such account.
        ConfigurationError, ServiceUnavailableError: as for `create_account`.
    """
    hashed = await Argon2Passwords().hash(check_password(password, email=email))
    database = Database(settings.postgres, application_name="perdure users")
    try:
        await check_schema(database)
        async with UnitsOfWork(database)() as unit:
            account = await unit.accounts.find_by_email(email)
            if account is None:
                raise NotFoundError(f"There is no account with the address {email!r} that is kept here.")
            user = await unit.accounts.set_password(account.user.id, hashed, now=now)
            await unit.refresh_tokens.revoke_all(user.id, now=now)
            await unit.mail_tokens.delete_all(user.id)
            await unit.audit.record(_entry(AuditAction.PASSWORD_CHANGED, user, now=now))
            return user
    finally:
        await database.close()


def _entry(action: AuditAction, user: User, *, now: datetime, **details: object) -> AuditEntry:
    """Whoever can reach the database has no account that could be named."""
    return AuditEntry(
        id=new_id(),
        at=now,
        actor_id=None,
        actor_kind=ActorKind.SYSTEM,
        action=action,
        object_kind="user",
        object_id=user.id,
        owner_id=user.id,
        details=details,
    )


def _address(email: str) -> str:
    try:
        return validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidRequestError(f"{email!r} is no e-mail address that a user can have: {error}") from error


def _name(name: str | None) -> str | None:
    name = plain_name((name or "")[: MAX_NAME * 10])
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidRequestError(f"A name has at most {MAX_NAME} printable characters.")
    return name or None
