"""From the credentials of a request to its principal."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from models.api_keys import KEY_PREFIX, APIKeyManager, ApiKeyStatus
from models.audit import ActorKind, AuditAction
from models.errors import ForbiddenError, UnauthenticatedError
from models.identity import CredentialLookup, ErasedUserError, secret_hash
from models.ports import Clock
from models.sessions import IssuePolicy, SessionProblem, SessionStore
from models.stores import UnitOfWorkFactory
from models.users import LOCAL_USER_EMAIL, LOCAL_USER_ID, LOCAL_USER_NAME, ROLE_ADMIN, User, UserClaims
from services.gateway.auth.events import AuthEvents
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.principal import Principal
from services.gateway.auth.tokens import TokenVerifier

LAST_USED_PRECISION: Final = timedelta(minutes=1)
"""`last_used_at` of a key is written at most this often."""

_PROBLEMS: Final = {
    SessionProblem.NOT_FOUND: "Session not found",
    SessionProblem.EXPIRED: "Session has expired",
    SessionProblem.INVALID: "Session is not valid",
}
_LOCAL_CLAIMS: Final = UserClaims(id=LOCAL_USER_ID, email=LOCAL_USER_EMAIL, name=LOCAL_USER_NAME, role=ROLE_ADMIN)


class Authenticator:
    """Takes one statement in Postgres per request, and for a session one round trip to Redis.

    Args:
        enabled: without it everybody is the local user, whatever they send.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        lookup: CredentialLookup,
        tokens: TokenVerifier,
        sessions: SessionStore,
        events: AuthEvents,
        clock: Clock,
        enabled: bool = True,
    ) -> None:
        self._units = units
        self._lookup = lookup
        self._tokens = tokens
        self._sessions = sessions
        self._events = events
        self._clock = clock
        self._enabled = enabled
        self._keys = APIKeyManager()

    async def authenticate(
        self, *, bearer: str | None, api_key: str | None, session: str | None, origin: Callable[[], RequestOrigin]
    ) -> Principal:
        """The principal of a bearer token, an API key or a session; the first that is there counts.

        A key may come as bearer. A user is made with the first valid token of another identity provider; one who
        was erased only by a token from after that, as somebody new.

        Args:
            session: what the session cookie holds.
            origin: tells where the request comes from, when that is needed.

        Raises:
            UnauthenticatedError: with the reason, which never quotes the credential.
            ForbiddenError: the account is suspended.
        """
        principal = await self._find(bearer, api_key, session, origin)
        if principal.user.is_suspended:
            raise ForbiddenError("This account is suspended.")
        return principal

    async def _find(
        self, bearer: str | None, api_key: str | None, session: str | None, origin: Callable[[], RequestOrigin]
    ) -> Principal:
        if not self._enabled:
            return await self._of_claims(_LOCAL_CLAIMS.model_copy(update={"issued_at": self._clock.now()}), origin)
        if bearer is not None and not bearer.startswith(KEY_PREFIX):
            return await self._of_claims(await self._tokens.verify(bearer), origin)
        raw = bearer or api_key
        if raw is not None:
            return await self._by_api_key(raw)
        if session is not None:
            return await self._by_session(session, origin())
        raise UnauthenticatedError("Authorization header is missing")

    async def _of_claims(self, claims: UserClaims, origin: Callable[[], RequestOrigin]) -> Principal:
        user = await self._lookup.find_user(claims.id)
        if user is None and claims.token_version is not None:
            # Our own tokens are made for accounts that are there: this one was erased.
            raise UnauthenticatedError("Invalid user data in token")
        if user is not None and user.local:
            if claims.token_version != user.token_version:
                raise UnauthenticatedError("Token has expired")
            return Principal(user=user)
        if user is not None and _is_from_before(claims, user):
            raise ErasedUserError("Token has expired")
        if user is not None and not _brings_news(claims, user):
            return Principal(user=user)
        async with self._units() as unit:
            ensured = await unit.users.ensure(claims, now=self._clock.now())
            if user is not None and ensured.role != user.role:
                await self._events.record(
                    AuditAction.USER_ROLE_CHANGED,
                    origin(),
                    user_id=user.id,
                    unit=unit,
                    before=user.role,
                    after=ensured.role,
                )
        return Principal(user=ensured, user_created=user is None)

    async def _by_session(self, secret: str, origin: RequestOrigin) -> Principal:
        check = await self._sessions.use(
            secret_hash(secret),
            address=origin.address,
            user_agent=origin.user_agent,
            now=self._clock.now(),
        )
        if check.session is None:
            problem = check.problem or SessionProblem.INVALID
            raise UnauthenticatedError(_PROBLEMS[problem], details={"reason": problem.value})
        # Before the rate limit, and kept for good: whoever repeats an issue must not fill the log.
        if check.news:
            await self._events.record(
                AuditAction.SESSION_SUSPICIOUS,
                origin,
                user_id=check.session.user_id,
                kind=ActorKind.SESSION,
                session_id=check.session.id,
                issues=[issue.value for issue in check.news],
                policy=check.policy.value if check.policy else None,
            )
        if check.policy is IssuePolicy.RE_LOGIN or check.policy is IssuePolicy.REVOKE:
            raise UnauthenticatedError(
                "Please log in again: the session was used in an unusual way.",
                details={"reason": check.issues[0].value, "policy": check.policy.value},
            )
        user = await self._lookup.find_user(check.session.user_id)
        if user is None or user.token_version != check.session.token_version:
            raise UnauthenticatedError(
                _PROBLEMS[SessionProblem.EXPIRED], details={"reason": SessionProblem.EXPIRED.value}
            )
        return Principal(user=user, session=check.session)

    async def _by_api_key(self, raw: str) -> Principal:
        if not self._keys.validate_key_format(raw):
            raise UnauthenticatedError("Invalid API key")
        found = await self._lookup.find_key(self._keys.hash_key(raw))
        if found is None or not self._keys.verify_api_key(raw, found[0].hash):
            raise UnauthenticatedError("Invalid API key")
        key, user = found
        if key.status is not ApiKeyStatus.ACTIVE:
            raise UnauthenticatedError(f"API key is {key.status.lower()}")
        now = self._clock.now()
        if key.last_used_at is None or now - key.last_used_at >= LAST_USED_PRECISION:
            async with self._units() as unit:
                await unit.api_keys.touch(key, now=now)
        return Principal(user=user, permissions=key.permissions, api_key_id=key.id)


def _is_from_before(claims: UserClaims, user: User) -> bool:
    """Whether the token was made for an earlier account with the same id, which was erased."""
    erased_at = user.tokens_not_before
    return erased_at is not None and (claims.issued_at is None or claims.issued_at <= erased_at)


def _brings_news(claims: UserClaims, user: User) -> bool:
    login = claims.last_sign_in_at
    return user.role != claims.role or (
        login is not None and (user.last_login_at is None or user.last_login_at < login)
    )
