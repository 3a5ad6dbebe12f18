"""/api/graphs"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from models.audit import AuditAction
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import GraphReader, GraphWriter
from services.gateway.deps import (
    GatewayContainer,
    GraphIdPath,
    LongPage,
    ShortPage,
    Unit,
    VersionPath,
    VersionQuery,
    tell_total,
)
from services.gateway.features.graphs.diff_schemas import GraphDiffOut
from services.gateway.features.graphs.import_schemas import ImportOut
from services.gateway.features.graphs.schemas import (
    ActiveVersionIn,
    DeletedOut,
    GraphBody,
    GraphMetaOut,
    GraphOut,
    graph_in,
)
from services.gateway.features.graphs.service import GraphService
from services.gateway.features.graphs.validation_schemas import ValidationOut
from services.gateway.json_bodies import JsonRoute
from services.gateway.run_control import RunControl, StopMode

router = APIRouter(prefix="/api/graphs", tags=["graphs"], route_class=JsonRoute)


async def _service(unit: Unit, container: GatewayContainer) -> GraphService:
    return GraphService(unit, blocks=container.blocks, clock=container.clock)


Graphs = Annotated[GraphService, Depends(_service)]
DryRun = Annotated[bool, Query(description="Only report; save nothing.")]
ForExport = Annotated[bool, Query(description="Without secrets and without saying whose it is.")]


@router.get("", operation_id="list_graphs", summary="List your graphs, active versions only")
async def list_graphs(user: GraphReader, graphs: Graphs, page: LongPage, response: Response) -> list[GraphMetaOut]:
    found = await graphs.list_active(user.id, page)
    tell_total(response, found)
    return [GraphMetaOut.model_validate(summary.model_dump()) for summary in found.items]


@router.post(
    "",
    operation_id="create_graph",
    summary="Save a new graph",
    dependencies=[audits(AuditAction.GRAPH_CREATED, "graph", in_unit=True)],
)
async def create_graph(user: GraphWriter, body: GraphBody, graphs: Graphs, act: CurrentAct) -> GraphOut:
    made = await graphs.create(user.id, graph_in(body))
    act.object_id = made.id
    return made


@router.post("/validate", operation_id="validate_graph", summary="Check a graph without saving or running it")
async def validate_graph(user: GraphReader, body: GraphBody, graphs: Graphs) -> ValidationOut:
    return await graphs.validate(user.id, graph_in(body))


@router.post(
    "/import",
    operation_id="import_graph",
    summary="Save an exported agent with its sub-graphs, and report on it",
    dependencies=[audits(AuditAction.GRAPH_CREATED, "graph", in_unit=True)],
)
async def import_graph(
    user: GraphWriter, body: GraphBody, graphs: Graphs, act: CurrentAct, dry_run: DryRun = False
) -> ImportOut:
    made = await graphs.import_graph(user.id, graph_in(body), dry_run=dry_run)
    act.happened, act.object_id = not dry_run, made.graph.id
    return made


@router.get("/{graph_id}", operation_id="get_graph", summary="Read a graph, by default its highest version")
async def get_graph(
    user: GraphReader,
    graph_id: GraphIdPath,
    graphs: Graphs,
    version: VersionQuery = None,
    for_export: ForExport = False,
) -> GraphOut:
    return await graphs.get(user.id, graph_id, version=version, for_export=for_export)


@router.put(
    "/{graph_id}",
    operation_id="replace_graph",
    summary="Save a new version of a graph",
    dependencies=[audits(AuditAction.GRAPH_VERSION_CREATED, "graph", in_unit=True)],
)
async def replace_graph(
    user: GraphWriter, graph_id: GraphIdPath, body: GraphBody, graphs: Graphs, act: CurrentAct
) -> GraphOut:
    made = await graphs.replace(user.id, graph_id, graph_in(body))
    act.details = {"version": made.version, "is_active": made.is_active}
    return made


@router.delete(
    "/{graph_id}",
    operation_id="delete_graph",
    summary="Stop a graph's executions, then delete it",
    dependencies=[audits(AuditAction.GRAPH_DELETED, "graph")],
)
async def delete_graph(user: GraphWriter, graph_id: GraphIdPath, container: GatewayContainer) -> DeletedOut:
    await RunControl(container).stop_all(user, graph_id, StopMode.STOP)
    async with container.units() as unit:
        graphs = await _service(unit, container)
        return DeletedOut(version_counts=await graphs.delete(user.id, graph_id))


@router.get("/{graph_id}/versions", operation_id="list_graph_versions", summary="Read all versions, newest first")
async def list_graph_versions(
    user: GraphReader, graph_id: GraphIdPath, graphs: Graphs, page: ShortPage, response: Response
) -> list[GraphOut]:
    found = await graphs.list_versions(user.id, graph_id, page)
    tell_total(response, found)
    return list(found.items)


@router.put(
    "/{graph_id}/versions/active",
    operation_id="activate_graph_version",
    summary="Choose the active version",
    dependencies=[audits(AuditAction.GRAPH_VERSION_ACTIVATED, "graph", in_unit=True)],
)
async def activate_graph_version(
    user: GraphWriter, graph_id: GraphIdPath, body: ActiveVersionIn, graphs: Graphs, act: CurrentAct
) -> None:
    act.details = {"version": body.active_graph_version}
    await graphs.activate(user.id, graph_id, body.active_graph_version)


@router.get("/{graph_id}/versions/{version}", operation_id="get_graph_version", summary="Read one version")
async def get_graph_version(
    user: GraphReader, graph_id: GraphIdPath, version: VersionPath, graphs: Graphs, for_export: ForExport = False
) -> GraphOut:
    return await graphs.get(user.id, graph_id, version=version, for_export=for_export)


@router.get(
    "/{graph_id}/versions/{from_version}/diff/{to_version}",
    operation_id="diff_graph_versions",
    summary="Compare two versions",
)
async def diff_graph_versions(
    user: GraphReader, graph_id: GraphIdPath, from_version: VersionPath, to_version: VersionPath, graphs: Graphs
) -> GraphDiffOut:
    return await graphs.diff(user.id, graph_id, from_version, to_version)
