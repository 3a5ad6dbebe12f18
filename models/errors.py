"""The one tree of errors the system raises on purpose. It knows neither HTTP nor Temporal.

`message` is for logs and developers, `user_message` for people, `code` for programs. Where an error crosses a
boundary it is translated in one place: `services/gateway/errors.py` (HTTP) and `services/worker/interceptors.py`
(Temporal).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Category(StrEnum):
    VALIDATION = "validation"
    AUTH = "auth"
    RESOURCE = "resource"
    NETWORK = "network"
    SYSTEM = "system"
    BUSINESS = "business"


class AppError(Exception):
    """Root of the tree.

    Attributes:
        code: lower snake case, stable; on the wire it is the upper-case `error_code`.
        retryable: whether the same call may succeed later without any change.
        details: JSON values that help a program or a developer; never secrets.
    """

    code: ClassVar[str] = "system_error"
    severity: ClassVar[Severity] = Severity.HIGH
    category: ClassVar[Category] = Category.SYSTEM
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, user_message: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.user_message = user_message or message
        self.details: dict[str, Any] = dict(details or {})


# --- the caller's request ---------------------------------------------------------------------------------------


class InvalidRequestError(AppError):
    code = "invalid_request"
    severity = Severity.LOW
    category = Category.VALIDATION


class GraphValidationError(InvalidRequestError):
    """A graph, or the inputs of a run, that cannot be executed.

    `node_errors` maps node id -> field -> message.
    """

    code = "graph_validation_error"

    def __init__(self, message: str, *, node_errors: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.node_errors: dict[str, dict[str, str]] = {k: dict(v) for k, v in (node_errors or {}).items()}
        super().__init__(message, details={"node_errors": self.node_errors})


class PayloadTooLargeError(InvalidRequestError):
    code = "payload_too_large"


class RequestTimeoutError(InvalidRequestError):
    """The body of a request comes too slowly."""

    code = "request_timeout"


class UnsupportedMediaTypeError(InvalidRequestError):
    """The body of a request is, or says it is, of another type than the route takes."""

    code = "unsupported_media_type"


class IdempotencyKeyReusedError(InvalidRequestError):
    code = "idempotency_key_reused"


class UnauthenticatedError(AppError):
    code = "unauthenticated"
    severity = Severity.LOW
    category = Category.AUTH


class ForbiddenError(AppError):
    code = "forbidden"
    severity = Severity.MEDIUM
    category = Category.AUTH


class NotFoundError(AppError):
    """Something does not exist, or belongs to somebody else: the two are not told apart."""

    code = "not_found"
    severity = Severity.LOW
    category = Category.RESOURCE


class ConflictError(AppError):
    code = "conflict"
    severity = Severity.LOW
    category = Category.RESOURCE


class TooManyRequestsError(AppError):
    code = "too_many_requests"
    severity = Severity.LOW
    category = Category.RESOURCE
    retryable = True


class RateLimitExceededError(TooManyRequestsError):
    """A caller has used up what a window of time grants. `reset`: seconds since 1970, when there is room again."""

    code = "rate_limit_exceeded"

    def __init__(self, *, limit: int, remaining: int, reset: int, retry_after_seconds: int) -> None:
        super().__init__(
            "Rate limit exceeded",
            user_message="Too many requests. Please try again later.",
            details={"limit": limit, "remaining": remaining, "reset": reset},
        )
        self.retry_after_seconds = retry_after_seconds


class InsufficientCreditsError(AppError):
    """A balance does not cover what is asked for; `required` and `available` in credits, where they are known."""

    code = "insufficient_credits"
    severity = Severity.MEDIUM
    category = Category.BUSINESS

    def __init__(
        self, message: str | None = None, *, required: int | None = None, available: int | None = None
    ) -> None:
        known = {"required": required, "available": available}
        super().__init__(
            message or f"Insufficient credits: required {required}, available {available}",
            user_message=message or "Insufficient balance to execute the agent. Please top up your account.",
            details={name: value for name, value in known.items() if value is not None},
        )


class BlockDisabledError(ForbiddenError):
    code = "block_disabled"


# --- the parts we depend on -------------------------------------------------------------------------------------


class ServiceUnavailableError(AppError):
    """A server we need (Postgres, Redis, Temporal) does not answer."""

    code = "service_unavailable"
    category = Category.NETWORK
    retryable = True


class UpstreamError(AppError):
    """Somebody else's HTTP service failed us. What it answered beyond its status is never told."""

    code = "upstream_failed"
    severity = Severity.MEDIUM
    category = Category.NETWORK
    retryable = True

    def __init__(self, *, host: str, status: int | None = None) -> None:
        """`status` is None if there was no answer."""
        what = f"answered with status {status}" if status is not None else "did not answer"
        super().__init__(
            f"{host} {what}.",
            user_message="A service that this needs has failed. Please try again later.",
            details={"host": host, "status": status},
        )
        self.host = host
        self.status = status


class ConfigurationError(AppError):
    code = "configuration_error"
    severity = Severity.CRITICAL


# --- running a block --------------------------------------------------------------------------------------------


class BlockError(AppError):
    """A node execution that ends FAILED; its message is routed on the `error` pin."""

    code = "block_failed"
    severity = Severity.LOW
    category = Category.BUSINESS


class BlockInputError(BlockError):
    code = "block_input_invalid"
    category = Category.VALIDATION


class BlockOutputError(BlockError):
    code = "block_output_invalid"


class BlockTransientError(BlockError):
    """Network trouble, 429, 5xx or a time-out of a third party: worth another attempt."""

    code = "block_transient"
    category = Category.NETWORK
    retryable = True


class BlockTimeoutError(BlockTransientError):
    """The block ran longer than it may."""

    code = "block_timeout"


class BlockConfigurationError(BlockError):
    """The server lacks what the block needs, for example an API key; the message says what to set."""

    code = "block_not_configured"


class ValueTooLargeError(BlockError):
    code = "value_too_large"
    category = Category.RESOURCE


class OutcomeUnknownError(BlockError):
    """A block with side effects was interrupted after it began; repeating it might do the effect twice."""

    code = "outcome_unknown"
    severity = Severity.MEDIUM


class StreamInterruptedError(BlockError):
    """Some values of a stream have gone on, and the rest is lost."""

    code = "stream_interrupted"


class UnknownBlockError(BlockError):
    code = "unknown_block"
    category = Category.VALIDATION
