"""Suspending and erasing users: first they can do nothing more, then their runs end, then their data goes."""

import structlog

from models.errors import ConflictError, NotFoundError, ServiceUnavailableError
from models.ids import UserId
from models.users import User, UserStatus
from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.container import Container
from services.gateway.run_control import RunControl, StopMode

_log = structlog.get_logger(__name__)


class UserAdministration:
    def __init__(self, container: Container, *, administrator: User) -> None:
        self._units = container.units
        self._clock = container.clock
        self._blobs = container.blobs
        self._runs = RunControl(container)
        self._sessions = BrowserSessions(container)
        self._administrator = administrator

    async def get(self, user_id: UserId) -> User:
        """Raises NotFoundError."""
        async with self._units() as unit:
            user = await unit.users.find(user_id)
        if user is None:
            raise NotFoundError(f"User {user_id!r} not found.")
        return user

    async def suspend(self, user_id: UserId) -> User:
        """Refuses the user everywhere and ends their runs. Repeating it ends what an earlier call could not.

        Raises:
            NotFoundError
            ConflictError: administrators cannot suspend themselves.
            ServiceUnavailableError: Temporal does not answer; the user is refused already.
        """
        self._demand_other(user_id)
        now = self._clock.now()
        async with self._units() as unit:
            user = await unit.users.set_status(user_id, UserStatus.SUSPENDED, now=now)
            await unit.refresh_tokens.revoke_all(user_id, now=now)
        await self._sessions.end_all(user_id)
        await self._runs.stop_all(user, None, StopMode.CANCEL)
        return user

    async def unsuspend(self, user_id: UserId) -> User:
        """Ends a suspension; the user has to log in again. Raises NotFoundError."""
        async with self._units() as unit:
            return await unit.users.set_status(user_id, UserStatus.ACTIVE, now=self._clock.now())

    async def erase(self, user_id: UserId) -> None:
        """Deletes a user and everything of theirs, for good; the audit log stays.

        Raises:
            NotFoundError, ConflictError, ServiceUnavailableError: as for `suspend`.
        """
        await self.suspend(user_id)
        async with self._units() as unit:
            runs = await unit.users.erase(user_id)
        for graph_exec_id in runs:
            try:
                await self._blobs.delete_prefix(f"runs/{graph_exec_id}/")
            except (OSError, ServiceUnavailableError) as error:
                _log.error("blobs of an erased user are left", graph_exec_id=graph_exec_id, reason=str(error))

    def _demand_other(self, user_id: UserId) -> None:
        if user_id == self._administrator.id:
            raise ConflictError("You cannot suspend or erase your own account. Ask another administrator.")
