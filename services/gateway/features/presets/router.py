"""/api/library/presets"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from models.audit import AuditAction
from models.ids import GraphId
from models.pages import PageRequest
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import GraphExecutor, GraphReader, GraphWriter
from services.gateway.deps import MAX_PAGE, GatewayContainer, IdempotencyKey, PresetIdPath, Starter
from services.gateway.execution_meta import GraphExecutionMetaOut, meta_out
from services.gateway.features.presets.schemas import (
    ExecutePresetIn,
    PresetBody,
    PresetChangeIn,
    PresetOut,
    PresetPageOut,
    preset_out,
)
from services.gateway.features.presets.service import PresetService
from services.gateway.json_bodies import JsonRoute
from services.gateway.pagination import pagination_of

router = APIRouter(prefix="/api/library/presets", tags=["presets"], route_class=JsonRoute)


async def _service(container: GatewayContainer, starter: Starter) -> PresetService:
    return PresetService(container, starter)


async def _page(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1, page_size: Annotated[int, Query(ge=1, le=50)] = 10
) -> PageRequest:
    return PageRequest(page=page, page_size=page_size)


Presets = Annotated[PresetService, Depends(_service)]


@router.get("", operation_id="list_presets", summary="List your presets, the latest change first")
async def list_presets(
    user: GraphReader,
    presets: Presets,
    page: Annotated[PageRequest, Depends(_page)],
    graph_id: Annotated[GraphId | None, Query(min_length=1, max_length=255, pattern=r"^[^\x00]+$")] = None,
) -> PresetPageOut:
    found = await presets.list_of_user(user.id, page, graph_id=graph_id)
    return PresetPageOut(presets=[preset_out(preset) for preset in found.items], pagination=pagination_of(found, page))


@router.post(
    "",
    operation_id="create_preset",
    summary="Save values for a graph, or those of a run",
    dependencies=[audits(AuditAction.PRESET_CREATED, "preset")],
)
async def create_preset(user: GraphWriter, body: PresetBody, presets: Presets, act: CurrentAct) -> PresetOut:
    preset = await presets.create(user.id, body)
    act.object_id, act.details = preset.id, {"graph_id": preset.graph_id}
    return preset_out(preset)


@router.get("/{preset_id}", operation_id="get_preset", summary="Read a preset")
async def get_preset(user: GraphReader, preset_id: PresetIdPath, presets: Presets) -> PresetOut:
    return preset_out(await presets.get(user.id, preset_id))


@router.patch(
    "/{preset_id}",
    operation_id="update_preset",
    summary="Change a preset; what is absent stays",
    dependencies=[audits(AuditAction.PRESET_UPDATED, "preset")],
)
async def update_preset(
    user: GraphWriter, preset_id: PresetIdPath, body: PresetChangeIn, presets: Presets, act: CurrentAct
) -> PresetOut:
    act.details = {"fields": sorted(body.model_fields_set)}
    return preset_out(await presets.change(user.id, preset_id, body))


@router.delete(
    "/{preset_id}",
    operation_id="delete_preset",
    summary="Delete a preset",
    status_code=204,
    dependencies=[audits(AuditAction.PRESET_DELETED, "preset")],
)
async def delete_preset(user: GraphWriter, preset_id: PresetIdPath, presets: Presets) -> None:
    await presets.delete(user.id, preset_id)


@router.post("/{preset_id}/execute", operation_id="execute_preset", summary="Run a preset; given values win")
async def execute_preset(
    user: GraphExecutor,
    preset_id: PresetIdPath,
    presets: Presets,
    body: ExecutePresetIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> GraphExecutionMetaOut:
    run = await presets.execute(user, preset_id, body or ExecutePresetIn(), idempotency_key=idempotency_key)
    return meta_out(run)
