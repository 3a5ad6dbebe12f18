"""Makes the OpenAPI document tell who may call a route, and what it does without a valid credential."""

from typing import Any, Final

from fastapi import FastAPI

from models.api_keys import Permission
from models.users import ROLE_ADMIN
from services.gateway.auth.dependencies import PERMISSIONS_ATTRIBUTE, requires_admin_user
from services.gateway.route_listing import list_routes

UNAUTHENTICATED: Final = "HTTP401NotAuthenticatedError"
PERMISSIONS: Final = "x-required-permissions"
"""Of an operation: all the permissions that an API key needs."""

ROLE: Final = "x-required-role"
"""Of an operation that API keys cannot use: the role of its users."""


def add_auth_responses_to_openapi(app: FastAPI) -> None:
    """Adds the shared 401 response, and the permissions needed, to every operation that has a security requirement."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _document_refusals(document)
            _document_permissions(app, document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi


def _document_refusals(document: dict[str, Any]) -> None:
    document.setdefault("components", {}).setdefault("responses", {})[UNAUTHENTICATED] = {
        "description": "Authentication required",
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
            }
        },
    }
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            if operation.get("security"):
                operation["responses"]["401"] = {"$ref": f"#/components/responses/{UNAUTHENTICATED}"}


def _document_permissions(app: FastAPI, document: dict[str, Any]) -> None:
    for route in list_routes(app.routes):
        operation = document["paths"].get(route.path, {}).get(route.method.lower())
        if operation is None or not operation.get("security"):
            continue
        needed: set[Permission] = set()
        for call in route.dependencies:
            needed.update(getattr(call, PERMISSIONS_ATTRIBUTE, ()))
        if requires_admin_user in route.dependencies:
            operation[ROLE] = ROLE_ADMIN
        else:
            operation[PERMISSIONS] = sorted(permission.value for permission in needed)
