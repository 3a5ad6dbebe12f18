"""Executing graphs, and /api/executions"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from models.audit import AuditAction
from models.events import ExecutionEvent
from models.ids import GraphExecId, GraphId, PresetId
from models.users import User
from services.gateway.audit import CurrentAct, audits
from services.gateway.auth.dependencies import GraphExecutor, GraphReader
from services.gateway.deps import (
    GatewayContainer,
    GraphExecIdPath,
    GraphIdPath,
    IdempotencyKey,
    LongPage,
    ShortPage,
    Starter,
    VersionPath,
    tell_total,
)
from services.gateway.execution_meta import GraphExecutionMetaOut, meta_out
from services.gateway.features.executions.lister import ABOUT_QUERY, ExecutionLister
from services.gateway.features.executions.reader import ExecutionReader, NodeRange
from services.gateway.features.executions.schemas import (
    ExecuteIn,
    GraphExecutionOut,
    GraphExecutionPageOut,
    NodeExecutionPageOut,
    ResultsOut,
    page_out,
)
from services.gateway.json_bodies import JsonRoute
from services.gateway.run_control import RunControl, StopMode

router = APIRouter(prefix="/api", tags=["executions"], route_class=JsonRoute)


async def _reader(container: GatewayContainer) -> ExecutionReader:
    return ExecutionReader(container)


async def _lister(container: GatewayContainer) -> ExecutionLister:
    return ExecutionLister(container.units, container.clock)


async def _control(container: GatewayContainer) -> RunControl:
    return RunControl(container)


async def _nodes(
    after: Annotated[str | None, Query(max_length=300, pattern=r"^[^\x00]*$")] = None,
    node_limit: Annotated[int, Query(ge=1, le=10_000)] = 5_000,
) -> NodeRange:
    return NodeRange(after=after, limit=node_limit)


Reader = Annotated[ExecutionReader, Depends(_reader)]
Lister = Annotated[ExecutionLister, Depends(_lister)]
Control = Annotated[RunControl, Depends(_control)]
Nodes = Annotated[NodeRange, Depends(_nodes)]
ExecutionQueryText = Annotated[str | None, Query(description=ABOUT_QUERY)]
PresetIdQuery = Annotated[PresetId | None, Query(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]


@router.post("/graphs/{graph_id}/execute", operation_id="execute_graph", summary="Run the active version")
async def execute_graph(
    user: GraphExecutor,
    graph_id: GraphIdPath,
    starter: Starter,
    body: ExecuteIn | None = None,
    preset_id: PresetIdQuery = None,
    idempotency_key: IdempotencyKey = None,
) -> GraphExecutionMetaOut:
    request = (body or ExecuteIn()).request(graph_id, version=None, preset_id=preset_id)
    return meta_out(await starter.start(user, request, idempotency_key=idempotency_key))


@router.post("/graphs/{graph_id}/execute/{version}", operation_id="execute_graph_version", summary="Run a version")
async def execute_graph_version(
    user: GraphExecutor,
    graph_id: GraphIdPath,
    version: VersionPath,
    starter: Starter,
    body: ExecuteIn | None = None,
    preset_id: PresetIdQuery = None,
    idempotency_key: IdempotencyKey = None,
) -> GraphExecutionMetaOut:
    request = (body or ExecuteIn()).request(graph_id, version=version, preset_id=preset_id)
    return meta_out(await starter.start(user, request, idempotency_key=idempotency_key))


@router.post(
    "/graphs/{graph_id}/executions/{graph_exec_id}/stop",
    operation_id="stop_execution",
    summary="End a run after a grace period; null when there is nothing to stop",
    dependencies=[audits(AuditAction.EXECUTION_STOPPED, "graph_execution")],
)
async def stop_execution(
    user: GraphExecutor,
    graph_id: GraphIdPath,
    graph_exec_id: GraphExecIdPath,
    control: Control,
    reader: Reader,
    act: CurrentAct,
) -> GraphExecutionMetaOut | None:
    ended = await _end(user, graph_id, graph_exec_id, StopMode.STOP, control, reader)
    act.happened = ended is not None
    return ended


@router.post(
    "/graphs/{graph_id}/executions/{graph_exec_id}/cancel",
    operation_id="cancel_execution",
    summary="End a run at once; null when there is nothing to cancel",
    dependencies=[audits(AuditAction.EXECUTION_CANCELLED, "graph_execution")],
)
async def cancel_execution(
    user: GraphExecutor,
    graph_id: GraphIdPath,
    graph_exec_id: GraphExecIdPath,
    control: Control,
    reader: Reader,
    act: CurrentAct,
) -> GraphExecutionMetaOut | None:
    ended = await _end(user, graph_id, graph_exec_id, StopMode.CANCEL, control, reader)
    act.happened = ended is not None
    return ended


@router.get("/executions", operation_id="list_executions", summary="List your runs, newest first")
async def list_executions(
    user: GraphReader, lister: Lister, page: LongPage, response: Response, query: ExecutionQueryText = None
) -> list[GraphExecutionMetaOut]:
    found = await lister.list_of_user(user, page, query=query)
    tell_total(response, found)
    return [meta_out(record) for record in found.items]


@router.get("/graphs/{graph_id}/executions", operation_id="list_graph_executions", summary="List runs of a graph")
async def list_graph_executions(
    user: GraphReader, graph_id: GraphIdPath, lister: Lister, page: ShortPage, query: ExecutionQueryText = None
) -> GraphExecutionPageOut:
    return page_out(await lister.list_of_graph(user, graph_id, page, query=query), page)


@router.get("/executions/{graph_exec_id}", operation_id="get_execution", summary="Read a run")
async def get_execution(
    user: GraphReader, graph_exec_id: GraphExecIdPath, reader: Reader, nodes: Nodes
) -> GraphExecutionOut:
    return await reader.get_detail(user, graph_exec_id, nodes)


@router.get(
    "/graphs/{graph_id}/executions/{graph_exec_id}", operation_id="get_graph_execution", summary="Read a run of a graph"
)
async def get_graph_execution(
    user: GraphReader, graph_id: GraphIdPath, graph_exec_id: GraphExecIdPath, reader: Reader, nodes: Nodes
) -> GraphExecutionOut:
    return await reader.get_detail(user, graph_exec_id, nodes, graph_id=graph_id)


@router.get(
    "/executions/{graph_exec_id}/nodes", operation_id="list_node_executions", summary="Read node executions by page"
)
async def list_node_executions(
    user: GraphReader, graph_exec_id: GraphExecIdPath, reader: Reader, nodes: Nodes
) -> NodeExecutionPageOut:
    return await reader.list_nodes(user.id, graph_exec_id, nodes)


@router.get(
    "/executions/{graph_exec_id}/results", operation_id="get_execution_results", summary="Read what a run has given"
)
async def get_execution_results(
    user: GraphReader, graph_exec_id: GraphExecIdPath, reader: Reader, nodes: Nodes
) -> ResultsOut:
    return await reader.get_results(user.id, graph_exec_id, nodes)


@router.get(
    "/executions/{graph_exec_id}/events", operation_id="list_execution_events", summary="Read events after a cursor"
)
async def list_execution_events(
    user: GraphReader,
    graph_exec_id: GraphExecIdPath,
    reader: Reader,
    since: Annotated[str, Query(pattern=r"^\d{1,18}(-\d{1,18})?$")] = "0",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    wait_seconds: Annotated[float, Query(ge=0, le=30)] = 0,
) -> list[ExecutionEvent]:
    return await reader.read_events(user.id, graph_exec_id, since=since, limit=limit, wait_seconds=wait_seconds)


@router.delete(
    "/executions/{graph_exec_id}",
    operation_id="delete_execution",
    summary="Stop a run if needed, then delete it",
    status_code=204,
    dependencies=[audits(AuditAction.EXECUTION_DELETED, "graph_execution")],
)
async def delete_execution(
    user: GraphExecutor, graph_exec_id: GraphExecIdPath, control: Control, reader: Reader
) -> None:
    await control.delete(user, await reader.get_record(user.id, graph_exec_id))


async def _end(
    user: User,
    graph_id: GraphId,
    graph_exec_id: GraphExecId,
    mode: StopMode,
    control: RunControl,
    reader: ExecutionReader,
) -> GraphExecutionMetaOut | None:
    run = await reader.get_record(user.id, graph_exec_id, graph_id=graph_id)
    if run.status.is_terminal or not await control.stop(user, run.id, mode):
        return None
    return await reader.get_meta(user.id, run.id)
