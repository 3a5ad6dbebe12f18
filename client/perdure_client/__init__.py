"""Client of Perdure, durable agent graphs.

`PerdureClient` blocks, `AsyncPerdureClient` has the same methods as coroutines.
"""

from perdure_client._async.client import AsyncPerdureClient
from perdure_client._request import Page
from perdure_client._sync.client import PerdureClient
from perdure_client.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotFound,
    PerdureError,
    RateLimited,
    RunUnfinished,
    Timeout,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    ValidationFailed,
)

__all__ = [
    "ApiError",
    "AsyncPerdureClient",
    "Conflict",
    "ConnectionFailed",
    "Forbidden",
    "NotFound",
    "Page",
    "PerdureClient",
    "PerdureError",
    "RateLimited",
    "RunUnfinished",
    "Timeout",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "ValidationFailed",
]
