"""/external-api/v1: for programs with an API key"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Response

from models.api_keys import Permission
from models.audit import AuditAction
from models.errors import AppError, InvalidRequestError
from models.users import User
from services.gateway.audit import CurrentAct, audits
from services.gateway.deps import (
    BlockIdPath,
    GatewayContainer,
    GraphExecIdPath,
    GraphIdPath,
    IdempotencyKey,
    Starter,
    Unit,
    VersionPath,
)
from services.gateway.external_api.key_holder import key_holder
from services.gateway.external_api.schemas import (
    ExternalExecuteIn,
    ExternalResultsOut,
    ExternalRunOut,
    ExternalUserOut,
    external_results_out,
    external_user_out,
)
from services.gateway.feature_flags import feature_flag
from services.gateway.features.blocks.schemas import BlockOut
from services.gateway.features.blocks.service import BlockService, block_catalogue
from services.gateway.features.executions.reader import ExecutionReader, NodeRange
from services.gateway.features.graphs.schemas import GraphIn, GraphOut
from services.gateway.features.graphs.service import GraphService
from services.gateway.json_bodies import JsonRoute
from services.gateway.run_request import RunRequest

PREFIX: Final = "/external-api/v1"

router = APIRouter(
    prefix=PREFIX,
    tags=["external"],
    route_class=JsonRoute,
    dependencies=[feature_flag("external-api", default=True).dependency],
)

IdentityHolder = Annotated[User, Depends(key_holder(Permission.IDENTITY))]
BlockReader = Annotated[User, Depends(key_holder(Permission.READ_BLOCK))]
BlockExecutor = Annotated[User, Depends(key_holder(Permission.EXECUTE_BLOCK))]
GraphMaker = Annotated[User, Depends(key_holder(Permission.WRITE_GRAPH, Permission.WRITE_LIBRARY))]
GraphExecutor = Annotated[User, Depends(key_holder(Permission.EXECUTE_GRAPH))]
GraphReader = Annotated[User, Depends(key_holder(Permission.READ_GRAPH))]


@router.get("/me", operation_id="external_get_me", summary="Whose key this is")
async def get_me(user: IdentityHolder) -> ExternalUserOut:
    return external_user_out(user)


@router.get(
    "/blocks", operation_id="external_list_blocks", summary="List the block library", response_model=list[BlockOut]
)
async def list_blocks(_: BlockReader, container: GatewayContainer) -> Response:
    return Response(block_catalogue(container.blocks), media_type="application/json")


@router.post(
    "/blocks/{block_id}/execute", operation_id="external_execute_block", summary="Run a block outside any graph"
)
async def execute_block(
    user: BlockExecutor, block_id: BlockIdPath, body: Annotated[dict[str, Any], Body()], container: GatewayContainer
) -> dict[str, list[Any]]:
    return await BlockService(container.blocks, services=container.block_services).execute(user, block_id, body)


@router.post(
    "/graphs",
    operation_id="external_create_graph",
    summary="Save a new graph",
    status_code=201,
    dependencies=[audits(AuditAction.GRAPH_CREATED, "graph", in_unit=True)],
)
async def create_graph(
    user: GraphMaker, body: GraphIn, unit: Unit, container: GatewayContainer, act: CurrentAct
) -> GraphOut:
    made = await GraphService(unit, blocks=container.blocks, clock=container.clock).create(user.id, body)
    act.object_id = made.id
    return made


@router.post(
    "/graphs/{graph_id}/execute/{version}",
    operation_id="external_execute_graph",
    summary="Run a version of a graph; whatever speaks against it is answered with 400",
)
async def execute_graph(
    user: GraphExecutor,
    graph_id: GraphIdPath,
    version: VersionPath,
    starter: Starter,
    body: ExternalExecuteIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> ExternalRunOut:
    given = body or ExternalExecuteIn()
    request = RunRequest(graph_id=graph_id, version=version, inputs=given.node_input)
    try:
        run = await starter.start(user, request, idempotency_key=idempotency_key)
    except AppError as error:
        if error.retryable:
            raise
        raise InvalidRequestError(error.user_message, details=error.details) from error
    return ExternalRunOut(id=run.id)


@router.get(
    "/graphs/{graph_id}/executions/{graph_exec_id}/results",
    operation_id="external_get_results",
    summary="Read what a run has given",
)
async def get_results(
    user: GraphReader, graph_id: GraphIdPath, graph_exec_id: GraphExecIdPath, container: GatewayContainer
) -> ExternalResultsOut:
    reader = ExecutionReader(container)
    run = await reader.get_record(user.id, graph_exec_id, graph_id=graph_id)
    return external_results_out(await reader.get_results(user.id, run.id, NodeRange()))
