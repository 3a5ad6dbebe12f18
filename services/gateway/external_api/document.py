"""The OpenAPI document of the external API: its own, because its users have nothing to do with the rest."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from models.function_cache import thread_cached
from services.gateway.auth.openapi import add_auth_responses_to_openapi
from services.gateway.external_api.router import router
from services.gateway.openapi_answers import ERROR_ANSWERS, add_error_answers_to_openapi

PATH: Final = "/external-api/openapi.json"

document_router = APIRouter(include_in_schema=False)


@thread_cached
def external_openapi_document() -> dict[str, Any]:
    app = FastAPI(
        title="Perdure external API",
        description="For programs with an API key, sent as `X-API-Key`.",
        version="1",
    )
    app.include_router(router, responses=ERROR_ANSWERS)
    add_auth_responses_to_openapi(app)
    add_error_answers_to_openapi(app)
    return app.openapi()


@document_router.get(PATH)
async def get_document() -> JSONResponse:
    return JSONResponse(external_openapi_document())
