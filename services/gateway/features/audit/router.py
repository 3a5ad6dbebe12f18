"""/api/audit: what happened to one's own objects, and /api/admin/audit: to all"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from models.audit import AuditQuery
from models.ids import UserId
from services.gateway.auth.dependencies import Admin, IdentityOwner
from services.gateway.deps import ShortPage, Unit
from services.gateway.features.audit.schemas import AuditPageOut, audit_page_out
from services.gateway.json_bodies import JsonRoute

router = APIRouter(tags=["audit"], route_class=JsonRoute)

_TEXT: Final = r"^[^\x00]+$"
IdQuery = Annotated[str | None, Query(min_length=1, max_length=255, pattern=_TEXT)]


async def _query(
    action: Annotated[
        str | None, Query(max_length=100, pattern=r"^[a-z_]+\.[a-z_]+$", description="For example api_key.revoked.")
    ] = None,
    object: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=300,
            pattern=r"^[a-z_]+(:[^\x00]+)?$",
            description="A kind of object, such as graph, or kind:id.",
        ),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Included.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Not included.")] = None,
) -> AuditQuery:
    kind, _, object_id = (object or "").partition(":")
    return AuditQuery(action=action, object_kind=kind or None, object_id=object_id or None, since=since, until=until)


Asked = Annotated[AuditQuery, Depends(_query)]


@router.get("/api/audit", operation_id="list_audit", summary="List what was done to what is yours, newest first")
async def list_audit(user: IdentityOwner, asked: Asked, unit: Unit, page: ShortPage) -> AuditPageOut:
    found = await unit.audit.list_entries(asked.model_copy(update={"owner_id": user.id}), page)
    return audit_page_out(found, page, reader_id=user.id)


@router.get("/api/admin/audit", operation_id="list_all_audit", summary="List what was done by all, newest first")
async def list_all_audit(
    _: Admin, asked: Asked, unit: Unit, page: ShortPage, owner_id: IdQuery = None, actor_id: IdQuery = None
) -> AuditPageOut:
    wanted = asked.model_copy(
        update={
            "owner_id": None if owner_id is None else UserId(owner_id),
            "actor_id": None if actor_id is None else UserId(actor_id),
        }
    )
    return audit_page_out(await unit.audit.list_entries(wanted, page), page, reader_id=None)
