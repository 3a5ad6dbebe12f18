"""Sessions of browsers: made at login, ended one by one or all at once."""

import structlog

from models.errors import ServiceUnavailableError
from models.identity import new_secret
from models.ids import UserId, new_id
from models.sessions import Session
from models.users import User
from services.gateway.auth.origin import RequestOrigin
from services.gateway.container import Container

_log = structlog.get_logger(__name__)


class BrowserSessions:
    def __init__(self, container: Container) -> None:
        self._store = container.sessions
        self._clock = container.clock
        self._rules = container.auth.sessions

    async def begin(
        self, user: User, origin: RequestOrigin, *, instead_of: Session | None = None, label: str | None = None
    ) -> tuple[str, Session]:
        """A new session and what its cookie holds, which is never anything that a browser brought along.

        Args:
            instead_of: a session that ends with it.
            label: what people call the device.
        """
        now = self._clock.now()
        secret, hashed = new_secret()
        session = Session(
            id=new_id(),
            user_id=user.id,
            address=origin.address,
            user_agent=origin.user_agent,
            metadata={"label": label} if label else {},
            token_version=user.token_version,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._rules.timeout,
            absolute_expires_at=now + self._rules.absolute_lifetime,
        )
        await self._store.create(hashed, session)
        if instead_of is not None:
            await self._store.revoke(instead_of.user_id, instead_of.id)
        return secret, session

    async def end_all(self, user_id: UserId) -> None:
        """Ends every session of a user whose token version was raised: where Redis is away, that refuses them too."""
        try:
            await self._store.revoke_all(user_id)
        except ServiceUnavailableError as error:
            _log.warning("auth.sessions_not_deleted", reason=error.message)
