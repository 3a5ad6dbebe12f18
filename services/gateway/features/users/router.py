"""The caller's own account, under the addresses that clients know."""

from fastapi import APIRouter

from models.audit import AuditAction
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import AnyUser, IdentityOwner
from services.gateway.deps import GatewayContainer, Unit
from services.gateway.features.users.schemas import CreditsOut, MeOut, UserIn, UserOut, user_out
from services.gateway.json_bodies import JsonRoute

router = APIRouter(tags=["users"], route_class=JsonRoute)


@router.get("/me", operation_id="get_me", summary="Whose credential this is")
async def get_me(user: AnyUser) -> MeOut:
    return MeOut(user_id=user.id, email=user.email)


@router.get("/api/user", operation_id="get_user", summary="Read your account")
@router.get("/api/user/profile", operation_id="get_user_profile", summary="Read your account")
@router.get("/api/auth/user", operation_id="get_auth_user", summary="Read your account")
@router.post("/api/auth/user", operation_id="ensure_auth_user", summary="Make or read your account")
async def get_user(user: AnyUser) -> UserOut:
    return user_out(user)


@router.put(
    "/api/user",
    operation_id="update_user",
    summary="Change your name, address or timezone",
    dependencies=[audits(AuditAction.USER_UPDATED, "user", in_unit=True)],
)
async def update_user(
    user: IdentityOwner, body: UserIn, unit: Unit, container: GatewayContainer, act: CurrentAct
) -> UserOut:
    act.object_id, act.details = user.id, {"fields": sorted(body.model_fields_set)}
    changed = await unit.users.update(user.id, now=container.clock.now(), **body.model_dump())
    return user_out(changed)


@router.get("/api/credits", operation_id="get_credits", summary="Read your balance")
@router.get("/api/user/credits", operation_id="get_user_credits", summary="Read your balance")
async def get_credits(_: AnyUser) -> CreditsOut:
    return CreditsOut()
