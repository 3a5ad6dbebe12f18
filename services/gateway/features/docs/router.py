"""/docs: Swagger UI from our own server, with no script that is not a file of it."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.responses import FileResponse, HTMLResponse

_FILES: Final = Path(str(files("fastapi_swagger"))) / "resources"
_CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Perdure API</title>
<link rel="icon" href="static/favicon-32x32.png">
<link rel="stylesheet" href="static/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="static/swagger-ui-bundle.js"></script>
<script src="static/swagger-start.js"></script>
</body>
</html>
"""
_START: Final = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, filter: true});\n'
_CACHED: Final = {"Cache-Control": "public, max-age=86400"}

router = APIRouter(include_in_schema=False)


async def _asset(name: Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"]) -> Path:
    return _FILES / name


@router.get("/docs")
async def docs() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})


@router.get("/static/swagger-start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript", headers=_CACHED)


@router.get("/static/{name}")
async def asset(path: Annotated[Path, Depends(_asset)]) -> FileResponse:
    return FileResponse(path, headers=_CACHED)
