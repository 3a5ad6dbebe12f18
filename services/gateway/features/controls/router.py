"""/api/executions/{id}/...: pausing runs, and mending them while they go on"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from models.audit import AuditAction
from services.gateway.audit import audits
from services.gateway.auth.dependencies import GraphExecutor, GraphReader
from services.gateway.deps import (
    GatewayContainer,
    GraphExecIdPath,
    IdempotencyKey,
    LongPage,
    NodeExecIdPath,
    tell_total,
)
from services.gateway.execution_meta import GraphExecutionMetaOut, meta_out
from services.gateway.features.controls.schemas import (
    ControlOut,
    ControlRecordOut,
    DeadlineIn,
    OutputsIn,
    ReasonIn,
    control_out,
    control_record_out,
)
from services.gateway.features.controls.service import ControlService
from services.gateway.json_bodies import JsonRoute

router = APIRouter(prefix="/api/executions/{graph_exec_id}", tags=["executions"], route_class=JsonRoute)


async def _service(container: GatewayContainer) -> ControlService:
    return ControlService(container)


async def _reason(body: ReasonIn | None = None) -> ReasonIn:
    return body or ReasonIn()


Controls = Annotated[ControlService, Depends(_service)]
Reason = Annotated[ReasonIn, Depends(_reason)]


@router.post(
    "/pause",
    operation_id="pause_execution",
    summary="Start nothing new until the run is resumed",
    dependencies=[audits(AuditAction.EXECUTION_PAUSED, "graph_execution")],
)
async def pause_execution(
    user: GraphExecutor, graph_exec_id: GraphExecIdPath, controls: Controls, reason: Reason
) -> GraphExecutionMetaOut:
    return meta_out(await controls.pause(user, graph_exec_id, reason))


@router.post(
    "/resume",
    operation_id="resume_execution",
    summary="Let a paused run go on",
    dependencies=[audits(AuditAction.EXECUTION_RESUMED, "graph_execution")],
)
async def resume_execution(
    user: GraphExecutor, graph_exec_id: GraphExecIdPath, controls: Controls, reason: Reason
) -> GraphExecutionMetaOut:
    return meta_out(await controls.resume(user, graph_exec_id, reason))


@router.post(
    "/release",
    operation_id="release_execution",
    summary="End a run that is held because nodes have failed",
    dependencies=[audits(AuditAction.EXECUTION_RELEASED, "graph_execution")],
)
async def release_execution(
    user: GraphExecutor,
    graph_exec_id: GraphExecIdPath,
    controls: Controls,
    reason: Reason,
    idempotency_key: IdempotencyKey = None,
) -> ControlOut:
    return control_out(await controls.release(user, graph_exec_id, reason, key=idempotency_key))


@router.post(
    "/nodes/{node_exec_id}/retry",
    operation_id="retry_node_execution",
    summary="Run a failed node again",
    dependencies=[audits(AuditAction.NODE_RETRIED, "graph_execution")],
)
async def retry_node_execution(
    user: GraphExecutor,
    graph_exec_id: GraphExecIdPath,
    node_exec_id: NodeExecIdPath,
    controls: Controls,
    reason: Reason,
    idempotency_key: IdempotencyKey = None,
) -> ControlOut:
    return control_out(await controls.retry_node(user, graph_exec_id, node_exec_id, reason, key=idempotency_key))


@router.post(
    "/nodes/{node_exec_id}/skip",
    operation_id="skip_node_execution",
    summary="End a node without outputs",
    dependencies=[audits(AuditAction.NODE_SKIPPED, "graph_execution")],
)
async def skip_node_execution(
    user: GraphExecutor,
    graph_exec_id: GraphExecIdPath,
    node_exec_id: NodeExecIdPath,
    controls: Controls,
    reason: Reason,
    idempotency_key: IdempotencyKey = None,
) -> ControlOut:
    return control_out(await controls.skip_node(user, graph_exec_id, node_exec_id, reason, key=idempotency_key))


@router.put(
    "/nodes/{node_exec_id}/output",
    operation_id="set_node_output",
    summary="End a node with given outputs",
    dependencies=[audits(AuditAction.NODE_OUTPUT_SET, "graph_execution")],
)
async def set_node_output(
    user: GraphExecutor,
    graph_exec_id: GraphExecIdPath,
    node_exec_id: NodeExecIdPath,
    controls: Controls,
    body: OutputsIn,
    idempotency_key: IdempotencyKey = None,
) -> ControlOut:
    return control_out(await controls.set_output(user, graph_exec_id, node_exec_id, body, key=idempotency_key))


@router.post(
    "/deadline",
    operation_id="extend_deadline",
    summary="Move the deadline of a run, a wait or a node",
    dependencies=[audits(AuditAction.EXECUTION_DEADLINE_EXTENDED, "graph_execution")],
)
async def extend_deadline(
    user: GraphExecutor,
    graph_exec_id: GraphExecIdPath,
    controls: Controls,
    body: DeadlineIn,
    idempotency_key: IdempotencyKey = None,
) -> ControlOut:
    return control_out(await controls.extend_deadline(user, graph_exec_id, body, key=idempotency_key))


@router.get("/controls", operation_id="list_controls", summary="List who did what to a run, oldest first")
async def list_controls(
    user: GraphReader, graph_exec_id: GraphExecIdPath, controls: Controls, page: LongPage, response: Response
) -> list[ControlRecordOut]:
    found = await controls.list_of_execution(user, graph_exec_id, page)
    tell_total(response, found)
    return [control_record_out(record) for record in found.items]
