"""/api/blocks"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response

from services.gateway.auth.dependencies import BlockExecutor, BlockReader
from services.gateway.deps import BlockIdPath, GatewayContainer
from services.gateway.features.blocks.schemas import BlockOut, block_out
from services.gateway.features.blocks.service import BlockService, block_catalogue
from services.gateway.json_bodies import JsonRoute

router = APIRouter(prefix="/api/blocks", tags=["blocks"], route_class=JsonRoute)


async def _service(container: GatewayContainer) -> BlockService:
    return BlockService(container.blocks, services=container.block_services)


Blocks = Annotated[BlockService, Depends(_service)]


@router.get("", operation_id="list_blocks", summary="List the block library", response_model=list[BlockOut])
async def list_blocks(_: BlockReader, container: GatewayContainer) -> Response:
    return Response(block_catalogue(container.blocks), media_type="application/json")


@router.get("/{block_id}", operation_id="get_block", summary="Read a block by id or alias")
async def get_block(_: BlockReader, block_id: BlockIdPath, blocks: Blocks) -> BlockOut:
    return block_out(blocks.get(block_id))


@router.post("/{block_id}/execute", operation_id="execute_block", summary="Run a block outside any graph")
async def execute_block(
    user: BlockExecutor, block_id: BlockIdPath, body: Annotated[dict[str, Any], Body()], blocks: Blocks
) -> dict[str, list[Any]]:
    return await blocks.execute(user, block_id, body)
