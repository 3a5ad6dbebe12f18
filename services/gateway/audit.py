"""The audit log as routes use it: each changing route declares its action, and says itself only what it alone knows."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import structlog
from fastapi import Depends, Request
from fastapi.params import Depends as Dependency
from starlette.requests import HTTPConnection

from models.audit import ActorKind, AuditAction, AuditActor, AuditEntry
from models.errors import ServiceUnavailableError
from models.ids import UserId, new_id
from models.json_values import normalise_json
from models.ports import Clock
from models.stores import UnitOfWork
from services.gateway.auth.identification import identify
from services.gateway.auth.origin import RequestOrigin
from services.gateway.auth.principal import Principal
from services.gateway.container import container_of
from services.gateway.deps import Unit

ACTION_ATTRIBUTE: Final = "audit_action"
"""Of the dependencies that `audits` makes."""

_OBJECT_PARAMETERS: Final[Mapping[str, str]] = {
    "graph": "graph_id",
    "graph_execution": "graph_exec_id",
    "api_key": "api_key_id",
    "preset": "preset_id",
    "user": "user_id",
    "rate_limit": "key",
}

_log = structlog.get_logger(__name__)


@dataclass
class Act:
    """What a route knows about what it did; `object_id` and `owner_id` where the path and the caller do not say it."""

    object_id: str | None = None
    owner_id: UserId | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    happened: bool = True
    """False: nothing was changed after all, and nothing is entered."""


async def _act() -> Act:
    return Act()


CurrentAct = Annotated[Act, Depends(_act)]
"""The act of this request."""


def actor_of(connection: HTTPConnection, principal: Principal | None) -> AuditActor:
    """Who makes a request; `principal` is None while nobody is known, as for a failed login."""
    origin = RequestOrigin.of(connection)
    return AuditActor(
        id=None if principal is None else principal.user.id,
        kind=_kind_of(principal),
        api_key_id=None if principal is None else principal.api_key_id,
        address=origin.address,
        user_agent=origin.user_agent or None,
        request_id=origin.request_id,
    )


def _kind_of(principal: Principal | None) -> ActorKind:
    if principal is None:
        return ActorKind.USER
    if principal.api_key_id is not None:
        return ActorKind.API_KEY
    return ActorKind.SESSION if principal.session is not None else ActorKind.USER


class AuditTrail:
    """Enters acts of one actor. `record` is for a unit of work that is open, `record_alone` for where there is none."""

    def __init__(self, actor: AuditActor, clock: Clock) -> None:
        self._actor = actor
        self._clock = clock

    def entry(
        self,
        action: AuditAction,
        object_kind: str,
        object_id: str | None,
        *,
        owner_id: UserId | None,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """An entry about now. `details` never hold secrets."""
        known = dict(details or {})
        if self._actor.api_key_id is not None:
            known["api_key_id"] = self._actor.api_key_id
        return AuditEntry(
            id=new_id(),
            at=self._clock.now(),
            actor_id=self._actor.id,
            actor_kind=self._actor.kind,
            action=action.value,
            object_kind=object_kind,
            object_id=object_id,
            owner_id=owner_id,
            address=self._actor.address,
            user_agent=self._actor.user_agent,
            request_id=self._actor.request_id,
            details=normalise_json(known),
        )

    async def record(
        self,
        unit: UnitOfWork,
        action: AuditAction,
        object_kind: str,
        object_id: str | None,
        *,
        owner_id: UserId | None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Enters an act that is committed with `unit`."""
        await unit.audit.record(self.entry(action, object_kind, object_id, owner_id=owner_id, details=details))


def trail_of(request: Request, principal: Principal | None) -> AuditTrail:
    """The trail of a request, for what is no route of `audits`."""
    return AuditTrail(actor_of(request, principal), container_of(request).clock)


async def record_alone(request: Request, entry: AuditEntry) -> None:
    """Enters what was done already, so it fails no request: an entry that cannot be stored is logged as an error."""
    try:
        async with container_of(request).units() as unit:
            await unit.audit.record(entry)
    except ServiceUnavailableError as error:
        _log.error("audit entry not stored", reason=error.message, entry=entry.model_dump(mode="json"))


def audits(action: AuditAction, object_kind: str, *, in_unit: bool = False, by_itself: bool = False) -> Dependency:
    """A dependency of a route: what it does is entered once it has succeeded.

    Args:
        in_unit: the route works in the request's unit of work: act and entry are committed together.
        by_itself: the route enters it, with a trail, in a unit of work of its own.
    """

    async def entered(request: Request, act: CurrentAct) -> AsyncIterator[None]:
        yield
        if act.happened:
            principal = await _demand(request)
            await record_alone(request, _entry(request, principal, act, action, object_kind))

    async def entered_in_unit(request: Request, act: CurrentAct, unit: Unit) -> AsyncIterator[None]:
        yield
        if act.happened:
            principal = await _demand(request)
            await unit.audit.record(_entry(request, principal, act, action, object_kind))

    async def entered_by_itself() -> None:
        return

    chosen = entered_by_itself if by_itself else entered_in_unit if in_unit else entered
    setattr(chosen, ACTION_ATTRIBUTE, action)
    return Depends(chosen, scope="function")


async def _demand(request: Request) -> Principal:
    return (await identify(request, container_of(request))).demand()


def _entry(request: Request, principal: Principal, act: Act, action: AuditAction, object_kind: str) -> AuditEntry:
    parameters = dict(request.path_params)
    named = parameters.pop(_OBJECT_PARAMETERS.get(object_kind, ""), None)
    return trail_of(request, principal).entry(
        action,
        object_kind,
        act.object_id or named,
        owner_id=act.owner_id or principal.user.id,
        details={**parameters, **act.details},
    )
