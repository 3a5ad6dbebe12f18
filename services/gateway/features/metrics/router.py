"""/metrics, for Prometheus"""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.gateway.deps import GatewayContainer

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def get_metrics(container: GatewayContainer) -> Response:
    return Response(generate_latest(container.metrics.registry), media_type=CONTENT_TYPE_LATEST)
