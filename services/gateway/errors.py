"""The one place where errors become HTTP answers: `{"success": false, "detail": ..., "error": {...}}`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, NamedTuple

import httpx2
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from models.errors import (
    AppError,
    BlockError,
    BlockTimeoutError,
    BlockTransientError,
    Category,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    GraphValidationError,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitExceededError,
    RequestTimeoutError,
    ServiceUnavailableError,
    Severity,
    TooManyRequestsError,
    UnauthenticatedError,
    UnknownBlockError,
    UnsupportedMediaTypeError,
    UpstreamError,
)
from models.ids import new_id
from models.json_values import normalise_json
from services.gateway.messages import localise

RETRY_AFTER_SECONDS: Final = 2
MAX_FIELDS: Final = 50
"""Invalid fields that an answer names."""

MAX_FIELD_TEXT: Final = 300
"""Characters of each text about an invalid field: some repeat what the caller sent."""

_MAX_LOC_PARTS: Final = 20

_STATUS: Final[Mapping[type[AppError], int]] = {
    InvalidRequestError: 400,
    UnauthenticatedError: 401,
    InsufficientCreditsError: 402,
    ForbiddenError: 403,
    NotFoundError: 404,
    UnknownBlockError: 404,
    ConflictError: 409,
    RequestTimeoutError: 408,
    PayloadTooLargeError: 413,
    UnsupportedMediaTypeError: 415,
    IdempotencyKeyReusedError: 422,
    TooManyRequestsError: 429,
    BlockError: 400,
    BlockTransientError: 502,
    BlockTimeoutError: 504,
    UpstreamError: 502,
    ConfigurationError: 503,
    ServiceUnavailableError: 503,
    AppError: 500,
}
_ABOUT_SERVERS: Final = (ServiceUnavailableError, ConfigurationError)
_HTTP_CODES: Final[Mapping[int, tuple[str, Category]]] = {
    401: ("unauthenticated", Category.AUTH),
    403: ("forbidden", Category.AUTH),
    404: ("not_found", Category.RESOURCE),
    405: ("method_not_allowed", Category.VALIDATION),
    408: ("request_timeout", Category.VALIDATION),
    409: ("conflict", Category.RESOURCE),
    413: ("payload_too_large", Category.VALIDATION),
    415: ("unsupported_media_type", Category.VALIDATION),
    429: ("too_many_requests", Category.RESOURCE),
}
_UNEXPECTED: Final = "An unexpected error occurred. Please try again, or report it with its reference id."
_AWAY: Final = "A service this needs does not answer. Please try again shortly."

_log = structlog.get_logger(__name__)


class ErrorInfo(BaseModel):
    """`message` is for people, `error_code` for programs, `reference_id` finds the line in the log."""

    error_code: str
    message: str
    severity: Severity
    category: Category
    details: dict[str, Any]
    timestamp: datetime
    reference_id: str


class ErrorBody(BaseModel):
    """`detail` is text, or {type, message, node_errors} of a refused graph, or a list of invalid fields (422)."""

    success: bool = False
    detail: Any
    error: ErrorInfo


class _Problem(NamedTuple):
    status: int
    code: str
    severity: Severity
    category: Category
    message: str
    """For people."""
    detail: Any
    details: Mapping[str, Any]
    headers: Mapping[str, str]


def install_error_handlers(app: FastAPI) -> None:
    async def handle(request: Request, error: Exception) -> JSONResponse:
        return error_response(error, accept_language=request.headers.get("accept-language", ""))

    for kind in (AppError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle)


def error_response(error: Exception, *, accept_language: str = "") -> JSONResponse:
    """The answer to a request that ended with `error`; also logs it. What we did not foresee tells nothing."""
    problem = _problem(error)
    reference_id = new_id()
    _report(error, problem, reference_id)
    body = ErrorBody(
        detail=normalise_json(problem.detail),
        error=ErrorInfo(
            error_code=problem.code.upper(),
            message=localise(problem.code, normalise_json(problem.message), accept_language),
            severity=problem.severity,
            category=problem.category,
            details=normalise_json(problem.details),
            timestamp=datetime.now(UTC),
            reference_id=reference_id,
        ),
    )
    return JSONResponse(body.model_dump(mode="json"), status_code=problem.status, headers=dict(problem.headers))


def _problem(error: Exception) -> _Problem:
    if isinstance(error, httpx2.HTTPError):
        error = upstream_error(error)
    if isinstance(error, AppError):
        return _app_problem(error)
    if isinstance(error, RequestValidationError):
        fields = [_field(found) for found in islice(error.errors(), MAX_FIELDS)]
        message = "; ".join(f"{'.'.join(map(str, field['loc']))}: {field['msg']}" for field in fields[:5])
        return _Problem(422, "validation_error", Severity.LOW, Category.VALIDATION, message, fields, {}, {})
    if isinstance(error, HTTPException):
        code, category = _HTTP_CODES.get(error.status_code, ("invalid_request", Category.VALIDATION))
        severity = Severity.LOW
        if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code, category, severity = AppError.code, AppError.category, AppError.severity
        text = str(error.detail)
        return _Problem(error.status_code, code, severity, category, text, text, {}, error.headers or {})
    return _Problem(500, AppError.code, Severity.HIGH, Category.SYSTEM, _UNEXPECTED, _UNEXPECTED, {}, {})


def _field(found: Mapping[str, Any]) -> dict[str, Any]:
    place = [_cut(part) for part in found["loc"][:_MAX_LOC_PARTS]]
    return {"type": found["type"], "loc": place, "msg": _cut(found["msg"])}


def _cut(text: str | int) -> str | int:
    return f"{text[:MAX_FIELD_TEXT]}…" if isinstance(text, str) and len(text) > MAX_FIELD_TEXT else text


def upstream_error(error: httpx2.HTTPError) -> UpstreamError:
    """A failed call of another service, without what that answered, and without the path and query of the call."""
    status = error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
    try:
        host = error.request.url.host
    except RuntimeError:  # the request was never made
        host = ""
    return UpstreamError(host=host or "A service", status=status)


def _app_problem(error: AppError) -> _Problem:
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == HTTPStatus.REQUEST_TIMEOUT:
        # The rest of the body is still to come, and nobody waits for it.
        headers["Connection"] = "close"
    detail: Any = error.user_message
    if isinstance(error, GraphValidationError):
        detail = {"type": "validation_error", "message": error.user_message, "node_errors": error.node_errors}
    if isinstance(error, RateLimitExceededError):
        headers["Retry-After"] = str(error.retry_after_seconds)
        detail = {"error": error.message, "message": error.user_message, **error.details}
    for_operators = status == HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, _ABOUT_SERVERS)
    if for_operators and error.user_message == error.message:
        # Such a message is for operators: it may name hosts and settings.
        text = _UNEXPECTED if status == HTTPStatus.INTERNAL_SERVER_ERROR else _AWAY
        return _Problem(status, error.code, error.severity, error.category, text, text, {}, headers)
    return _Problem(
        status, error.code, error.severity, error.category, error.user_message, detail, error.details, headers
    )


def _report(error: Exception, problem: _Problem, reference_id: str) -> None:
    context = {
        "reference_id": reference_id,
        "status": problem.status,
        "code": problem.code,
        "category": problem.category.value,
        "severity": problem.severity.value,
    }
    if isinstance(error, httpx2.HTTPError | UpstreamError):
        context |= problem.details
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("unexpected error", exc_info=error, **context)
    elif problem.severity in (Severity.HIGH, Severity.CRITICAL):
        _log.error("request failed", reason=_reason(error), **context)
    else:
        _log.warning("request refused", reason=problem.message, **context)


def _reason(error: Exception) -> str:
    """For operators. The text of an error of the HTTP client has the whole address."""
    return type(error).__name__ if isinstance(error, httpx2.HTTPError) else str(error)
