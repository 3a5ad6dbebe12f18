"""Makes the OpenAPI document tell what every secured route does without a valid credential."""

from typing import Any, Final

from fastapi import FastAPI

UNAUTHENTICATED: Final = "HTTP401NotAuthenticatedError"


def add_auth_responses_to_openapi(app: FastAPI) -> None:
    """Adds the shared 401 response to every operation that has a security requirement."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _document_refusals(document)
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
