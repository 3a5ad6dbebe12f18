"""Makes the OpenAPI document tell every code that a route can answer, in the one error model."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI

from services.gateway.errors import ErrorBody
from services.gateway.rate_limit.rules import is_limited

_NAMES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("HTTP400InvalidRequestError", "The request makes no sense; `detail` says why"),
    401: ("HTTP401UnauthenticatedError", "The credentials are wrong"),
    402: ("HTTP402InsufficientCreditsError", "The balance does not suffice"),
    403: ("HTTP403ForbiddenError", "The caller may not do this"),
    404: ("HTTP404NotFoundError", "It does not exist, or belongs to somebody else"),
    408: ("HTTP408RequestTimeoutError", "The body did not come in time"),
    409: ("HTTP409ConflictError", "It does not fit to how things are now"),
    413: ("HTTP413PayloadTooLargeError", "The body is too large"),
    415: ("HTTP415UnsupportedMediaTypeError", "The body is not JSON, or says so"),
    422: ("HTTP422ValidationError", "`detail` lists the fields that are wrong"),
    429: ("HTTP429RateLimitExceededError", "Too many requests; `Retry-After` says when there is room again"),
    500: ("HTTP500SystemError", "Nobody foresaw this; the reference id finds it in the log"),
    502: ("HTTP502BlockTransientError", "A service that the block calls does not answer as it should"),
    503: ("HTTP503ServiceUnavailableError", "Something the request needs does not answer; see `Retry-After`"),
    504: ("HTTP504BlockTimeoutError", "The block takes too long"),
}
ERROR_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": ErrorBody, "description": "The request was refused"},
    "5XX": {"model": ErrorBody, "description": "Something the request needs does not answer"},
}
"""For routers with the error model: so its schemas are in the document."""

_RANGES: Final = ("4XX", "5XX")

_UNSAFE: Final = frozenset({"post", "put", "patch", "delete"})
_SIGNING_IN: Final = "/api/auth/"
_MORE: Final[Mapping[str, tuple[int, ...]]] = {
    "/api/auth/session": (404,),
    "/api/auth/oidc/login": (404,),
    "/api/auth/oidc/callback": (404, 409),
}
"""Codes of single paths beyond those that follow from what the operation is."""

_RUNS: Final = frozenset({"execute_graph", "execute_graph_version", "execute_preset"})
_RUNS_A_BLOCK: Final = frozenset({"execute_block", "external_execute_block"})
_RATE_HEADERS: Final[Mapping[str, str]] = {
    "X-RateLimit-Limit": "Requests that a window of time grants",
    "X-RateLimit-Remaining": "How many of them are left",
    "X-RateLimit-Reset": "When there is room again, in seconds since 1970",
}


def add_error_answers_to_openapi(app: FastAPI) -> None:
    """Replaces the ranges of codes of every operation that uses the error model by the codes themselves."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema
        document = generate()
        if known is None:
            _document_answers(document)
        return document

    app.openapi = openapi


def _document_answers(document: dict[str, Any]) -> None:
    model = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
    used: set[int] = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers: dict[str, Any] = operation["responses"]
            if not answers.keys() & set(_RANGES):
                continue
            for name in _RANGES:
                answers.pop(name, None)
            if is_limited(path):
                _document_headers(answers)
            for code in _codes(path, method, operation):
                if str(code) not in answers:
                    answers[str(code)] = {"$ref": f"#/components/responses/{_NAMES[code][0]}"}
                    used.add(code)
            operation["responses"] = dict(sorted(answers.items()))
    responses: dict[str, Any] = document.setdefault("components", {}).setdefault("responses", {})
    for code in sorted(used):
        name, description = _NAMES[code]
        responses[name] = {"description": description, "content": model}
        if code in (429, 503):
            responses[name]["headers"] = {"Retry-After": _header("Seconds to wait")}


def _codes(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[int]:
    yield from (400, 500, 503, *_MORE.get(path, ()))
    if is_limited(path):
        yield 429
    secured = bool(operation.get("security"))
    if secured or path.startswith(_SIGNING_IN):
        yield from (401, 403)
    if "{" in path:
        yield 404
    if operation.get("parameters") or "requestBody" in operation:
        yield 422
    if "requestBody" in operation:
        # A body may name something that is not there.
        yield from (404, 408, 413, 415)
    if method in _UNSAFE:
        yield 409
    if operation["operationId"] in _RUNS:
        yield from (402, 404)
    if operation["operationId"] in _RUNS_A_BLOCK:
        yield from (502, 504)


def _document_headers(answers: Mapping[str, Any]) -> None:
    for code, answer in answers.items():
        if code.startswith("2"):
            answer.setdefault("headers", {}).update({name: _header(about) for name, about in _RATE_HEADERS.items()})


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer"}}
