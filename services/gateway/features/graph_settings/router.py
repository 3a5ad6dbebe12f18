"""/api/graphs/{id}/settings: how the runs of a graph behave"""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from models.audit import AuditAction
from models.graph_settings import GraphSettings, GraphSettingsChange
from models.ids import GraphId, UserId
from models.stores import UnitOfWork
from services.gateway.audit import audits
from services.gateway.auth.dependencies import GraphReader, GraphWriter
from services.gateway.deps import GraphIdPath, Unit
from services.gateway.json_bodies import JsonRoute
from services.gateway.missing import graph_missing

router = APIRouter(prefix="/api/graphs/{graph_id}/settings", tags=["graphs"], route_class=JsonRoute)


class GraphSettingsIn(BaseModel):
    """What is absent or null stays."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    human_in_the_loop_safe_mode: bool | None = None
    sensitive_action_safe_mode: bool | None = None
    hold_on_failure: bool | None = None


class GraphSettingsOut(BaseModel):
    """How the runs of a graph behave, whatever its version, unless a request says otherwise.

    `human_in_the_loop_safe_mode`: false lets review blocks pass their data on unseen. `sensitive_action_safe_mode`:
    the input of sensitive blocks is reviewed before they run. `hold_on_failure`: a run stays open when nothing else can
    run and a node has failed.
    """

    human_in_the_loop_safe_mode: bool
    sensitive_action_safe_mode: bool
    hold_on_failure: bool


@router.get("", operation_id="get_graph_settings", summary="Read how runs of a graph behave")
async def get_graph_settings(user: GraphReader, graph_id: GraphIdPath, unit: Unit) -> GraphSettingsOut:
    await _check_owner(unit, user.id, graph_id)
    return _settings_out(await unit.graph_settings.get(user.id, graph_id))


@router.patch(
    "",
    operation_id="update_graph_settings",
    summary="Change how runs of a graph behave",
    dependencies=[audits(AuditAction.GRAPH_SETTINGS_CHANGED, "graph", in_unit=True)],
)
async def update_graph_settings(
    user: GraphWriter, graph_id: GraphIdPath, body: GraphSettingsIn, unit: Unit
) -> GraphSettingsOut:
    await _check_owner(unit, user.id, graph_id)
    change = GraphSettingsChange(**body.model_dump())
    return _settings_out(await unit.graph_settings.change(user.id, graph_id, change))


async def _check_owner(unit: UnitOfWork, user_id: UserId, graph_id: GraphId) -> None:
    if await unit.graphs.find(user_id, graph_id) is None:
        raise graph_missing(graph_id)


def _settings_out(settings: GraphSettings) -> GraphSettingsOut:
    return GraphSettingsOut(**settings.model_dump())
