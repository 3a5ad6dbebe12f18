"""/api/admin/users"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from models.audit import AuditAction
from models.ids import UserId
from models.users import UserStatus
from services.gateway.audit import audits, trail_of
from services.gateway.auth.dependencies import Admin
from services.gateway.auth.identification import identify
from services.gateway.deps import GatewayContainer, LongPage, Unit, tell_total
from services.gateway.features.admin_users.schemas import AdminUserOut, admin_user_out
from services.gateway.features.admin_users.service import UserAdministration
from services.gateway.json_bodies import SmallJsonRoute

router = APIRouter(prefix="/api/admin/users", tags=["admin"], route_class=SmallJsonRoute)

UserIdPath = Annotated[UserId, Path(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]


async def _administration(request: Request, admin: Admin, container: GatewayContainer) -> UserAdministration:
    principal = (await identify(request, container)).demand()
    return UserAdministration(container, administrator=admin, trail=trail_of(request, principal))


Administration = Annotated[UserAdministration, Depends(_administration)]


@router.get("", operation_id="list_users", summary="List users, newest first")
async def list_users(
    _: Admin,
    unit: Unit,
    page: LongPage,
    response: Response,
    search: Annotated[
        str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Part of an id, an address or a name.")
    ] = None,
    status: UserStatus | None = None,
) -> list[AdminUserOut]:
    found = await unit.users.list_users(page, search=search, status=status)
    tell_total(response, found)
    return [admin_user_out(user) for user in found.items]


@router.get("/{user_id}", operation_id="get_user_as_admin", summary="Read about a user")
async def get_user(user_id: UserIdPath, administration: Administration) -> AdminUserOut:
    return admin_user_out(await administration.get(user_id))


@router.post(
    "/{user_id}/suspend",
    operation_id="suspend_user",
    summary="Refuse a user everywhere, and end their runs",
    dependencies=[audits(AuditAction.USER_SUSPENDED, "user", by_itself=True)],
)
async def suspend_user(user_id: UserIdPath, administration: Administration) -> AdminUserOut:
    return admin_user_out(await administration.suspend(user_id))


@router.post(
    "/{user_id}/unsuspend",
    operation_id="unsuspend_user",
    summary="End a suspension",
    dependencies=[audits(AuditAction.USER_ACTIVATED, "user", by_itself=True)],
)
async def unsuspend_user(user_id: UserIdPath, administration: Administration) -> AdminUserOut:
    return admin_user_out(await administration.unsuspend(user_id))


@router.delete(
    "/{user_id}",
    operation_id="erase_user",
    status_code=204,
    summary="Delete a user and everything of theirs, for good",
    dependencies=[audits(AuditAction.USER_ERASED, "user", by_itself=True)],
)
async def erase_user(user_id: UserIdPath, administration: Administration) -> None:
    await administration.erase(user_id)
