"""Suspending and erasing users: first they can do nothing more, then their runs end, then their data goes."""

from models.audit import AuditAction
from models.erasure import Erasure
from models.errors import ConflictError, NotFoundError
from models.ids import GraphExecId, UserId
from models.stores import UnitOfWork
from models.users import User, UserStatus
from services.gateway.audit import AuditTrail
from services.gateway.auth.browser_sessions import BrowserSessions
from services.gateway.container import Container
from services.gateway.erasures import Erasures
from services.gateway.run_control import RunControl, StopMode


class UserAdministration:
    """
    Args:
        trail: of the administrator. What stands even if the rest fails is entered with it.
    """

    def __init__(self, container: Container, *, administrator: User, trail: AuditTrail) -> None:
        self._units = container.units
        self._clock = container.clock
        self._background = container.background
        self._erasures = Erasures(container)
        self._runs = RunControl(container)
        self._sessions = BrowserSessions(container)
        self._administrator = administrator
        self._trail = trail

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
            await self._enter(unit, AuditAction.USER_SUSPENDED, user_id)
        await self._sessions.end_all(user_id)
        await self._runs.stop_all(user, None, StopMode.CANCEL)
        return user

    async def unsuspend(self, user_id: UserId) -> User:
        """Ends a suspension; the user has to log in again. Raises NotFoundError."""
        async with self._units() as unit:
            user = await unit.users.set_status(user_id, UserStatus.ACTIVE, now=self._clock.now())
            await self._enter(unit, AuditAction.USER_ACTIVATED, user_id)
        return user

    async def erase(self, user_id: UserId) -> None:
        """Deletes a user and everything of theirs, for good; the audit log stays.

        Runs that take longer to end, and blocks that hang, may write afterwards: that is cleaned up in the background.

        Raises:
            NotFoundError, ConflictError, ServiceUnavailableError: as for `suspend`.
        """
        self._demand_other(user_id)
        async with self._units() as unit:
            open_runs = await unit.executions.list_open(user_id)
        user = await self.suspend(user_id)
        async with self._units() as unit:
            runs = [*open_runs, *await unit.executions.list_open(user_id)]
            erasure = Erasure(user_id, user.key_id, self._clock.now(), runs=tuple(dict.fromkeys(runs)))
            erased_runs = await unit.users.erase(user_id)
            await unit.erasures.add(erasure)
            await self._enter(unit, AuditAction.USER_ERASED, user_id)
        await self._erasures.delete_blobs(map(GraphExecId, erased_runs))
        self._background.start(self._erasures.clean_up(erasure), name="erasure", resumes=True)

    async def _enter(self, unit: UnitOfWork, action: AuditAction, user_id: UserId) -> None:
        await self._trail.record(unit, action, "user", user_id, owner_id=user_id)

    def _demand_other(self, user_id: UserId) -> None:
        if user_id == self._administrator.id:
            raise ConflictError("You cannot suspend or erase your own account. Ask another administrator.")
