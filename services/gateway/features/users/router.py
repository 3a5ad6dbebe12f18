"""The caller's own account, under the addresses that clients know."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response

from models.audit import AuditAction
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import AnyUser, Caller, IdentityOwner
from services.gateway.deps import GatewayContainer, Unit
from services.gateway.features.users.schemas import (
    CreditsOut,
    MeOut,
    PreferencesIn,
    PreferencesOut,
    TimezoneIn,
    TimezoneOut,
    UserIn,
    UserOut,
    UserSettingsIn,
    UserSettingsOut,
    preferences_out,
    settings_out,
    user_out,
)
from services.gateway.features.users.service import OwnAccount
from services.gateway.json_bodies import SmallJsonRoute

USER_CREATED_HEADER: Final = "X-AutoGPT-User-Created"

router = APIRouter(tags=["users"], route_class=SmallJsonRoute)

_UPDATES: Final = audits(AuditAction.USER_UPDATED, "user", in_unit=True)


async def _account(user: IdentityOwner, unit: Unit, container: GatewayContainer) -> OwnAccount:
    return OwnAccount(unit, user=user, clock=container.clock)


Account = Annotated[OwnAccount, Depends(_account)]


@router.get("/me", operation_id="get_me", summary="Whose credential this is")
async def get_me(user: AnyUser) -> MeOut:
    return MeOut(user_id=user.id, email=user.email)


@router.get("/api/user", operation_id="get_user", summary="Read your account")
@router.get("/api/user/profile", operation_id="get_user_profile", summary="Read your account")
@router.get("/api/auth/user", operation_id="get_auth_user", summary="Read your account")
async def get_user(user: AnyUser) -> UserOut:
    return user_out(user)


@router.post("/api/auth/user", operation_id="ensure_auth_user", summary="Make or read your account")
async def ensure_user(caller: Caller, response: Response) -> UserOut:
    response.headers[USER_CREATED_HEADER] = str(caller.user_created).lower()
    return user_out(caller.user)


@router.put(
    "/api/user", operation_id="update_user", summary="Change your name, address or timezone", dependencies=[_UPDATES]
)
async def update_user(user: IdentityOwner, body: UserIn, account: Account, act: CurrentAct) -> UserOut:
    act.object_id, act.details = user.id, {"fields": sorted(body.model_fields_set)}
    return user_out(await account.update(body))


@router.get("/api/user/settings", operation_id="get_user_settings", summary="Read your settings")
async def get_settings(user: IdentityOwner, account: Account) -> UserSettingsOut:
    return settings_out(user, await account.preferences())


@router.put(
    "/api/user/settings",
    operation_id="update_user_settings",
    summary="Change your settings; what is left out stays",
    dependencies=[_UPDATES],
)
async def update_settings(
    user: IdentityOwner, body: UserSettingsIn, account: Account, act: CurrentAct
) -> UserSettingsOut:
    act.object_id, act.details = user.id, {"fields": sorted(body.model_fields_set)}
    return settings_out(*await account.set_settings(body))


@router.get("/api/auth/user/timezone", operation_id="get_timezone", summary="Read your timezone")
async def get_timezone(user: AnyUser) -> TimezoneOut:
    return TimezoneOut(timezone=user.timezone)


@router.post(
    "/api/auth/user/timezone", operation_id="set_timezone", summary="Set your timezone", dependencies=[_UPDATES]
)
async def set_timezone(user: IdentityOwner, body: TimezoneIn, account: Account, act: CurrentAct) -> TimezoneOut:
    act.object_id, act.details = user.id, {"fields": ["timezone"]}
    return TimezoneOut(timezone=(await account.set_timezone(body.timezone)).timezone)


@router.get("/api/auth/user/preferences", operation_id="get_preferences", summary="Read what you are told by mail")
async def get_preferences(user: IdentityOwner, account: Account) -> PreferencesOut:
    return preferences_out(user, await account.preferences())


@router.post(
    "/api/auth/user/preferences",
    operation_id="set_preferences",
    summary="Choose what you are told by mail; what is left out stays",
    dependencies=[_UPDATES],
)
async def set_preferences(
    user: IdentityOwner, body: PreferencesIn, account: Account, act: CurrentAct
) -> PreferencesOut:
    act.object_id, act.details = user.id, {"fields": sorted(body.model_fields_set)}
    return preferences_out(user, await account.set_preferences(body))


@router.get("/api/credits", operation_id="get_credits", summary="Read your balance")
@router.get("/api/user/credits", operation_id="get_user_credits", summary="Read your balance")
async def get_credits(_: AnyUser) -> CreditsOut:
    return CreditsOut()
