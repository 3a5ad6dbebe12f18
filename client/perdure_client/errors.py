"""What the client raises: one tree, rooted in `PerdureError`. No message ever contains the API key."""

from collections.abc import Mapping
from typing import Any


class PerdureError(Exception):
    """Root of the tree."""


class ConnectionFailed(PerdureError):
    """The gateway could not be reached, or the connection broke before it had answered."""


class Timeout(PerdureError):
    """The gateway did not answer in time."""


class RunUnfinished(Timeout):
    """A run goes on after the time that was given to wait for it.

    Attributes:
        execution_id: the run; `executions.wait` waits on.
    """

    def __init__(self, message: str, *, execution_id: str) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class UnexpectedAnswer(PerdureError):
    """Whatever answers at this address does not speak the gateway's language."""


class ApiError(PerdureError):
    """The gateway has refused a request or failed to serve it; `str(error)` says why.

    Attributes:
        status: HTTP status.
        error_code: upper snake case, for programs, for example "GRAPH_VALIDATION_ERROR"; "" where there is none.
        message: for people.
        details: further JSON values.
        node_errors: node id -> field -> message, if a graph was refused.
        reference_id: finds the request in the gateway's log.
        retry_after_seconds: how long the gateway asks to wait, if it does.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error_code: str = "",
        details: Mapping[str, Any] | None = None,
        node_errors: Mapping[str, Mapping[str, str]] | None = None,
        reference_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.error_code = error_code
        self.details: dict[str, Any] = dict(details or {})
        self.node_errors: dict[str, dict[str, str]] = {node: dict(found) for node, found in (node_errors or {}).items()}
        self.reference_id = reference_id
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.message} (HTTP {self.status})"


class ValidationFailed(ApiError):
    """400, 413 or 422: what was sent is wrong; `node_errors` says where, if it was a graph."""


class Unauthorized(ApiError):
    """401: there is no key, or it is not valid."""


class Forbidden(ApiError):
    """403: the key lacks a permission, or the block is disabled."""


class NotFound(ApiError):
    """404: it does not exist, or belongs to somebody else."""


class Conflict(ApiError):
    """409: something else is in the way."""


class RateLimited(ApiError):
    """429: too many requests."""


class Unavailable(ApiError):
    """502, 503 or 504: something the gateway needs does not answer."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: ValidationFailed,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: ValidationFailed,
    422: ValidationFailed,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def api_error(status: int, body: object, *, retry_after_seconds: float | None) -> ApiError:
    """The error that an answer stands for. `body` is its JSON, or None where it has none."""
    fields = _object(body)
    error, detail = _object(fields.get("error")), fields.get("detail")
    refused = _object(detail)
    message = error.get("message") or refused.get("message") or (detail if isinstance(detail, str) else "")
    if not message and isinstance(fields.get("error"), str):
        message = fields["error"]
    return _BY_STATUS.get(status, ApiError)(
        str(message or f"The gateway answered HTTP {status}."),
        status=status,
        error_code=str(error.get("error_code") or ""),
        details=_object(error.get("details")),
        node_errors={node: _object(found) for node, found in _object(refused.get("node_errors")).items()},
        reference_id=error.get("reference_id"),
        retry_after_seconds=retry_after_seconds,
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
