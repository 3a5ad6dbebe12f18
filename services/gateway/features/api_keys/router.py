"""/api/api-keys, and the same under /api/user/api-keys"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from models.audit import AuditAction
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import ApiKeyManager
from services.gateway.deps import ApiKeyIdPath, GatewayContainer, LongPage, Unit, tell_total
from services.gateway.features.api_keys.schemas import (
    ApiKeyChangeIn,
    ApiKeyCreatedOut,
    ApiKeyIn,
    ApiKeyOut,
    PermissionsIn,
    api_key_out,
)
from services.gateway.features.api_keys.service import ApiKeyService
from services.gateway.json_bodies import SmallJsonRoute

_routes = APIRouter(tags=["api keys"], route_class=SmallJsonRoute)


async def _service(principal: ApiKeyManager, unit: Unit, container: GatewayContainer) -> ApiKeyService:
    return ApiKeyService(unit, principal=principal, clock=container.clock)


Keys = Annotated[ApiKeyService, Depends(_service)]


@_routes.post(
    "",
    summary="Make a key; this answer alone shows it",
    dependencies=[audits(AuditAction.API_KEY_CREATED, "api_key", in_unit=True)],
)
async def create_api_key(body: ApiKeyIn, keys: Keys, act: CurrentAct, response: Response) -> ApiKeyCreatedOut:
    key, raw = await keys.create(body)
    act.object_id, act.details = key.id, {"permissions": sorted(key.permissions)}
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyCreatedOut(api_key=api_key_out(key), plain_text_key=raw)


@_routes.get("", summary="List your keys, newest first, revoked ones too")
async def list_api_keys(keys: Keys, page: LongPage, response: Response) -> list[ApiKeyOut]:
    found = await keys.list_keys(page)
    tell_total(response, found)
    return [api_key_out(key) for key in found.items]


@_routes.get("/{api_key_id}", summary="Read about a key")
async def get_api_key(api_key_id: ApiKeyIdPath, keys: Keys) -> ApiKeyOut:
    return api_key_out(await keys.get(api_key_id))


@_routes.patch(
    "/{api_key_id}",
    summary="Change name or description of a key",
    dependencies=[audits(AuditAction.API_KEY_UPDATED, "api_key", in_unit=True)],
)
async def update_api_key(api_key_id: ApiKeyIdPath, body: ApiKeyChangeIn, keys: Keys, act: CurrentAct) -> ApiKeyOut:
    act.details = {"fields": sorted(body.model_fields_set)}
    return api_key_out(await keys.describe(api_key_id, body))


@_routes.delete(
    "/{api_key_id}",
    summary="Revoke a key, for good",
    dependencies=[audits(AuditAction.API_KEY_REVOKED, "api_key", in_unit=True)],
)
async def revoke_api_key(api_key_id: ApiKeyIdPath, keys: Keys) -> ApiKeyOut:
    return api_key_out(await keys.revoke(api_key_id))


@_routes.post(
    "/{api_key_id}/suspend",
    summary="Refuse a key until it is activated",
    dependencies=[audits(AuditAction.API_KEY_SUSPENDED, "api_key", in_unit=True)],
)
async def suspend_api_key(api_key_id: ApiKeyIdPath, keys: Keys) -> ApiKeyOut:
    return api_key_out(await keys.suspend(api_key_id))


@_routes.post(
    "/{api_key_id}/activate",
    summary="Accept a suspended key again",
    dependencies=[audits(AuditAction.API_KEY_ACTIVATED, "api_key", in_unit=True)],
)
async def activate_api_key(api_key_id: ApiKeyIdPath, keys: Keys) -> ApiKeyOut:
    return api_key_out(await keys.activate(api_key_id))


@_routes.put(
    "/{api_key_id}/permissions",
    summary="Replace what a key may do",
    dependencies=[audits(AuditAction.API_KEY_PERMISSIONS_SET, "api_key", in_unit=True)],
)
async def set_api_key_permissions(
    api_key_id: ApiKeyIdPath, body: PermissionsIn, keys: Keys, act: CurrentAct
) -> ApiKeyOut:
    act.details = {"permissions": sorted(body.permissions)}
    return api_key_out(await keys.set_permissions(api_key_id, body.permissions))


router = APIRouter()
router.include_router(_routes, prefix="/api/api-keys", generate_unique_id_function=lambda route: route.name)
router.include_router(
    _routes, prefix="/api/user/api-keys", generate_unique_id_function=lambda route: f"{route.name}_of_user"
)
