"""The ASGI application: routes, error model and middleware over a container."""

from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from infra.release import own_version
from services.gateway.auth.openapi import add_auth_responses_to_openapi
from services.gateway.container import Container
from services.gateway.errors import install_error_handlers
from services.gateway.external_api.document import document_router as external_document
from services.gateway.external_api.router import router as external_api
from services.gateway.features.admin_users.router import router as admin_users
from services.gateway.features.api_keys.router import router as api_keys
from services.gateway.features.audit.router import router as audit
from services.gateway.features.blocks.router import router as blocks
from services.gateway.features.codec.router import router as codec
from services.gateway.features.controls.router import router as controls
from services.gateway.features.diagnostics.router import router as diagnostics
from services.gateway.features.docs.router import router as docs
from services.gateway.features.events.router import router as events
from services.gateway.features.executions.router import router as executions
from services.gateway.features.graph_settings.router import router as graph_settings
from services.gateway.features.graphs.router import router as graphs
from services.gateway.features.health.router import router as health
from services.gateway.features.identity.router import router as identity
from services.gateway.features.metrics.router import router as metrics
from services.gateway.features.oidc.router import router as oidc
from services.gateway.features.presets.router import router as presets
from services.gateway.features.rate_limits.router import router as rate_limits
from services.gateway.features.reviews.router import router as reviews
from services.gateway.features.sessions.router import router as sessions
from services.gateway.features.users.router import router as users
from services.gateway.middleware.answer_headers import AnswerHeaders
from services.gateway.middleware.body_limit import BodyLimit
from services.gateway.middleware.cors import CorsByPath
from services.gateway.middleware.plain_paths import PlainPaths
from services.gateway.middleware.rate_limiting import RateLimiting
from services.gateway.middleware.request_context import RequestContext
from services.gateway.middleware.trusted_hosts import TrustedHosts
from services.gateway.openapi_answers import ERROR_ANSWERS, add_error_answers_to_openapi

GZIP_FROM_BYTES: Final = 50_000
_ABOUT: Final[dict[str, Any]] = {
    "title": "Perdure",
    "description": "Durable agent graphs on Temporal.",
    "version": own_version() or "0",
}


def create_app(container: Container) -> FastAPI:
    """An application on the given parts; it opens and closes none of them."""
    app = FastAPI(
        **_ABOUT,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        # The first is the outermost: its headers, and those of CORS, belong on errors of every layer below.
        middleware=[
            Middleware(AnswerHeaders, addresses=container.addresses, hsts=container.production),
            Middleware(CorsByPath, api_origins=container.cors_origins, codec_origins=container.codec_origins),
            Middleware(RequestContext),
            Middleware(PlainPaths),
            Middleware(TrustedHosts, hosts=container.trusted_hosts),
            Middleware(RateLimiting, container=container),
            Middleware(BodyLimit, max_bytes=container.max_request_bytes, max_seconds=container.max_body_seconds),
            Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES),
        ],
    )
    app.state.container = container
    add_routes(app)
    install_error_handlers(app)
    return app


def openapi_document() -> dict[str, Any]:
    """The document that `/openapi.json` serves, without anything the routes need to run."""
    app = FastAPI(**_ABOUT)
    add_routes(app)
    return app.openapi()


def add_routes(app: FastAPI) -> None:
    app.include_router(health)
    app.include_router(metrics)
    app.include_router(docs)
    for router in (
        identity,
        oidc,
        sessions,
        users,
        admin_users,
        api_keys,
        audit,
        diagnostics,
        blocks,
        graphs,
        executions,
        controls,
        reviews,
        events,
        graph_settings,
        presets,
        rate_limits,
        codec,
    ):
        app.include_router(router, responses=ERROR_ANSWERS)
    app.include_router(external_api, include_in_schema=False)
    app.include_router(external_document)
    add_auth_responses_to_openapi(app)
    add_error_answers_to_openapi(app)
