"""What happens to accounts: one line in the log and one entry in the audit log for each event."""

from collections.abc import Mapping
from typing import Any, Final

import structlog

from models.audit import ActorKind, AuditAction, AuditEntry
from models.errors import ServiceUnavailableError
from models.ids import UserId, new_id
from models.ports import Clock
from models.stores import UnitOfWork, UnitOfWorkFactory
from services.gateway.auth.origin import RequestOrigin

_ALARMING: Final = frozenset(
    {AuditAction.LOGIN_FAILED, AuditAction.REFRESH_REUSED, AuditAction.SESSION_SUSPICIOUS, AuditAction.USER_ERASED}
)

_log = structlog.get_logger(__name__)


class AuthEvents:
    """
    Args:
        units: for events that stand, whatever becomes of the request.
    """

    def __init__(self, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def record(
        self,
        action: AuditAction,
        origin: RequestOrigin,
        *,
        user_id: UserId | None,
        actor_id: UserId | None = None,
        kind: ActorKind = ActorKind.USER,
        unit: UnitOfWork | None = None,
        **details: Any,
    ) -> None:
        """Notes an event of an account.

        Args:
            user_id: whose account it is; None if nobody has it.
            actor_id: who acts, if it is not the user.
            unit: the transaction that the event belongs to; by default one of its own.
        """
        log = _log.warning if action in _ALARMING else _log.info
        log(action.value, account=user_id, client_address=origin.address, **details)
        entry = self._entry(action, origin, user_id=user_id, actor_id=actor_id or user_id, kind=kind, details=details)
        if unit is not None:
            await unit.audit.record(entry)
            return
        try:
            async with self._units() as own:
                await own.audit.record(entry)
        except ServiceUnavailableError:
            _log.error("auth.event_not_recorded", action=action.value)

    def _entry(
        self,
        action: AuditAction,
        origin: RequestOrigin,
        *,
        user_id: UserId | None,
        actor_id: UserId | None,
        kind: ActorKind,
        details: Mapping[str, Any],
    ) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            at=self._clock.now(),
            actor_id=actor_id,
            actor_kind=kind,
            action=action,
            object_kind="user",
            object_id=user_id,
            owner_id=user_id,
            address=origin.address,
            user_agent=origin.user_agent or None,
            request_id=origin.request_id,
            details=details,
        )
